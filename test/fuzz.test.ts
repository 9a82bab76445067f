import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { writeC } from '../traces/c-export.ts';
import { parseLine } from '../traces/format.ts';
import { CHUNK_RUNS, type FuzzOptions, fuzzChunk } from '../traces/fuzz.ts';
import { coveringPrograms, expectationsOf } from '../traces/fuzz-cover.ts';
import { FuzzReport, fuzzJson } from '../traces/fuzz-report.ts';
import { NO_REASON, ruleCoverage, rulesOf } from '../traces/fuzz-rules.ts';
import { recordingOf, writeJsonl } from '../traces/jsonl-export.ts';
import type { Program, Step } from '../traces/program.ts';
import { canonical } from '../traces/program-canonical.ts';
import { FUZZ_MEMORY } from '../traces/program-memory.ts';
import { targetOf } from '../traces/program-target.ts';
import { openSession } from '../traces/replay-trace.ts';
import { readSyz } from '../traces/syz-read.ts';
import { writeSyz } from '../traces/syz-write.ts';

const MOCK = targetOf('7.3.4', 'mock');

function optionsFor(iommu: string, kernel = '7.3.4'): FuzzOptions {
  return { target: targetOf(kernel, iommu), seed: 1, commands: 30, wrong: 0.25 };
}

function programsOf(options: FuzzOptions, runs: number): Program[] {
  const { pioneers } = fuzzChunk(options, 0, runs);
  return pioneers.map((steps) => canonical({ target: options.target, memory: FUZZ_MEMORY, steps }));
}

describe('fuzz', () => {
  it.each(['mock', 'intel-vtd', 'amd', 'arm-smmu-v3'])('breaks no invariant on %s', (iommu) => {
    const { failures, commands } = fuzzChunk(optionsFor(iommu), 0, 300);
    expect(failures).toEqual([]);
    expect(commands).toBeGreaterThan(300 * 20);
  });

  it('runs on 6.12.117 too', () => {
    expect(fuzzChunk(optionsFor('mock', '6.12.117'), 0, 200).failures).toEqual([]);
  });

  it('does the same again with the same seed, and something else with another', () => {
    const first = fuzzChunk(optionsFor('mock'), 0, 100);
    expect(fuzzChunk(optionsFor('mock'), 0, 100)).toEqual(first);
    expect(fuzzChunk({ ...optionsFor('mock'), seed: 2 }, 0, 100).visits).not.toEqual(first.visits);
  });

  it('goes on where allocations fail', () => {
    const { failures, pioneers } = fuzzChunk({ ...optionsFor('mock'), failNth: true }, 0, 100);
    expect(failures).toEqual([]);
    expect(pioneers.flat().some(({ props }) => props.failNth !== undefined)).toBe(true);
  });

  it('reaches most rules of the mock soon, and says why it misses the others', () => {
    const { visits } = fuzzChunk(optionsFor('mock'), 0, CHUNK_RUNS);
    const reached = new Set(visits.map(([place]) => place));
    const coverage = ruleCoverage(MOCK, (rule) => reached.has(rule));
    expect(coverage.hit / coverage.total).toBeGreaterThan(0.8);
    expect(Object.keys(coverage.reasons)).toEqual(coverage.missed);
    expect(rulesOf(targetOf('7.3.4', 'intel-vtd'))).toContain('vfio-bind/bound');
    expect(rulesOf(MOCK)).not.toContain('vfio-bind/bound');
  });

  it('reports in the JSON of the command line', () => {
    const report = new FuzzReport(optionsFor('mock'));
    report.add(fuzzChunk(optionsFor('mock'), 0, 20));
    const json = fuzzJson(report, report.failures(), 1, 10);
    expect(json).toMatchObject({ schema: 'ioasis.fuzz/1', seed: 1, runs: 20, failures: [] });
    expect(Object.keys(json)).toEqual(
      expect.arrayContaining(['commands', 'commandsPerSecond', 'rules', 'failures']),
    );
  });
});

describe('a fuzzed program', () => {
  const programs = [
    ...programsOf(optionsFor('mock'), 120),
    ...programsOf(optionsFor('intel-vtd'), 60),
    ...programsOf(optionsFor('mock', '6.12.117'), 60),
  ];

  it('is read back from syzkaller text as it was', () => {
    for (const program of programs) {
      const back = readSyz(writeSyz(program), 'fuzz').program;
      if (!isDeepStrictEqual(back, program)) expect(back).toEqual(program);
    }
  });

  it('is replayed from its recording with the results that it holds', () => {
    const different: string[] = [];
    let calls = 0;
    for (const program of programs) {
      const lines = writeJsonl(program)
        .trim()
        .split('\n')
        .map((text, index) => parseLine(text, { file: 'program', line: index + 1 }));
      const [header] = lines;
      if (header?.ev !== 'trace') throw new Error('a recording begins with its header');
      const { engine } = openSession(header, { file: 'program', line: 1 }, {});
      for (const line of lines.slice(1)) {
        const result = engine.feed(line);
        calls += result === undefined ? 0 : 1;
        if (result?.verdict === 'diverging')
          different.push(`${result.command} ${JSON.stringify(result.difference)}`);
      }
    }
    expect(different).toEqual([]);
    expect(calls).toBeGreaterThan(1000);
  });

  it('is a C test that compilers have nothing to say against', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'ioasis-c-'));
    const file = join(folder, 'test.c');
    const failing = programs.slice(0, 12).map((program) => ({
      ...program,
      steps: program.steps.map(
        (step): Step => (step.call === 'ioctl' ? { ...step, props: { failNth: 1 } } : step),
      ),
    }));
    writeFileSync(file, writeC([...programs, ...failing], 'test'));
    const { error, status, stderr } = spawnSync(
      'cc',
      ['-Wall', '-Wextra', '-Werror', '-c', '-o', join(folder, 'test.o'), file],
      { encoding: 'utf8' },
    );
    if (error !== undefined) context.skip();
    expect([status, stderr]).toEqual([0, '']);
  });
});

describe('docs/FUZZING.md', () => {
  it('names the rules of the mock that nothing reaches, and no other', () => {
    const document = readFileSync(new URL('../docs/FUZZING.md', import.meta.url), 'utf8');
    const [, section = ''] = /^## Coverage$(.*?)^## /ms.exec(document) ?? [];
    const named = [...section.matchAll(/`([a-z0-9-]+\/[a-z0-9-]+)`/g)].map(([, rule]) => rule);
    const { reasons } = ruleCoverage(MOCK, () => false);
    const known = Object.keys(reasons).filter((rule) => reasons[rule] !== NO_REASON);
    expect(named.sort()).toEqual(known.sort());
  });
});

describe('a cover of rules', () => {
  const { visits, pioneers } = fuzzChunk(optionsFor('mock'), 0, 150);
  const cover = coveringPrograms(MOCK, pioneers);

  it('reaches every rule that the campaign reached, each program for rules of its own', () => {
    const reached = visits.map(([place]) => place).filter((place) => place.includes('/'));
    expect(cover.flatMap(({ rules }) => rules).sort()).toEqual(reached.sort());
    expect(cover.length).toBeLessThan(pioneers.length);
  });

  it('says what every call has to answer', () => {
    for (const { program, rules } of cover) {
      const told = expectationsOf(program).map(({ rule }) => rule);
      expect(rules.filter((rule) => !told.includes(rule))).toEqual([]);
      expect(recordingOf(program).length).toBeGreaterThan(program.steps.length);
    }
  });
});
