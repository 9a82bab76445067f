import { produce } from 'immer';
import { describe, expect, it } from 'vitest';
import {
  type AreaTree,
  areaAt,
  areaCount,
  EMPTY_AREAS,
  firstIntersecting,
  forEachArea,
  forEachHole,
  lowBits,
  nextAfter,
  nthArea,
  putArea,
  removeArea,
} from '../machines/area-tree.ts';
import { holesOf, intersectsAny } from '../machines/intervals.ts';
import { area, listOf, treeOf } from './support/areas.ts';

const U64_MAX = 2n ** 64n - 1n;
const low = area(0n, 0xfffn);
const middle = area(0x3000n, 0x4fffn);
const top = area(U64_MAX - 0xfffn, U64_MAX);
const three = treeOf([middle, top, low]);

describe('AreaTree', () => {
  it('finds the area that holds a byte', () => {
    expect(areaAt(three, 0n)).toBe(low);
    expect(areaAt(three, 0x1000n)).toBeUndefined();
    expect(areaAt(three, 0x4fffn)).toBe(middle);
    expect(areaAt(three, U64_MAX)).toBe(top);
    expect(areaAt(EMPTY_AREAS, 0n)).toBeUndefined();
  });

  it('finds the lowest area that shares a byte with a range', () => {
    expect(firstIntersecting(three, 0x1000n, 0x2fffn)).toBeUndefined();
    expect(firstIntersecting(three, 0x1000n, 0x3000n)).toBe(middle);
    expect(firstIntersecting(three, 0xfffn, U64_MAX)).toBe(low);
  });

  it('finds the lowest area that begins after a byte', () => {
    expect(nextAfter(three, 0n)).toBe(middle);
    expect(nextAfter(three, 0x2fffn)).toBe(middle);
    expect(nextAfter(three, 0x3000n)).toBe(top);
    expect(nextAfter(three, U64_MAX)).toBeUndefined();
  });

  it('counts and ranks areas in IOVA order', () => {
    expect(areaCount(three)).toBe(3);
    expect([0, 1, 2, 3, -1].map((n) => nthArea(three, n))).toEqual([low, middle, top, undefined, undefined]);
  });

  it('visits the areas of a range until the visitor answers false', () => {
    const visited: bigint[] = [];
    const visit = ({ iova }: { iova: bigint }) => visited.push(iova) < 2;
    forEachArea(three, visit, 0x4fffn);
    expect(visited).toEqual([middle.iova, top.iova]);
    forEachArea(three, visit, 0n, U64_MAX);
    expect(visited).toEqual([middle.iova, top.iova, low.iova]);
  });

  it('replaces the area with the same start', () => {
    const pinned = { ...middle, pins: 1 };
    expect(listOf(putArea(three, pinned))).toEqual([low, pinned, top]);
    expect(listOf(three)).toEqual([low, middle, top]);
  });

  it.each([
    ['starts inside another', area(0x4fffn, 0x5fffn)],
    ['ends inside another', area(0x1000n, 0x3000n)],
    ['covers another', area(0x1000n, 0x5000n)],
    ['replaces one and reaches the next', area(0n, 0x3000n)],
    ['ends before it starts', area(0x1000n, 0xfffn)],
  ])('throws on an area that %s', (_, wrong) => {
    expect(() => putArea(three, wrong)).toThrow(/^invariant: area \[0x/);
  });

  it('throws on removing what is not there', () => {
    expect(() => removeArea(three, 1n)).toThrow('invariant: no area starts at 0x1');
    expect(removeArea(treeOf([low]), 0n)).toBe(EMPTY_AREAS);
  });

  it('collects the alignment bits of start, length and source offset', () => {
    expect(lowBits(EMPTY_AREAS)).toBe(0);
    expect(lowBits(three)).toBe(0);
    expect(lowBits(putArea(three, area(0x1010n, 0x200fn)))).toBe(0x010);
    expect(lowBits(putArea(three, area(0x1000n, 0x1000n)))).toBe(0x001);
    expect(lowBits(putArea(three, area(0x1000n, 0x1fffn, { startByte: 0x5801n })))).toBe(0x801);
    expect(lowBits(treeOf([area(0n, U64_MAX)]))).toBe(0);
  });

  it('forgets the alignment bits of what is removed, also where its successor takes its place', () => {
    const [a, b, c, d] = [0n, 0x1000n, 0x2000n, 0x9000n].map((iova, n) =>
      area(iova, iova + 0xfffn, { startByte: [0n, 0x10n, 0x20n, 0x20n][n]! }),
    );
    const tree = treeOf([b!, a!, d!, c!]);
    expect(lowBits(tree)).toBe(0x30);
    expect(lowBits(removeArea(tree, b!.iova))).toBe(0x20);
  });

  it('offers the holes of a range that are long enough', () => {
    const holes = (tree: AreaTree, start: bigint, last: bigint, length: bigint) => {
      const found: bigint[][] = [];
      forEachHole(tree, { start, last }, { length, alignment: 1n }, (...hole) => found.push(hole) > 0);
      return found;
    };
    expect(holes(EMPTY_AREAS, 0n, U64_MAX, 1n)).toEqual([[0n, U64_MAX]]);
    expect(holes(three, 0n, U64_MAX, 0x2000n)).toEqual([
      [0x1000n, 0x2fffn],
      [0x5000n, U64_MAX - 0x1000n],
    ]);
    expect(holes(three, 0n, U64_MAX, 0x2001n)).toEqual([[0x5000n, U64_MAX - 0x1000n]]);
    expect(holes(three, 0x1800n, 0x5000n, 1n)).toEqual([
      [0x1800n, 0x2fffn],
      [0x5000n, 0x5000n],
    ]);
    expect(holes(treeOf([area(0n, U64_MAX)]), 0n, U64_MAX, 1n)).toEqual([]);
  });

  it('is a value inside an Immer draft', () => {
    const before: Readonly<{ areas: AreaTree; count: number }> = { areas: three, count: 3 };
    const after = produce(before, (draft) => {
      draft.areas = removeArea(draft.areas, middle.iova);
      draft.count = areaCount(draft.areas);
    });
    expect(before.areas).toBe(three);
    expect(listOf(after.areas)).toEqual([low, top]);
    expect(Object.isFrozen(after.areas)).toBe(false);
  });
});

describe('intervals', () => {
  const unsorted = [
    { start: 0x20n, last: 0x2fn },
    { start: 0n, last: 7n },
    { start: 0x28n, last: 0x2an },
    { start: 8n, last: 0xfn },
    { start: U64_MAX, last: U64_MAX },
  ];

  it('intersects in any shared byte', () => {
    expect(intersectsAny(unsorted, 0x10n, 0x1fn)).toBe(false);
    expect(intersectsAny(unsorted, 0x10n, 0x20n)).toBe(true);
    expect(intersectsAny([], 0n, U64_MAX)).toBe(false);
  });

  it.each([
    [0n, U64_MAX, [0x10n, 0x1fn, 0x30n, U64_MAX - 1n]],
    [0x12n, 0x20n, [0x12n, 0x1fn]],
    [0x29n, 0x2fn, []],
    [U64_MAX, U64_MAX, []],
    [5n, 4n, []],
  ])('finds the maximal holes of [%s, %s]', (first, last, bounds) => {
    expect(holesOf(unsorted, first, last).flatMap((hole) => [hole.start, hole.last])).toEqual(bounds);
  });

  it('finds one hole where nothing is taken, none where all is', () => {
    expect(holesOf([], 0n, U64_MAX)).toEqual([{ start: 0n, last: U64_MAX }]);
    expect(holesOf([{ start: 0n, last: U64_MAX }], 0n, U64_MAX)).toEqual([]);
  });
});
