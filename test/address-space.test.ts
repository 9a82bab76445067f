import { describe, expect, it } from 'vitest';
import {
  type AddressSpace,
  canRead,
  canWrite,
  canWriteBack,
  firstFault,
  maybeHeap,
  pageInKey,
  readableBytes,
  unknownSpace,
  type Vma,
  vmaAt,
} from '../machines/address-space.ts';

const TOP = 0x10_0000;
const vma = (start: number, end: number, rest: Partial<Vma> = {}): Vma => ({
  start,
  end,
  read: true,
  write: true,
  shared: false,
  kind: 'anon',
  ino: 0,
  offset: 0,
  huge: false,
  born: 1,
  key: 'mm:1/1',
  ...rest,
});

/** Read-write, read-only beside it, a hole, the heap, and a page that the kernel keeps above the top. */
const space: AddressSpace = {
  id: 1,
  known: true,
  vmas: [
    vma(0x1000, 0x3000),
    vma(0x3000, 0x4000, { write: false }),
    vma(0x8000, 0x9000, { kind: 'heap' }),
    vma(TOP - 0x1000, TOP + 0x1000, { kind: 'special' }),
  ],
  told: 1,
  gone: false,
  top: TOP,
};
const blind = unknownSpace(1, TOP);

describe('copying to and from user memory', () => {
  it('goes as far as the mappings allow', () => {
    expect(canRead(space, 0x1000, 0x3000)).toBe(true);
    expect(canRead(space, 0x1000, 0x3001)).toBe(false);
    expect(canRead(space, 0xfff, 2)).toBe(false);
    expect(canWrite(space, 0x1000, 0x2000)).toBe(true);
    expect(canWrite(space, 0x1000, 0x2001)).toBe(false);
    expect(canWrite(space, 0x3000, 1)).toBe(false);
  });
  it('of no bytes always succeeds', () => {
    expect([canRead(space, 0, 0), canWrite(space, 0, 0), firstFault(space, 0, 0, true)]).toEqual([
      true,
      true,
      -1,
    ]);
    expect(readableBytes(space, 0, 0)).toBe(0);
  });
  it('succeeds where the recording tells no mappings', () => {
    for (const one of [blind, undefined]) {
      expect([canRead(one, 0, 8), canWrite(one, 0, 8), canWriteBack(one, 0, 8)]).toEqual([true, true, true]);
      expect([firstFault(one, 0, 8, false), readableBytes(one, 0, 8)]).toEqual([-1, 8]);
    }
  });
  it('ends where user space ends, whatever is mapped there', () => {
    expect([canRead(space, TOP - 8, 8), canWrite(space, TOP - 8, 8)]).toEqual([true, true]);
    expect([canRead(space, TOP - 8, 9), canWrite(space, TOP - 8, 9)]).toEqual([false, false]);
    expect(canWriteBack(space, TOP - 8, 9)).toBe(false);
    expect(canWriteBack(space, TOP, 1)).toBe(false);
    expect(firstFault(space, TOP - 8, 9, false)).toBe(TOP);
    expect(firstFault(space, TOP + 8, 9, false)).toBe(TOP + 8);
    expect(readableBytes(space, TOP + 8, 8)).toBe(0);
  });
  it('names the first byte that cannot be had', () => {
    expect(firstFault(space, 0x1000, 0x3001, false)).toBe(0x4000);
    expect(firstFault(space, 0x1000, 0x3000, true)).toBe(0x3000);
    expect(firstFault(space, 0x5000, 1, false)).toBe(0x5000);
    expect(readableBytes(space, 0x2ff0, 0x2000)).toBe(0x1010);
    expect(readableBytes(space, 0x2ff0, 0x10)).toBe(0x10);
  });
  it('knows byte 0 and the last byte below the top', () => {
    expect([canRead(space, 0, 1), canWrite(space, 0, 1), readableBytes(space, 0, 8)]).toEqual([
      false,
      false,
      0,
    ]);
    expect([firstFault(space, 0, 8, false), firstFault(space, TOP - 8, 8, false)]).toEqual([0, -1]);
    expect(readableBytes(space, TOP, 8)).toBe(0);
    const bare = { ...space, vmas: space.vmas.slice(0, 3) };
    expect([canWriteBack(bare, TOP - 1, 1), canWriteBack(bare, TOP, 1)]).toEqual([true, false]);
  });
  it('back to where was read succeeds where a mapping was made since', () => {
    expect(canWriteBack(space, 0x5000, 8)).toBe(true);
    expect(canWriteBack(space, 0x3000, 8)).toBe(false);
  });
});

describe('mappings', () => {
  it('are found by any byte of theirs', () => {
    expect([0xfff, 0x1000, 0x2fff, 0x3000, 0x4000].map((at) => vmaAt(space, at)?.start)).toEqual([
      undefined,
      0x1000,
      0x1000,
      0x3000,
      undefined,
    ]);
  });
  it('of the heap may have grown by 32 MiB', () => {
    expect(
      [0x8fff, 0x9000, 0x9000 + 2 ** 25 - 1, 0x9000 + 2 ** 25].map((at) => maybeHeap(space, at)),
    ).toEqual([false, true, true, false]);
  });
  it('number their pages by file when shared, by address when not', () => {
    const shared = vma(0x5000, 0x7000, { shared: true, ino: 9, offset: 0x3000 });
    expect([pageInKey(shared, 5), pageInKey(shared, 6)]).toEqual([3, 4]);
    expect(pageInKey(vma(0x1000, 0x3000), 2)).toBe(2);
  });
});
