import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ERRNO, type ErrnoName } from '../events/errno.ts';
import { parseLine } from '../traces/format.ts';
import { writeJsonl } from '../traces/jsonl-export.ts';
import type { Program } from '../traces/program.ts';
import { canonical } from '../traces/program-canonical.ts';
import { ProgramCutter } from '../traces/program-cut.ts';
import { errnoNameOf, ProgramMachine } from '../traces/program-machine.ts';
import { readTrace } from '../traces/read-trace.ts';
import { openSession } from '../traces/replay-trace.ts';
import { readSyzPrograms } from '../traces/syz-read.ts';
import { writeSyz } from '../traces/syz-write.ts';
import { CORPUS } from './support/cli.ts';

async function programsOf(name: string): Promise<Program[]> {
  const programs: Program[] = [];
  const cutter = new ProgramCutter((program) => programs.push(program));
  await readTrace(join(CORPUS, name), (line) => cutter.feed(line));
  cutter.end();
  return programs;
}

const recordings = [
  'kernel-7.3.4/fuzz/fuzz-000001.jsonl.gz',
  'kernel-7.3.4/vfio-vtd/vtd-000001.jsonl.gz',
  'kernel-7.3.4/vfio-smmuv3/smmuv3-000001.jsonl.gz',
  'kernel-6.12.117/fuzz/fuzz-000001.jsonl.gz',
];

describe('a program cut from a recording', () => {
  it.each(recordings)('is read back from syzkaller text as it was: %s', async (name) => {
    const programs = await programsOf(name);
    expect(programs.length).toBeGreaterThan(0);
    const together = readSyzPrograms(programs.map(writeSyz).join(''), name);
    // Compared as a whole: of a difference among 10,000 calls the first is told.
    expect(together.length).toBe(programs.length);
    for (const [index, { program }] of together.entries())
      if (!isDeepStrictEqual(program, programs[index])) expect(program).toEqual(programs[index]);
  });

  it('is canonical already', async () => {
    const [program] = await programsOf('kernel-7.3.4/fuzz/fuzz-000001.jsonl.gz');
    expect(canonical(program as Program)).toEqual(program);
  });

  it('answers as the kernel answered, though its structs lie elsewhere', async () => {
    const path = join(CORPUS, 'kernel-7.3.4/fuzz/fuzz-000001.jsonl.gz');
    const recorded: (number | undefined)[][] = [];
    await readTrace(path, (line) => {
      if (line.ev === 'program') recorded.push([]);
      if (line.ev === 'ioctl') recorded.at(-1)?.push(line.errno);
    });
    const programs = await programsOf('kernel-7.3.4/fuzz/fuzz-000001.jsonl.gz');
    const told = recorded.filter((calls) => calls.length > 0);
    expect(programs.length).toBe(told.length);
    let calls = 0;
    let same = 0;
    for (const [index, program] of programs.entries()) {
      const errnos = program.steps.filter(({ call }) => call === 'ioctl').length;
      expect(errnos).toBe(told[index]?.length);
      for (const [call, errno] of errnosOf(program).entries()) {
        calls++;
        if (errno === 'unknown' || errno === told[index]?.[call]) same++;
      }
    }
    expect(same / calls).toBeGreaterThan(0.99);
  });
});

function errnosOf(program: Program): (number | 'unknown' | undefined)[] {
  const machine = new ProgramMachine(program.target);
  machine.start(program.memory);
  const errnos: (number | 'unknown' | undefined)[] = [];
  for (const step of program.steps) {
    const outcome = machine.perform(step);
    if (step.call !== 'ioctl') continue;
    const name = errnoNameOf(outcome);
    errnos.push(
      outcome.missing !== undefined ? 'unknown' : name === undefined ? undefined : ERRNO[name as ErrnoName],
    );
  }
  return errnos;
}

describe('a program as a recording', () => {
  it('is replayed with the results that it holds', async () => {
    const [program] = await programsOf('kernel-7.3.4/fuzz/fuzz-000001.jsonl.gz');
    const [header, ...lines] = writeJsonl(program as Program)
      .trim()
      .split('\n')
      .map((text, index) => parseLine(text, { file: 'program', line: index + 1 }));
    if (header?.ev !== 'trace') throw new Error('a recording begins with its header');
    const { engine } = openSession(header, { file: 'program', line: 1 }, {});
    const results = lines.map((line) => engine.feed(line)).filter((result) => result !== undefined);
    expect(results.length).toBeGreaterThan(50);
    expect(results.filter(({ verdict }) => verdict === 'diverging')).toEqual([]);
  });
});
