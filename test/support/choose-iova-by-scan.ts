/** Automatic IOVA choice, slow and plain: the rule as written, over lists. The tests hold chooseIova to it. */
import type { Interval } from '../../machines/intervals.ts';
import type { IovaRefusal, IovaRequest } from '../../machines/iova-allocation.ts';

/** The request of chooseIova(), with the areas as a list. */
export type ScanRequest = Omit<IovaRequest, 'areas'> & Readonly<{ areas: readonly Interval[] }>;

const U64_MAX = 2n ** 64n - 1n;

export function chooseIovaByScan(request: ScanRequest): bigint | IovaRefusal {
  const { length, addr, align, reserved, allowed, areas, thpCap } = request;
  if (length === 0n || length >= 2n ** 63n - 1n) return 'EOVERFLOW';

  let alignment = 1n;
  while (alignment < length) alignment *= 2n;
  if (addr !== 0n) while (addr % alignment !== 0n) alignment /= 2n;
  while (alignment > thpCap) alignment /= 2n;
  if (alignment < align) return 'EINVAL';

  const fits = ({ start, last }: Interval): bigint | undefined => {
    let iova = start;
    if (iova % alignment !== 0n) iova += alignment - (iova % alignment);
    if (start + alignment - 1n > U64_MAX) return undefined;
    iova |= addr % 0x1000n;
    if (iova >= last) return undefined;
    return last - iova >= length - 1n ? iova : undefined;
  };

  for (const window of windows(allowed)) {
    const start = fits(window);
    if (start === undefined) continue;
    for (const hole of remainder({ start, last: window.last }, [...reserved, ...areas])) {
      const iova = fits(hole);
      if (iova !== undefined) return iova;
    }
  }
  return 'ENOSPC';
}

/** All but the first and the last page; if there is an allowed list, what of it lies in there. */
function windows(allowed: readonly Interval[]): Interval[] {
  const searched = { start: 0x1000n, last: U64_MAX - 0x1000n };
  if (allowed.length === 0) return [searched];
  const joined: Interval[] = [];
  for (const range of [...allowed].sort((a, b) => Number(a.start > b.start) - Number(a.start < b.start))) {
    const before = joined.pop();
    if (before === undefined) joined.push(range);
    else if (range.start > before.last + 1n) joined.push(before, range);
    else joined.push({ start: before.start, last: range.last > before.last ? range.last : before.last });
  }
  const outside = [
    { start: 0n, last: 0xfffn },
    { start: U64_MAX - 0xfffn, last: U64_MAX },
  ];
  return joined.flatMap((window) => remainder(window, outside));
}

/** What is left of an interval after taking each occupied one out of it. */
function remainder(whole: Interval, occupied: readonly Interval[]): Interval[] {
  let free = [whole];
  for (const { start, last } of occupied) {
    free = free.flatMap((piece) => {
      if (last < piece.start || start > piece.last) return [piece];
      const below = { start: piece.start, last: start - 1n };
      const above = { start: last + 1n, last: piece.last };
      return [below, above].filter((rest) => rest.start <= rest.last);
    });
  }
  return free;
}
