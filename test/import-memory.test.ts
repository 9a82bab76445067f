import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryMap } from '../traces/import/memory-map.ts';
import { linesOf, replayed } from './support/captures.ts';

const PRIVATE = 0x22;
const SHARED = 0x21;
const FROM_FILE = 2;
const READ_WRITE = 3;
const TOP = '0x7ffffffff000';

/** Start, end, permissions and kind of what is told. */
const shown = (map: MemoryMap): unknown =>
  map.told()?.map(([start, end, rights, kind]) => [start, end, rights, kind]);

describe('the memory of a captured process', () => {
  it('is unknown but for what was mapped since', () => {
    const map = new MemoryMap();
    expect(map.told()).toBeUndefined();
    map.mapped(0x20000, 0x1800, READ_WRITE, PRIVATE, undefined, 0);
    expect(shown(map)).toEqual([
      ['0x0', '0x20000', 'rwxp', 'unknown'],
      ['0x20000', '0x22000', 'rw-p', 'anon'],
      ['0x22000', TOP, 'rwxp', 'unknown'],
    ]);
    expect(map.told()).toBeUndefined();
  });

  it.each([
    ['shared memory', SHARED, undefined, 'rw-s', 'shm'],
    ['a file', FROM_FILE, '/usr/lib/libc.so', 'rw-p', 'file'],
    ['a device', 1, '/dev/vfio/devices/vfio0', 'rw-s', 'device'],
    ['a file of which nothing is known', 1, undefined, 'rw-s', 'unknown'],
  ])('has %s', (_title, flags, path, rights, kind) => {
    const map = new MemoryMap();
    map.mapped(0x1000, 0x1000, READ_WRITE, flags, path, 0);
    expect(shown(map)).toContainEqual(['0x1000', '0x2000', rights, kind]);
  });

  it('is cut, protected, moved and grown by system calls', () => {
    const map = new MemoryMap();
    map.snapshot('10000-20000 rw-p 00000000 00:00 0 ');
    map.snapshot('30000-40000 rw-p 00000000 00:00 0                          [heap]');
    map.unmapped(0x12000, 0x1000);
    map.protectedAs(0x14000, 0x1000, 1);
    map.moved(0x18000, 0x1000, 0x50000, 0x2000);
    map.heapEnds(0x41234);
    expect(shown(map)).toEqual([
      ['0x10000', '0x12000', 'rw-p', 'anon'],
      ['0x13000', '0x14000', 'rw-p', 'anon'],
      ['0x14000', '0x15000', 'r--p', 'anon'],
      ['0x15000', '0x18000', 'rw-p', 'anon'],
      ['0x19000', '0x20000', 'rw-p', 'anon'],
      ['0x30000', '0x42000', 'rw-p', 'heap'],
      ['0x50000', '0x52000', 'rw-p', 'anon'],
    ]);
  });

  it('knows the gaps of a snapshot, except where the stack may have grown', () => {
    const map = new MemoryMap();
    map.snapshot('7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]');
    map.snapshot(
      '7f0000000000-7f0000001000 rw-s 00000000 00:01 4242                       /memfd:ram (deleted)',
    );
    expect(shown(map)).toEqual([
      ['0x7f0000000000', '0x7f0000001000', 'rw-s', 'memfd'],
      ['0x7ffbff800000', '0x7ffc00000000', 'rwxp', 'unknown'],
      ['0x7ffc00000000', '0x7ffc00021000', 'rw-p', 'stack'],
    ]);
  });

  it('is nothing after losses', () => {
    const map = new MemoryMap();
    map.mapped(0x20000, 0x1000, READ_WRITE, PRIVATE, undefined, 0);
    map.forget();
    expect(shown(map)).toEqual([['0x0', TOP, 'rwxp', 'unknown']]);
  });
});

const event = (second: number, rest: string): string => `vmm-7  (7) [000] ..... ${second}.000001: ${rest}\n`;
const call = (second: number, cmd: string, words: string, after: string, ret = '0'): string =>
  event(second, `sys_ioctl(fd: 4, cmd: ${cmd}, arg: 0x7000)`) +
  event(second, `enter: (iommufd_fops_ioctl+0x4/0x166) cmd=${cmd} uptr=0x7000 ${words}`) +
  event(second, `exit: (x <- iommufd_fops_ioctl) cmd=${cmd} ret=${ret} ${after}`) +
  event(second, `sys_ioctl -> ${ret === '0' ? '0x0' : '0xfffffffffffffff2'}`);
const MOCK = (at: number) => {
  const rest = 'w24=0x0 w32=0x0 w40=0x0 w48=0x0 w56=0x0 w64=0x0';
  return call(
    at,
    '0x3ba0',
    `w0=0x200000048 w8=0x1 w16=0x0 ${rest}`,
    `w0=0x200000048 w8=0x1 w16=0x400000002 ${rest.replace('w24=0x0', 'w24=0x3')}`,
  );
};
const MAP = (at: number, va: string, ret = '0') => {
  const words = `w0=0x700000028 w8=0x1 w16=${va} w24=0x1000 w32=0x1000000`;
  return call(at, '0x3b85', words, words, ret);
};
const TRACE =
  event(1, 'sys_openat(dfd: 4294967196, filename: 9428 "/dev/iommu", flags: O_RDWR)') +
  event(1, 'sys_openat -> 0x4') +
  call(2, '0x3b81', 'w0=0xc w8=0x0', 'w0=0xc w8=0x1') +
  MOCK(3) +
  event(4, 'sys_mmap(addr: 0, len: 0x1000, prot: 3, flags: 0x22, fd: 0xffffffff, off: 0)') +
  event(4, 'sys_mmap -> 0x200000000000');

describe('a map of user memory in a capture', () => {
  const verdictOf = async (text: string): Promise<string | undefined> => {
    const folder = mkdtempSync(join(tmpdir(), 'ioasis-memory-'));
    try {
      writeFileSync(join(folder, 'trace'), text);
      return (await replayed(join(folder, 'trace'))).calls.at(-1)?.verdict;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it('tells the memory before the call that needs it', () => {
    expect(linesOf(TRACE + MAP(5, '0x200000000000')).map(({ ev }) => ev)).toEqual([
      'trace',
      'open',
      'ioctl',
      'ioctl',
      'vmas',
      'ioctl',
    ]);
  });

  it('conforms where the memory was mapped in the capture', async () => {
    expect(await verdictOf(TRACE + MAP(5, '0x200000000000'))).toBe('conforming');
  });

  it('is undetermined elsewhere, whatever the kernel answered', async () => {
    expect(await verdictOf(TRACE + MAP(5, '0x300000000000'))).toBe('undetermined');
    expect(await verdictOf(TRACE + MAP(5, '0x300000000000', '-14'))).toBe('undetermined');
  });
});
