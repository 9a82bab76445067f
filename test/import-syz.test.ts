import { describe, expect, it } from 'vitest';
import { ioctlsOf, linesOf } from './support/captures.ts';

const PROGRAM = [
  'r0 = openat$iommufd(0xffffffffffffff9c, &(0x7f0000000000), 0x0, 0x0)',
  'ioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &(0x7f0000000040)={0xc, 0x0, <r1=>0x0})',
  'ioctl$IOMMU_DESTROY(r0, 0x3b80, &(0x7f0000000080)={0x8, r1})',
].join('\n');

describe('syzkaller text', () => {
  it('is the calls of a program, without results', () => {
    const [header, ...lines] = linesOf(`${PROGRAM}\n`);
    expect(header?.ev).toBe('trace');
    const calls = ioctlsOf(lines);
    expect(calls.map(({ req }) => req)).toEqual(['0x3b81', '0x3b80']);
    for (const { ret, errno, out } of calls)
      expect([ret, errno, out]).toEqual([undefined, undefined, undefined]);
  });

  it('is one recording after another in an execution log', () => {
    const log = [
      '2026/11/21 10:00:00 executing program 0:',
      PROGRAM,
      '[   12.345678] iommufd_mock iommufd_mock0: Adding to iommu group 0',
      '',
      '10:00:01 executing program 3 (fault-call:1 fault-nth:0):',
      PROGRAM,
      '',
    ].join('\n');
    const lines = linesOf(log);
    expect(lines.filter(({ ev }) => ev === 'trace').length).toBe(2);
    expect(ioctlsOf(lines).length).toBe(4);
  });

  it('is refused where it has no call of ours, and where it breaks off', () => {
    expect(() => linesOf('getpid()\n')).toThrow(/TRC024-no-events/);
    expect(() => linesOf(`${PROGRAM.slice(0, -4)}\n`)).toThrow(/TRC020-bad-syzkaller-text/);
  });
});
