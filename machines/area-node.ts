/**
 * The weight-balanced nodes under area-tree.ts: how an area goes in and out, and what each subtree knows.
 *
 * A change copies one path. With a million areas the cost is in fetching nodes beside that path, so
 * withLeft() and withRight() carry over what a change left alone and seldom look at the other side.
 */
import type { Area } from './area-tree.ts';
import { type HoleSummary, mergeHoles, NO_HOLE, summarizeHole } from './hole-summary.ts';

/** An area with what it and its predecessor alone decide. */
export type Entry = Readonly<{
  area: Area;
  /** The first byte after the predecessor, 0 if there is none: where the hole before this area begins. */
  free: bigint;
  /** Alignment bits of this area: the low twelve bits of (iova | length | startByte). */
  bits: number;
  /** The hole before this area. */
  hole: HoleSummary;
}>;

/** Every subtree is itself a tree. The empty one has size 0 and links to itself. */
export class AreaNode {
  readonly iova: bigint;
  readonly entry: Entry;
  readonly left: AreaNode;
  readonly right: AreaNode;
  readonly size: number;
  /** Alignment bits of all areas of the subtree. */
  readonly bits: number;
  /** The holes before the areas of the subtree. */
  readonly holes: HoleSummary;

  constructor(
    iova: bigint,
    entry: Entry,
    left: AreaNode | undefined,
    right: AreaNode | undefined,
    size: number,
    bits: number,
    holes: HoleSummary,
  ) {
    this.iova = iova;
    this.entry = entry;
    this.left = left ?? this;
    this.right = right ?? this;
    this.size = size;
    this.bits = bits;
    this.holes = holes;
  }
}

const NO_AREA: Area = { iova: 0n, last: 0n, pagesId: 0, startByte: 0n, prot: 0, pins: 0, locks: 0 };
const NO_ENTRY: Entry = { area: NO_AREA, free: 0n, bits: 0, hole: NO_HOLE };

export const EMPTY_NODE = new AreaNode(0n, NO_ENTRY, undefined, undefined, 0, 0, NO_HOLE);

export function entryOf(area: Area, free: bigint): Entry {
  const { iova, last, startByte } = area;
  const bits = Number(BigInt.asUintN(12, iova | (last - iova + 1n) | startByte));
  return { area, free, bits, hole: summarizeHole(free, iova) };
}

/** Adds an entry known to fit; `successor` is the one after it, whose hole it shortens. */
export function insert(node: AreaNode, fresh: Entry, successor: Entry | undefined): AreaNode {
  if (node.size === 0) return join(fresh, EMPTY_NODE, EMPTY_NODE);
  const { entry } = node;
  if (fresh.area.iova > node.iova) return withRight(node, entry, insert(node.right, fresh, successor));
  const kept = entry === successor ? freeFrom(entry, fresh.area.last + 1n) : entry;
  return withLeft(node, kept, insert(node.left, fresh, successor));
}

/** Puts an entry in place of one of the same extent. */
export function replace(node: AreaNode, fresh: Entry): AreaNode {
  const { iova, entry, left, right } = node;
  if (fresh.area.iova < iova) return withLeft(node, entry, replace(left, fresh));
  if (fresh.area.iova > iova) return withRight(node, entry, replace(right, fresh));
  return join(fresh, left, right);
}

/** Takes an entry out and gives its room to `successor`, the one after it. */
export function remove(node: AreaNode, gone: Entry, successor: Entry | undefined): AreaNode {
  const { iova, entry, left, right } = node;
  if (gone.area.iova > iova) return withRight(node, entry, remove(right, gone, successor));
  if (gone.area.iova < iova) {
    const kept = entry === successor ? freeFrom(entry, gone.free) : entry;
    return withLeft(node, kept, remove(left, gone, successor));
  }
  if (right.size === 0 || successor === undefined) return left;
  return withRight(node, freeFrom(successor, gone.free), withoutFirst(right));
}

function withoutFirst(node: AreaNode): AreaNode {
  return node.left.size === 0 ? node.right : withLeft(node, node.entry, withoutFirst(node.left));
}

function freeFrom({ area, bits }: Entry, free: bigint): Entry {
  return { area, free, bits, hole: summarizeHole(free, area.iova) };
}

/** The node with another left side, at most one area larger or smaller, and perhaps another entry. */
function withLeft(node: AreaNode, entry: Entry, left: AreaNode): AreaNode {
  const { left: former, right } = node;
  const rightSize = node.size - former.size - 1;
  if (outweighs(left.size, rightSize)) return rotateRight(entry, left, right);
  if (outweighs(rightSize, left.size)) return rotateLeft(entry, left, right);
  const holes = grownHoles(node, entry, former, left);
  if (holes === undefined) return join(entry, left, right);
  const { iova } = entry === node.entry ? node : entry.area;
  return new AreaNode(iova, entry, left, right, left.size + rightSize + 1, node.bits, holes);
}

/** The mirror image of withLeft(). */
function withRight(node: AreaNode, entry: Entry, right: AreaNode): AreaNode {
  const { left, right: former } = node;
  const leftSize = node.size - former.size - 1;
  if (outweighs(right.size, leftSize)) return rotateLeft(entry, left, right);
  if (outweighs(leftSize, right.size)) return rotateRight(entry, left, right);
  const holes = grownHoles(node, entry, former, right);
  if (holes === undefined) return join(entry, left, right);
  const { iova } = entry === node.entry ? node : entry.area;
  return new AreaNode(iova, entry, left, right, leftSize + right.size + 1, node.bits, holes);
}

/**
 * The holes of a node of which one side (and perhaps the entry) is exchanged, where they can be told without the
 * other side: alignment bits stay, and holes stay or grow, as in a removal. Otherwise undefined.
 */
function grownHoles(node: AreaNode, entry: Entry, former: AreaNode, side: AreaNode): HoleSummary | undefined {
  if (side.bits !== former.bits) return undefined;
  let { holes } = node;
  if (side.holes !== former.holes) {
    if (mergeHoles(side.holes, former.holes) !== side.holes) return undefined;
    holes = mergeHoles(holes, side.holes);
  }
  if (entry !== node.entry) {
    const { bits, hole } = node.entry;
    if (entry.bits !== bits || mergeHoles(entry.hole, hole) !== entry.hole) return undefined;
    holes = mergeHoles(holes, entry.hole);
  }
  return holes;
}

/**
 * Weight is size plus one; a side may weigh three times the other, and a rotation is single when the inner
 * child weighs less than twice the outer: the pair (3, 2) of Hirai and Yamamoto, "Balancing weight-balanced
 * trees", proven to hold under insertion and removal.
 */
function outweighs(heavySize: number, lightSize: number): boolean {
  return heavySize + 1 > 3 * (lightSize + 1);
}

function rotateLeft(
  entry: Entry,
  left: AreaNode,
  { entry: high, left: inner, right: outer }: AreaNode,
): AreaNode {
  if (inner.size + 1 < 2 * (outer.size + 1)) return join(high, join(entry, left, inner), outer);
  return join(inner.entry, join(entry, left, inner.left), join(high, inner.right, outer));
}

function rotateRight(
  entry: Entry,
  { entry: low, left: outer, right: inner }: AreaNode,
  right: AreaNode,
): AreaNode {
  if (inner.size + 1 < 2 * (outer.size + 1)) return join(low, outer, join(entry, inner, right));
  return join(inner.entry, join(low, outer, inner.left), join(entry, inner.right, right));
}

function join(entry: Entry, left: AreaNode, right: AreaNode): AreaNode {
  const size = left.size + right.size + 1;
  const bits = left.bits | right.bits | entry.bits;
  const holes = mergeHoles(mergeHoles(left.holes, right.holes), entry.hole);
  return new AreaNode(entry.area.iova, entry, left, right, size, bits, holes);
}
