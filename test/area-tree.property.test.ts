/** The tree against a sorted list, over random histories of which every version must stay what it was. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Area,
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
import { type HoleSummary, mergeHoles, NO_HOLE, summarizeHole } from '../machines/hole-summary.ts';
import { holesOf, type Interval } from '../machines/intervals.ts';
import { area, listOf } from './support/areas.ts';

const U64_MAX = 2n ** 64n - 1n;
type Step = Readonly<{ iova: bigint; length: bigint; startByte: bigint; draw: number }>;
type Version = Readonly<{ tree: AreaTree; list: readonly Area[] }>;

/** A tenth of the addresses lie at the top, so that histories also meet 2^64-1. */
const address = fc
  .tuple(fc.bigInt(0n, 400n), fc.nat(9))
  .map(([low, place]) => (place === 0 ? U64_MAX - low : low));
const step = fc.record({
  iova: address,
  length: fc.bigInt(1n, 6n),
  startByte: fc.bigInt(0n, 3n).map((offset) => offset * 0x400n),
  draw: fc.nat(1000),
});
const range = fc.tuple(address, fc.bigInt(0n, 60n)).map(([start, extent]) => {
  const last = start + extent;
  return { start, last: last > U64_MAX ? U64_MAX : last };
});

/** Puts where there is room; where there is not, removes or (one in four) replaces what stands there. */
function follow({ tree, list }: Version, { iova, length, startByte, draw }: Step): Version {
  const last = iova + length - 1n > U64_MAX ? U64_MAX : iova + length - 1n;
  const hit = list.find((each) => each.iova <= last && each.last >= iova);
  if (hit === undefined) {
    const added = area(iova, last, { startByte });
    return { tree: putArea(tree, added), list: ascending([...list, added]) };
  }
  if (draw % 4 === 0) {
    const changed = { ...hit, pins: draw, startByte, last: hit.iova };
    return { tree: putArea(tree, changed), list: list.map((each) => (each === hit ? changed : each)) };
  }
  if (hit.iova !== iova) expect(() => putArea(tree, area(iova, last))).toThrow('overlaps');
  return { tree: removeArea(tree, hit.iova), list: list.filter((each) => each !== hit) };
}

const ascending = (list: readonly Area[]) => list.toSorted((a, b) => (a.iova < b.iova ? -1 : 1));

function history(steps: readonly Step[]): Version[] {
  const versions: Version[] = [{ tree: EMPTY_AREAS, list: [] }];
  for (const each of steps) versions.push(follow(versions.at(-1)!, each));
  return versions;
}

const mask = (list: readonly Area[]) =>
  list.reduce((bits, each) => bits | each.iova | (each.last - each.iova + 1n) | each.startByte, 0n) & 0xfffn;

/** Upper bounds would still give right answers, only late: so the summary is compared exactly. */
function summaryOf(list: readonly Area[]): HoleSummary {
  const before = (n: number) => (n === 0 ? 0n : list[n - 1]!.last + 1n);
  return list.map((each, n) => summarizeHole(before(n), each.iova)).reduce(mergeHoles, NO_HOLE);
}

type Room = Readonly<{ length: bigint; alignment: bigint }>;

const holesByList = (list: readonly Area[], within: Interval, { length, alignment }: Room) =>
  holesOf(
    list.map((each) => ({ start: each.iova, last: each.last })),
    within.start,
    within.last,
  ).filter(
    ({ start, last }) => start + ((alignment - (start % alignment)) % alignment) + length - 1n <= last,
  );

function holesByTree(tree: AreaTree, within: Interval, room: Room, most: number): Interval[] {
  const offered: Interval[] = [];
  forEachHole(tree, within, room, (start, last) => offered.push({ start, last }) < most);
  return offered;
}

const histories = fc.array(step, { minLength: 20, maxLength: 250, size: 'max' });

describe('AreaTree against a sorted list', () => {
  it('holds the same areas, alignment bits and holes in every version of a history', () => {
    let largest = 0;
    fc.assert(
      fc.property(histories, (steps) => {
        for (const { tree, list } of history(steps)) {
          largest = Math.max(largest, list.length);
          expect(areaCount(tree)).toBe(list.length);
          expect(listOf(tree)).toEqual(list);
          expect(BigInt(lowBits(tree))).toBe(mask(list));
          expect(tree.holes).toEqual(summaryOf(list));
        }
      }),
      { seed: 7, numRuns: 60 },
    );
    expect(largest).toBeGreaterThan(40);
  });

  it('answers every lookup alike', () => {
    fc.assert(
      fc.property(histories, fc.array(range, { minLength: 20, maxLength: 20 }), (steps, ranges) => {
        const { tree, list } = history(steps).at(-1)!;
        for (const { start, last } of ranges) {
          const inside = list.filter((each) => each.iova <= last && each.last >= start);
          expect(areaAt(tree, start)).toBe(list.find((each) => each.iova <= start && each.last >= start));
          expect(firstIntersecting(tree, start, last)).toBe(inside[0]);
          expect(nextAfter(tree, last)).toBe(list.find((each) => each.iova > last));
          const visited: Area[] = [];
          forEachArea(tree, (each) => visited.push(each), start, last);
          expect(visited).toEqual(inside);
        }
        list.forEach((each, n) => {
          expect(nthArea(tree, n)).toBe(each);
        });
      }),
      { seed: 8, numRuns: 100 },
    );
  });

  it('offers the same holes, in order, and stops when told', () => {
    const room = fc.record({ length: fc.bigInt(1n, 20n), alignment: fc.constantFrom(1n, 2n, 8n, 16n) });
    fc.assert(
      fc.property(histories, range, room, fc.integer({ min: 1, max: 4 }), (steps, within, asked, most) => {
        const { tree, list } = history(steps).at(-1)!;
        const whole = { start: 0n, last: U64_MAX };
        expect(holesByTree(tree, within, asked, most)).toEqual(
          holesByList(list, within, asked).slice(0, most),
        );
        expect(holesByTree(tree, whole, asked, Infinity)).toEqual(holesByList(list, whole, asked));
      }),
      { seed: 9, numRuns: 200 },
    );
  });

  it('offers the same holes where the unit is a quarter of a page', () => {
    const scaled = histories.map((steps) =>
      steps.map((each) => ({ ...each, iova: (each.iova % 512n) * 0x400n, length: each.length * 0x400n })),
    );
    const room = fc.record({
      length: fc.bigInt(1n, 40n).map((quarters) => quarters * 0x400n),
      alignment: fc.integer({ min: 9, max: 15 }).map((shift) => 1n << BigInt(shift)),
    });
    const within = { start: 0n, last: 0x80000n };
    fc.assert(
      fc.property(scaled, fc.array(room, { minLength: 20, maxLength: 20 }), (steps, rooms) => {
        const { tree, list } = history(steps).at(-1)!;
        for (const asked of rooms)
          expect(holesByTree(tree, within, asked, Infinity)).toEqual(holesByList(list, within, asked));
      }),
      { seed: 10, numRuns: 150 },
    );
  });

  it.each([
    ['ascending', (n: number) => n],
    ['descending', (n: number) => 4095 - n],
    ['from both ends', (n: number) => (n % 2 === 0 ? n >> 1 : 4095 - (n >> 1))],
    ['scattered', (n: number) => (n * 1597) % 4096],
  ])('stays shallow when filled and drained %s', (_, order) => {
    const keys = Array.from({ length: 4096 }, (__, n) => BigInt(order(n)) * 0x1000n);
    let tree = keys.reduce((grown, iova) => putArea(grown, area(iova, iova + 0x7ffn)), EMPTY_AREAS);
    expect(heightOf(tree)).toBeLessThanOrEqual(18);
    for (const iova of keys.slice(0, 3072)) tree = removeArea(tree, iova);
    expect(areaCount(tree)).toBe(1024);
    expect(heightOf(tree)).toBeLessThanOrEqual(15);
  });
});

function heightOf(tree: AreaTree): number {
  return areaCount(tree) === 0 ? 0 : 1 + Math.max(heightOf(tree.left), heightOf(tree.right));
}
