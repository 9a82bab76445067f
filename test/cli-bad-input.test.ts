import { mkdtempSync, openSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fileWith, HEADER, IOAS_ALLOC, ioasis, OPEN, recording } from './support/cli.ts';

const MB = 1_000_000;

/** The one line on stderr that bad input or bad usage gets, for both verbs that read traces. */
function complaints(path: string): string[] {
  return ['replay', 'predict'].map((verb) => {
    const { status, stderr } = ioasis([verb, path]);
    expect(stderr).toMatch(/^ioasis: [^\n]+\n$/);
    expect(stderr).not.toContain('    at ');
    expect(status).toBe(2);
    return stderr.trim();
  });
}

/** A recording that is right but for `line`, its third. */
function withLine(name: string, line: Readonly<Record<string, unknown>> | string): string {
  return fileWith(name, recording(HEADER, OPEN, line));
}

function hugeLine(): string {
  const path = fileWith('huge-line.jsonl', recording(HEADER, OPEN));
  const file = openSync(path, 'a');
  writeSync(file, '{"seq":"');
  truncateSync(path, 200 * MB);
  return path;
}

const damaged: readonly [name: string, path: () => string, place: string][] = [
  ['a missing file', () => '/no/such/file.jsonl', '/no/such/file.jsonl: TRC013-unreadable'],
  ['an empty file', () => fileWith('empty.jsonl', ''), 'empty.jsonl: TRC009-empty'],
  ['a folder without traces', () => mkdtempSync(join(tmpdir(), 'ioasis-')), 'TRC014-no-traces'],
  [
    'a gzip file cut in the middle',
    () => {
      const whole = gzipSync(recording(HEADER, OPEN, ...Array.from({ length: 500 }, () => IOAS_ALLOC)));
      return fileWith('cut.jsonl.gz', whole.subarray(0, whole.length / 2));
    },
    'TRC010-cut-short',
  ],
  [
    'a text that only begins with our name',
    () => fileWith('title.md', '# ioasis\n\nA title.\n'),
    'TRC001-not-json',
  ],
  ['a line that is no JSON', () => withLine('not.jsonl', 'seq=1'), 'not.jsonl:3: TRC001-not-json'],
  ['JSON that is no object', () => withLine('array.jsonl', '[1]'), 'array.jsonl:3: TRC001-not-json'],
  [
    'an unknown kind of line',
    () => withLine('ev.jsonl', { ...IOAS_ALLOC, ev: 'ioctrl' }),
    'ev.jsonl:3: TRC002-unknown-event',
  ],
  [
    'another version of the format',
    () => fileWith('version.jsonl', recording({ ...HEADER, version: 3 })),
    'version.jsonl:1: TRC003-bad-header',
  ],
  ['no header', () => fileWith('headless.jsonl', recording(OPEN)), 'headless.jsonl:1: TRC003-bad-header'],
  [
    'a missing field',
    () => withLine('field.jsonl', { ...IOAS_ALLOC, req: undefined }),
    'field.jsonl:3: TRC004-missing-field',
  ],
  [
    'bytes with an odd count of digits',
    () => withLine('odd.jsonl', { ...IOAS_ALLOC, in: '0c0' }),
    'odd.jsonl:3: TRC006-bad-hex',
  ],
  [
    'a number beyond 64 bits',
    () => withLine('big.jsonl', { ...IOAS_ALLOC, arg: '0x10000000000000000' }),
    'big.jsonl:3: TRC007-beyond-64-bits',
  ],
  ['200 MB on one line', hugeLine, 'huge-line.jsonl:3: TRC008-line-too-long'],
  [
    'a kernel without a profile',
    () => fileWith('kernel.jsonl', recording({ ...HEADER, kernel: '5.0' })),
    'kernel.jsonl:1: TRC015-unknown-kernel: expected kernel to be one of 7.3.4, 6.12.117, found "5.0"',
  ],
  [
    'an unknown IOMMU',
    () => fileWith('iommu.jsonl', recording({ ...HEADER, iommu: 'abacus' })),
    'iommu.jsonl:1: TRC016-unknown-iommu',
  ],
  [
    'an unknown architecture',
    () => fileWith('arch.jsonl', recording({ ...HEADER, arch: 'pdp11' })),
    'arch.jsonl:1: TRC017-unknown-architecture',
  ],
];

describe('ioasis, given bad input', () => {
  it.each(damaged)('says in one line where and what: %s', (_name, path, place) => {
    for (const complaint of complaints(path())) expect(complaint).toContain(place);
  });

  it('reports the calls before the damage, and the other files', () => {
    const cut = withLine('half.jsonl', 'seq=1');
    const whole = withLine('whole.jsonl', IOAS_ALLOC);
    const { status, stdout, stderr } = ioasis(['replay', '--json', cut, whole]);
    const { totals, damaged: said } = JSON.parse(stdout);
    expect(totals).toMatchObject({ traces: 2, calls: 1, conforming: 1 });
    expect(said).toHaveLength(1);
    expect(stderr).toContain('half.jsonl:3: TRC001-not-json');
    expect(status).toBe(2);
  });

  it('takes a call on a descriptor that was never opened for undetermined', () => {
    const path = withLine('lineage.jsonl', { ...IOAS_ALLOC, fd: 99 });
    const { status, stdout, stderr } = ioasis(['replay', '--json', path]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { totals, undetermined } = JSON.parse(stdout);
    expect(totals).toMatchObject({ calls: 1, undetermined: 1, diverging: 0 });
    expect(undetermined[0]).toMatchObject({ seq: 2, command: 'IOMMU_IOAS_ALLOC' });
    expect(undetermined[0].missing).toContain('descriptor 99');
  });
});

const misused: readonly [args: readonly string[], complaint: string][] = [
  [[], 'expected a verb'],
  [['replai'], "unknown command 'replai' (Did you mean replay?)"],
  [['replay'], "missing required argument 'trace'"],
  [['predict'], "missing required argument 'trace'"],
  [['replay', '--jsom', 'x'], "unknown option '--jsom' (Did you mean --json?)"],
  [['replay', '--kernel', '2.4', 'x'], 'Allowed choices are 7.3.4, 6.12.117'],
  [['replay', '--iommu', 'abacus', 'x'], 'Allowed choices are mock, intel-vtd, amd, arm-smmu-v3'],
  [['replay', '--jobs', '0', 'x'], 'expected a whole number from 1 on'],
  [['replay', '--until', 'x', 'x'], 'expected a whole number from 0 on'],
];

describe('ioasis, used badly', () => {
  it.each(misused)('ends with status 2 and one line: %j', (args, complaint) => {
    const { status, stdout, stderr } = ioasis(args);
    expect(stderr).toMatch(/^ioasis: [^\n]+\n$/);
    expect(stderr).toContain(complaint);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });
});
