/**
 * The mapped areas of one IOAS: a persistent weight-balanced search tree, ordered by start IOVA.
 *
 * A change copies the path from the root and leaves the old tree as it was, so a tree is a value. Every
 * subtree knows its number of areas (rank), what its holes can hold (automatic IOVA) and the union of its
 * alignment bits (alignment conflicts), so that none of these questions walks the areas. Why it is our own:
 * docs/decisions/0003.
 */
import { hex } from '../events/hex.ts';
import { U64_MAX } from '../events/u64.ts';
import { type AreaNode, EMPTY_NODE, type Entry, entryOf, insert, remove, replace } from './area-node.ts';
import { mayHold, needOf } from './hole-summary.ts';

/** One mapped interval; `last` is inclusive, `startByte` the offset of its first byte in the pages object. */
export type Area = Readonly<{
  iova: bigint;
  last: bigint;
  pagesId: number;
  startByte: bigint;
  prot: number;
  pins: number;
  locks: number;
}>;

/**
 * A tree, opaque to its callers: read it with the functions below.
 *
 * It is a class instance so that Immer takes it for a value and neither drafts nor freezes it. It has no
 * private member because Immer's `Draft<>` would drop that, and a draft would then refuse a tree.
 */
export type AreaTree = AreaNode;

/** The tree without areas; the one value of its kind. */
export const EMPTY_AREAS: AreaTree = EMPTY_NODE;

export function areaCount(tree: AreaTree): number {
  return tree.size;
}

/** Low twelve bits of the OR over all areas of (iova | length | startByte): what an alignment must divide. */
export function lowBits(tree: AreaTree): number {
  return tree.bits;
}

/** The area that holds this byte. */
export function areaAt(tree: AreaTree, iova: bigint): Area | undefined {
  return firstIntersecting(tree, iova, iova);
}

/** The lowest area that shares a byte with [start, last]: iopt_area_iter_first(). */
export function firstIntersecting(tree: AreaTree, start: bigint, last: bigint): Area | undefined {
  const { atOrBefore, after } = neighbours(tree, start);
  if (atOrBefore !== undefined && atOrBefore.area.last >= start) return atOrBefore.area;
  return after !== undefined && after.area.iova <= last ? after.area : undefined;
}

/** The lowest area that begins after this byte. */
export function nextAfter(tree: AreaTree, last: bigint): Area | undefined {
  return neighbours(tree, last).after?.area;
}

/** The n-th area in IOVA order, counted from 0. */
export function nthArea(tree: AreaTree, n: number): Area | undefined {
  let rank = n;
  for (let node = tree; node.size > 0; ) {
    const before = node.left.size;
    if (rank === before) return node.entry.area;
    if (rank < before) node = node.left;
    else {
      rank -= before + 1;
      node = node.right;
    }
  }
  return undefined;
}

/** The tree with this area added, or put in place of the one with the same start; overlap is our bug. */
export function putArea(tree: AreaTree, area: Area): AreaTree {
  if (area.last < area.iova) throw new Error(`invariant: ${describe(area)} ends before it starts`);
  const { atOrBefore, after } = neighbours(tree, area.iova);
  if (after !== undefined && after.area.iova <= area.last) throw overlap(area, after.area);
  if (atOrBefore === undefined) return insert(tree, entryOf(area, 0n), after);
  const { area: former, free } = atOrBefore;
  if (former.iova === area.iova) {
    if (former.last === area.last) return replace(tree, entryOf(area, free));
    return putArea(remove(tree, atOrBefore, after), area);
  }
  if (former.last >= area.iova) throw overlap(area, former);
  return insert(tree, entryOf(area, former.last + 1n), after);
}

/** The tree without the area that starts at this IOVA. That there is none is our bug. */
export function removeArea(tree: AreaTree, iova: bigint): AreaTree {
  const { atOrBefore, after } = neighbours(tree, iova);
  if (atOrBefore?.area.iova !== iova) throw new Error(`invariant: no area starts at ${hex(iova)}`);
  return remove(tree, atOrBefore, after);
}

/** Calls `visit` on each area that shares a byte with [start, last], ascending, until it answers false. */
export function forEachArea(
  tree: AreaTree,
  visit: (area: Area) => unknown,
  start: bigint = 0n,
  last: bigint = U64_MAX,
): void {
  const walk = ({ size, iova, entry, left, right }: AreaNode): boolean => {
    if (size === 0) return true;
    if (start < iova && !walk(left)) return false;
    if (entry.area.last >= start && iova <= last && visit(entry.area) === false) return false;
    return last <= entry.area.last || walk(right);
  };
  walk(tree);
}

/**
 * Calls `visit` on each maximal hole that the areas leave inside [start, last] and that has room for `length`
 * bytes from a multiple of `alignment` on, ascending, until it answers false. Subtrees without are skipped.
 */
export function forEachHole(
  tree: AreaTree,
  within: Readonly<{ start: bigint; last: bigint }>,
  room: Readonly<{ length: bigint; alignment: bigint }>,
  visit: (start: bigint, last: bigint) => boolean,
): void {
  const need = needOf(room.length, room.alignment);
  const offer = (free: bigint, end: bigint): boolean => {
    const start = free > within.start ? free : within.start;
    const last = end > within.last ? within.last : end - 1n;
    const aligned = (start + room.alignment - 1n) & -room.alignment;
    return last - aligned < room.length - 1n || visit(start, last);
  };
  const walk = ({ size, holes, iova, entry, left, right }: AreaNode): boolean => {
    if (size === 0 || !mayHold(holes, need)) return true;
    if (within.start < iova && !walk(left)) return false;
    if (mayHold(entry.hole, need) && !offer(entry.free, iova)) return false;
    return within.last <= iova || walk(right);
  };
  if (walk(tree)) offer(endOf(tree), within.last + 1n);
}

type Neighbours = Readonly<{ atOrBefore: Entry | undefined; after: Entry | undefined }>;

/** The last area that starts at or before this byte and the first that starts after it. */
function neighbours(tree: AreaTree, iova: bigint): Neighbours {
  let atOrBefore: Entry | undefined;
  let after: Entry | undefined;
  for (let node = tree; node.size > 0; ) {
    if (node.iova > iova) {
      after = node.entry;
      node = node.left;
    } else {
      atOrBefore = node.entry;
      node = node.right;
    }
  }
  return { atOrBefore, after };
}

/** The first byte after all areas. */
function endOf(tree: AreaTree): bigint {
  if (tree.size === 0) return 0n;
  let node = tree;
  while (node.right.size > 0) node = node.right;
  return node.entry.area.last + 1n;
}

function describe({ iova, last }: Area): string {
  return `area [${hex(iova)}, ${hex(last)}]`;
}

function overlap(area: Area, other: Area): Error {
  return new Error(`invariant: ${describe(area)} overlaps ${describe(other)}`);
}
