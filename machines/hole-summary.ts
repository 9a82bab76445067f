/**
 * What a set of holes can hold, in a few machine words, so that a search can skip them all at once.
 *
 * A hole has room for a request of some alignment if enough of it remains from its first aligned byte on. A
 * summary keeps the greatest such remainder for twelve alignments, 2^10 to 2^21, as seven-bit logarithms,
 * four to a word. It errs only upwards: what it denies is impossible, what it grants is still to be checked.
 */

export class HoleSummary {
  /** Bytes of the longest hole; rounded above 2^53. */
  readonly length: number;
  readonly lanes0: number;
  readonly lanes1: number;
  readonly lanes2: number;

  constructor(length: number, lanes0: number, lanes1: number, lanes2: number) {
    this.length = length;
    this.lanes0 = lanes0;
    this.lanes1 = lanes1;
    this.lanes2 = lanes2;
  }
}

export const NO_HOLE = new HoleSummary(0, 0, 0, 0);

/** What a request asks of a hole: its length in bytes, and the level of that in its lane (-1: no lane). */
export type HoleNeed = Readonly<{ length: number; lane: number; level: number }>;

const LOWEST_SHIFT = 10;
const HIGHEST_SHIFT = 21;
const ALIGNMENT_MASK = (1n << BigInt(HIGHEST_SHIFT)) - 1n;
const MOST_EIGHTHS = 2 ** 18 - 1;

/** The summary of the hole from `start` up to, but without, `end`. */
export function summarizeHole(start: bigint, end: bigint): HoleSummary {
  if (end <= start) return NO_HOLE;
  const length = Number(end - start);
  const misaligned = Number(start & ALIGNMENT_MASK);
  return new HoleSummary(
    length,
    packLanes(length, misaligned, 0),
    packLanes(length, misaligned, 4),
    packLanes(length, misaligned, 8),
  );
}

/** The summary of both sets of holes; one of the arguments itself where that one says it all. */
export function mergeHoles(a: HoleSummary, b: HoleSummary): HoleSummary {
  if (a === b || b === NO_HOLE) return a;
  if (a === NO_HOLE) return b;
  const length = Math.max(a.length, b.length);
  const lanes0 = greaterLanes(a.lanes0, b.lanes0);
  const lanes1 = greaterLanes(a.lanes1, b.lanes1);
  const lanes2 = greaterLanes(a.lanes2, b.lanes2);
  if (equals(a, length, lanes0, lanes1, lanes2)) return a;
  if (equals(b, length, lanes0, lanes1, lanes2)) return b;
  return new HoleSummary(length, lanes0, lanes1, lanes2);
}

/** `alignment` is a power of two; one beyond the lanes asks for the nearest lower one. */
export function needOf(length: bigint, alignment: bigint): HoleNeed {
  const shift = Math.min(HIGHEST_SHIFT, alignment.toString(2).length - 1);
  const lengthBytes = Number(length);
  if (shift < LOWEST_SHIFT) return { length: lengthBytes, lane: -1, level: 0 };
  return { length: lengthBytes, lane: shift - LOWEST_SHIFT, level: levelOf(lengthBytes, shift) };
}

/** False when none of the holes can hold the request. */
export function mayHold(holes: HoleSummary, { length, lane, level }: HoleNeed): boolean {
  if (holes.length < length) return false;
  if (lane < 0) return true;
  const lanes = lane < 4 ? holes.lanes0 : lane < 8 ? holes.lanes1 : holes.lanes2;
  return ((lanes >> ((lane & 3) * 8)) & 0x7f) >= level;
}

function packLanes(length: number, misaligned: number, lane: number): number {
  let packed = 0;
  for (let place = 0; place < 4; place++) {
    const shift = lane + place + LOWEST_SHIFT;
    const padding = -misaligned & ((1 << shift) - 1);
    packed |= levelOf(length - padding, shift) << (place * 8);
  }
  return packed;
}

/** Eighths of the alignment, exact up to two alignments, then to three bits of mantissa, then saturated. */
function levelOf(bytes: number, shift: number): number {
  if (bytes <= 0) return 0;
  const eighths = Math.min(MOST_EIGHTHS, Math.floor(bytes / (1 << (shift - 3))));
  if (eighths < 16) return eighths;
  const exponent = 28 - Math.clz32(eighths);
  return 8 * exponent + (eighths >> exponent);
}

/** The greater of each pair of lanes; the eighth bit of each lane is free to catch the borrow. */
function greaterLanes(a: number, b: number): number {
  const notLess = ((a | 0x80808080) - b) & 0x80808080;
  const fromA = (notLess >>> 7) * 0x7f;
  return (a & fromA) | (b & ~fromA);
}

function equals(holes: HoleSummary, length: number, lanes0: number, lanes1: number, lanes2: number): boolean {
  return (
    holes.length === length && holes.lanes0 === lanes0 && holes.lanes1 === lanes1 && holes.lanes2 === lanes2
  );
}
