/** Which IOVA the kernel gives to a mapping that asked for none. */
import { U64_MAX } from '../events/u64.ts';
import { type AreaTree, firstIntersecting, forEachHole } from './area-tree.ts';
import { holesOf, type Interval, intersectsAny } from './intervals.ts';

/** What iopt_alloc_iova() looks at. Lengths and alignments in bytes. */
export type IovaRequest = Readonly<{
  length: bigint;
  /** Where the first byte comes from, a user VA or a file offset: its alignment shapes the answer. */
  addr: bigint;
  /** The alignment of the IOAS, a power of two of at most 0x1000. */
  align: bigint;
  /** In any order; may overlap. */
  reserved: readonly Interval[];
  /** In any order; empty means no restriction. */
  allowed: readonly Interval[];
  areas: AreaTree;
  /** The greatest alignment wanted: 0x200000 with transparent huge pages, else 0x1000. */
  thpCap: bigint;
}>;

export type IovaRefusal = 'EOVERFLOW' | 'EINVAL' | 'ENOSPC';

const LONG_MAX = 0x7fff_ffff_ffff_ffffn;
const PAGE_SIZE = 0x1000n;

/** The kernel searches neither the first page nor the last. */
const SEARCHED: Interval = { start: PAGE_SIZE, last: U64_MAX - PAGE_SIZE };

/**
 * The lowest IOVA at which the request fits, or the errno: iopt_alloc_iova().
 *
 * Shorter holes are skipped unseen; each hole that is long enough but refused for its alignment costs time
 * logarithmic in the number of areas.
 */
export function chooseIova(request: IovaRequest): bigint | IovaRefusal {
  const { length, addr, align, reserved, allowed, areas, thpCap } = request;
  if (length === 0n || length >= LONG_MAX) return 'EOVERFLOW';
  const alignment = preferredAlignment(length, addr, thpCap);
  if (alignment < align) return 'EINVAL';

  const shape: Shape = { length, alignment, pageOffset: addr & (PAGE_SIZE - 1n) };
  for (const { start, last } of windowsOf(allowed)) {
    const earliest = placeIn(shape, start, last);
    if (earliest === undefined) continue;
    for (const free of holesOf(reserved, earliest, last)) {
      const iova = firstFit(shape, areas, free);
      if (iova !== undefined) return iova;
    }
  }
  return 'ENOSPC';
}

/** Whether some list of allowed ranges makes the kernel choose `iova`. */
export function couldChoose(request: IovaRequest, iova: bigint): boolean {
  const { length, addr, reserved, areas, thpCap } = request;
  const alignment = preferredAlignment(length, addr, thpCap);
  const offset = addr & (PAGE_SIZE - 1n);
  const last = iova + length - 1n;
  if (((iova & -alignment) | offset) !== iova || iova < SEARCHED.start || last > SEARCHED.last) return false;
  return !intersectsAny(reserved, iova, last) && firstIntersecting(areas, iova, last) === undefined;
}

type Shape = Readonly<{ length: bigint; alignment: bigint; pageOffset: bigint }>;

/** As aligned as the length and the source address allow, so that large pages can be used, up to the cap. */
function preferredAlignment(length: bigint, addr: bigint, cap: bigint): bigint {
  const byLength = length >= cap ? cap : BigInt(2 ** (32 - Math.clz32(Number(length) - 1)));
  const byAddress = addr & -addr;
  return addr !== 0n && byAddress < byLength ? byAddress : byLength;
}

/** Allowed ranges joined where they touch, and clipped: the holes between what is not allowed. */
function windowsOf(allowed: readonly Interval[]): readonly Interval[] {
  if (allowed.length === 0) return [SEARCHED];
  return holesOf(holesOf(allowed, 0n, U64_MAX), SEARCHED.start, SEARCHED.last);
}

function firstFit(shape: Shape, areas: AreaTree, within: Interval): bigint | undefined {
  let found: bigint | undefined;
  forEachHole(areas, within, shape, (start, last) => {
    found = placeIn(shape, start, last);
    return found === undefined;
  });
  return found;
}

/** Where the shape goes in a hole: __alloc_iova_check_range(), which refuses a start on the last byte. */
function placeIn({ length, alignment, pageOffset }: Shape, start: bigint, last: bigint): bigint | undefined {
  const padded = start + alignment - 1n;
  if (padded > U64_MAX) return undefined;
  const iova = (padded & -alignment) | pageOffset;
  return iova >= last || last - iova < length - 1n ? undefined : iova;
}
