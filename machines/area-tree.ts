/**
 * The mapped areas of one IOAS: a persistent weight-balanced search tree, ordered by start IOVA.
 *
 * A change copies the path from the root and leaves the old tree as it was, so a tree is a value. Every
 * subtree knows its number of areas (rank), what its holes can hold (automatic IOVA) and the union of its
 * alignment bits (alignment conflicts), so that none of these questions walks the areas. Why it is our own:
 * docs/decisions/0003.
 */
import { type HoleSummary, mayHold, mergeHoles, NO_HOLE, needOf, summarizeHole } from './hole-summary.ts';

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

const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** An area with what it and its predecessor alone decide: copying a path does not work it out again. */
type Entry = Readonly<{
  area: Area;
  /** The first byte after the predecessor, 0 if there is none: where the hole before this area begins. */
  free: bigint;
  /** Alignment bits of this area. */
  bits: number;
  /** The hole before this area. */
  hole: HoleSummary;
}>;

class AreaNode {
  readonly iova: bigint;
  readonly entry: Entry;
  readonly left: AreaNode;
  readonly right: AreaNode;
  readonly size: number;
  /** Alignment bits of the whole subtree. */
  readonly bits: number;
  /** The holes before the areas of the subtree. */
  readonly holes: HoleSummary;

  constructor(entry: Entry, left?: AreaNode, right?: AreaNode) {
    this.iova = entry.area.iova;
    this.entry = entry;
    this.left = left ?? this;
    this.right = right ?? this;
    this.size = left && right ? left.size + right.size + 1 : 0;
    this.bits = left && right ? left.bits | right.bits | entry.bits : 0;
    this.holes = left && right ? mergeHoles(mergeHoles(left.holes, right.holes), entry.hole) : NO_HOLE;
  }
}

const NO_AREA: Area = { iova: 0n, last: 0n, pagesId: 0, startByte: 0n, prot: 0, pins: 0, locks: 0 };

/** The tree without areas; the one value of its kind. */
export const EMPTY_AREAS: AreaTree = new AreaNode({ area: NO_AREA, free: 0n, bits: 0, hole: NO_HOLE });

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
  let atOrBefore: Area | undefined;
  let after: Area | undefined;
  for (let node = tree; node.size > 0; ) {
    if (node.iova > start) {
      after = node.entry.area;
      node = node.left;
    } else {
      atOrBefore = node.entry.area;
      node = node.right;
    }
  }
  if (atOrBefore !== undefined && atOrBefore.last >= start) return atOrBefore;
  return after !== undefined && after.iova <= last ? after : undefined;
}

/** The lowest area that begins after this byte. */
export function nextAfter(tree: AreaTree, last: bigint): Area | undefined {
  let found: Area | undefined;
  for (let node = tree; node.size > 0; ) {
    if (node.iova > last) {
      found = node.entry.area;
      node = node.left;
    } else node = node.right;
  }
  return found;
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
  const standing = firstIntersecting(tree, area.iova, area.last);
  if (standing === undefined) return insert(tree, area, -1n);
  if (standing.iova !== area.iova) throw overlap(area, standing);
  if (standing.last === area.last) return replace(tree, area);
  const next = nextAfter(tree, area.iova);
  if (next !== undefined && next.iova <= area.last) throw overlap(area, next);
  return insert(removeArea(tree, area.iova), area, -1n);
}

/** The tree without the area that starts at this IOVA. That there is none is our bug. */
export function removeArea(tree: AreaTree, iova: bigint): AreaTree {
  let node = tree;
  while (node.size > 0 && node.iova !== iova) node = iova < node.iova ? node.left : node.right;
  if (node.size === 0) throw new Error(`invariant: no area starts at 0x${iova.toString(16)}`);
  return remove(tree, node.entry, node.entry.area.last + 1n);
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
    if (within.start < entry.free && !walk(left)) return false;
    if (mayHold(entry.hole, need) && !offer(entry.free, iova)) return false;
    return within.last <= entry.area.last || walk(right);
  };
  if (walk(tree)) offer(endOf(tree), within.last + 1n);
}

/** Adds an area known to fit; `before` is the last byte of its predecessor among those passed by. */
function insert(node: AreaNode, area: Area, before: bigint): AreaNode {
  if (node.size === 0) return new AreaNode(entryOf(area, before + 1n), EMPTY_AREAS, EMPTY_AREAS);
  const { entry, left, right } = node;
  if (area.iova > node.iova) return balance(entry, left, insert(right, area, entry.area.last));
  const inItsHole = area.iova >= entry.free;
  return balance(inItsHole ? freeFrom(entry, area.last + 1n) : entry, insert(left, area, before), right);
}

/** Puts an area in place of one of the same extent. */
function replace({ iova, entry, left, right }: AreaNode, area: Area): AreaNode {
  if (area.iova < iova) return new AreaNode(entry, replace(left, area), right);
  if (area.iova > iova) return new AreaNode(entry, left, replace(right, area));
  return new AreaNode({ ...entry, area, bits: alignmentBits(area) }, left, right);
}

/** Takes an entry out and gives its room to its successor, the one whose hole begins at `end`. */
function remove(node: AreaNode, gone: Entry, end: bigint): AreaNode {
  const { entry, left, right } = node;
  if (gone.area.iova > node.iova) return balance(entry, left, remove(right, gone, end));
  if (gone.area.iova < node.iova) {
    const successor = entry.free === end;
    return balance(successor ? freeFrom(entry, gone.free) : entry, remove(left, gone, end), right);
  }
  if (right.size === 0) return left;
  return balance(freeFrom(firstEntry(right), gone.free), left, withoutFirst(right));
}

function withoutFirst({ entry, left, right }: AreaNode): AreaNode {
  return left.size === 0 ? right : balance(entry, withoutFirst(left), right);
}

/**
 * Joins two subtrees that are at most one change out of balance. Weight is size plus one; a side may weigh
 * three times the other, and rotates once when its inner child weighs less than twice the outer: the pair
 * (3, 2) of Hirai and Yamamoto, "Balancing weight-balanced trees", proven to hold under put and remove.
 */
function balance(entry: Entry, left: AreaNode, right: AreaNode): AreaNode {
  const leftWeight = left.size + 1;
  const rightWeight = right.size + 1;
  if (rightWeight > 3 * leftWeight) return rotateLeft(entry, left, right);
  if (leftWeight > 3 * rightWeight) return rotateRight(entry, left, right);
  return new AreaNode(entry, left, right);
}

function rotateLeft(
  entry: Entry,
  left: AreaNode,
  { entry: high, left: inner, right: outer }: AreaNode,
): AreaNode {
  if (inner.size + 1 < 2 * (outer.size + 1))
    return new AreaNode(high, new AreaNode(entry, left, inner), outer);
  const lower = new AreaNode(entry, left, inner.left);
  return new AreaNode(inner.entry, lower, new AreaNode(high, inner.right, outer));
}

function rotateRight(
  entry: Entry,
  { entry: low, left: outer, right: inner }: AreaNode,
  right: AreaNode,
): AreaNode {
  if (inner.size + 1 < 2 * (outer.size + 1))
    return new AreaNode(low, outer, new AreaNode(entry, inner, right));
  const upper = new AreaNode(entry, inner.right, right);
  return new AreaNode(inner.entry, new AreaNode(low, outer, inner.left), upper);
}

function firstEntry(tree: AreaNode): Entry {
  let node = tree;
  while (node.left.size > 0) node = node.left;
  return node.entry;
}

/** The first byte after all areas. */
function endOf(tree: AreaNode): bigint {
  if (tree.size === 0) return 0n;
  let node = tree;
  while (node.right.size > 0) node = node.right;
  return node.entry.area.last + 1n;
}

function entryOf(area: Area, free: bigint): Entry {
  return { area, free, bits: alignmentBits(area), hole: summarizeHole(free, area.iova) };
}

function alignmentBits({ iova, last, startByte }: Area): number {
  return Number(BigInt.asUintN(12, iova | (last - iova + 1n) | startByte));
}

function freeFrom({ area, bits }: Entry, free: bigint): Entry {
  return { area, free, bits, hole: summarizeHole(free, area.iova) };
}

function describe({ iova, last }: Area): string {
  return `area [0x${iova.toString(16)}, 0x${last.toString(16)}]`;
}

function overlap(area: Area, other: Area): Error {
  return new Error(`invariant: ${describe(area)} overlaps ${describe(other)}`);
}
