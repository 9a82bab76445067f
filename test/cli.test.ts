import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  CORPUS,
  fileWith,
  HEADER,
  IOAS_ALLOC,
  interrupted,
  ioasis,
  OPEN,
  PROGRAM,
  recording,
} from './support/cli.ts';

const strace = join(CORPUS, 'kernel-7.3.4/strace');
const vfio = join(CORPUS, 'kernel-7.3.4/vfio-smmuv3');
const warned = join(CORPUS, 'kernel-7.3.4/warned');

function jsonOf(args: readonly string[]): Record<string, unknown> {
  const { elapsedMs, callsPerSecond, ...rest } = JSON.parse(ioasis(args).stdout);
  expect(elapsedMs).toBeGreaterThan(0);
  expect(callsPerSecond).toBeGreaterThan(0);
  return rest;
}

/** A recording of one context in which the kernel answered with a wrong id. */
const WRONG = recording(HEADER, OPEN, { ...IOAS_ALLOC, out: '0c0000000000000002000000' });

describe('ioasis', () => {
  it('runs by its own name, as npx runs it', () => {
    const { status, stdout } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: ioasis(['--version']).stdout });
  });

  it.each(['replay', 'predict', 'explain', 'show', 'compare'])('has an example in the help of %s', (verb) => {
    const { status, stdout } = ioasis([verb, '--help']);
    expect(stdout).toMatch(/Example/);
    expect(stdout).toContain(`ioasis ${verb} `);
    expect(status).toBe(0);
  });

  it('has every verb in docs/CLI.md, and no other', () => {
    const page = readFileSync(fileURLToPath(new URL('../docs/CLI.md', import.meta.url)), 'utf8');
    const described = [...page.matchAll(/^## `ioasis (\w+)/gm)].map(([, verb]) => verb);
    const { stdout } = ioasis(['--help']);
    const offered = [...stdout.matchAll(/^ {2}(\w+) \[options\]/gm)].map(([, verb]) => verb);
    expect(described.toSorted()).toEqual(offered.toSorted());
  });

  it('tells its version', () => {
    expect(ioasis(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('ioasis replay', () => {
  it('ends with status 0 where everything is as it should be', () => {
    const { status, stdout, stderr } = ioasis(['replay', '-'], recording(HEADER, OPEN, IOAS_ALLOC));
    expect(stderr).toBe('');
    expect(stdout).toContain('Linux 7.3.4 on mock: 1 trace, 1 call in');
    expect(stdout).toContain('1 of 1 comparable call as the kernel answered them');
    expect(status).toBe(0);
  });

  it('ends with status 1 on a divergence, and says what, where and why', () => {
    const { status, stdout } = ioasis(['replay', '-'], WRONG);
    expect(stdout).toContain('- seq 2 process 7 IOMMU_IOAS_ALLOC');
    expect(stdout).toContain('out from byte 8: recorded 02000000, predicted 01000000');
    expect(stdout).toContain('IoasAllocated');
    expect(status).toBe(1);
  });

  it('says of a divergence in a file which objects and earlier calls it rests on', () => {
    const again = { ...IOAS_ALLOC, seq: 3, in: '0c0000000000000000000000', out: '0c0000000000000003000000' };
    const path = fileWith('wrong.jsonl', recording(HEADER, OPEN, IOAS_ALLOC, again));
    const { stdout } = ioasis(['replay', path, '--kernel', '6.12.117', '--format', 'recorder']);
    expect(stdout).toContain('out from byte 8: recorded 03000000, predicted 02000000');
    expect(stdout).toMatch(/follows from\n +2: IOMMU_IOAS_ALLOC/);
    expect(stdout).toContain(`more: ioasis explain ${path} 3 --kernel 6.12.117 --format recorder\n`);
  });

  it('prints the divergence as JSON', () => {
    const { status, stdout } = ioasis(['replay', '--json', '-'], WRONG);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'ioasis.replay/1',
      kernel: '7.3.4',
      iommu: 'mock',
      totals: { traces: 1, calls: 1, conforming: 0, diverging: 1, undetermined: 0, unchecked: 0 },
      commands: { IOMMU_IOAS_ALLOC: { calls: 1, diverging: 1 } },
      divergences: [{ trace: '-', seq: 2, pid: 7, command: 'IOMMU_IOAS_ALLOC', field: 'out', rule: null }],
      undetermined: [],
      invariants: [],
    });
    expect(status).toBe(1);
  });

  it('ends with status 1 on a broken invariant, names it, and checks no further in that context', () => {
    const { status, stdout } = ioasis(['replay', '--json', warned]);
    const { invariants, totals } = JSON.parse(stdout);
    expect(invariants.length).toBeGreaterThan(0);
    expect(invariants[0].invariant).toContain('PASID');
    expect(totals.unchecked).toBeGreaterThan(0);
    expect(status).toBe(1);
  });

  it('says the same with many threads as with one', () => {
    const alone = jsonOf(['replay', '--json', vfio, strace]);
    const together = jsonOf(['replay', '--json', '--jobs', '3', vfio, strace]);
    expect(JSON.stringify(together)).toBe(JSON.stringify(alone));
  });

  it('stops after the line that --until names', () => {
    const lines = recording(HEADER, OPEN, IOAS_ALLOC, { ...IOAS_ALLOC, seq: 3 });
    const { stdout } = ioasis(['replay', '--json', '--until', '2', '-'], lines);
    expect(JSON.parse(stdout).totals.calls).toBe(1);
  });

  it('takes --kernel and --iommu for the words of the trace', () => {
    const path = fileWith(
      'future.jsonl',
      recording({ ...HEADER, kernel: '9.9', iommu: '?' }, OPEN, IOAS_ALLOC),
    );
    const { stdout } = ioasis(['replay', '--json', '--kernel', '6.12.117', '--iommu', 'mock', path]);
    expect(JSON.parse(stdout)).toMatchObject({
      kernel: '6.12.117',
      iommu: 'mock',
      totals: { conforming: 1 },
    });
  });

  it('counts calls without a recorded result as unrecorded', () => {
    const { ret: _ret, out: _out, ...asked } = IOAS_ALLOC;
    const { status, stdout } = ioasis(['replay', '--json', '-'], recording(HEADER, OPEN, asked));
    expect(JSON.parse(stdout).totals).toMatchObject({ calls: 1, conforming: 0, unrecorded: 1 });
    expect(status).toBe(0);
  });

  it('prints what was finished so far when it is interrupted, and ends with status 130', async () => {
    const calls = Array.from({ length: 20_000 }, (_, index) => ({ ...IOAS_ALLOC, fd: 9, seq: 2 + index }));
    const input = recording(HEADER, OPEN, ...calls);
    const { status, stdout, stderr } = await interrupted(['replay', '--json', '-'], input);
    const { totals } = JSON.parse(stdout);
    expect(totals).toMatchObject({ traces: 1, diverging: 0 });
    expect(totals.calls).toBeGreaterThan(0);
    expect(stderr).toBe('ioasis: interrupted: what was finished so far has been printed\n');
    expect(status).toBe(130);
  });

  it('uses no colour and no progress bar where nobody watches', () => {
    const { stdout, stderr } = ioasis(['replay', strace]);
    expect(stdout).not.toContain('\u001b');
    expect(stderr).toBe('');
  });
});

describe('ioasis predict', () => {
  it('prints one line of JSON a call', () => {
    const { ret: _ret, out: _out, ...asked } = IOAS_ALLOC;
    const refused = { ...asked, seq: 3, in: '0c0000000100000000000000' };
    const { status, stdout } = ioasis(['predict', '-'], recording(HEADER, OPEN, asked, refused));
    const lines = stdout.trim().split('\n');
    const call = { trace: '-', pid: 7, call: 'ioctl', command: 'IOMMU_IOAS_ALLOC' };
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        ...call,
        seq: 2,
        ret: 0,
        errno: null,
        out: '0c0000000000000001000000',
        rule: null,
        undetermined: null,
      },
      { ...call, seq: 3, ret: -1, errno: 'EOPNOTSUPP', rule: 'ioas-alloc/flags', undetermined: null },
    ]);
    expect(status).toBe(0);
  });

  it('does not look at results', () => {
    const right = ioasis(['predict', '-'], recording(HEADER, OPEN, IOAS_ALLOC));
    expect(ioasis(['predict', '-'], WRONG)).toEqual(right);
  });

  it('names the missing fact where nothing can be told', () => {
    const { stdout } = ioasis(['predict', '-'], recording(HEADER, OPEN, { ...IOAS_ALLOC, fd: 9 }));
    const { ret, errno, rule, undetermined } = JSON.parse(stdout);
    expect([ret, errno, rule]).toEqual([null, null, null]);
    expect(undetermined).toContain('descriptor 9');
  });

  it('ends quietly when its reader has seen enough', () => {
    const pipe = `"$0" "$1" predict "$2" | head -n 1; test "\${PIPESTATUS[0]}" = 0`;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', pipe, process.execPath, PROGRAM, vfio], {
      encoding: 'utf8',
    });
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
