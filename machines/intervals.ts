/** Small lists of inclusive address intervals: reserved ranges, allowed ranges, the holes between them. */

/** Bytes `start` to `last`, both included, so that an interval may end at 2^64-1. */
export type Interval = Readonly<{ start: bigint; last: bigint }>;

/** True when some interval shares a byte with [start, last]. */
export function intersectsAny(intervals: readonly Interval[], start: bigint, last: bigint): boolean {
  return intervals.some((interval) => interval.start <= last && interval.last >= start);
}

/** The maximal holes that the intervals, in any order, leave in [first, last]; ascending. */
export function holesOf(intervals: readonly Interval[], first: bigint, last: bigint): Interval[] {
  const holes: Interval[] = [];
  let free = first;
  for (const { start, last: occupiedLast } of ascending(intervals)) {
    if (start > last) break;
    if (start > free) holes.push({ start: free, last: start - 1n });
    if (occupiedLast >= free) free = occupiedLast + 1n;
  }
  if (free <= last) holes.push({ start: free, last });
  return holes;
}

function ascending(intervals: readonly Interval[]): readonly Interval[] {
  if (intervals.length < 2) return intervals;
  return intervals.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}
