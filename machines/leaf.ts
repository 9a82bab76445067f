/** The page-table leaf that maps an IOVA: what dirty tracking reports is leaves, and their size needs physical facts. */
import type { Area } from './area-tree.ts';
import { pagesAt } from './mapping.ts';
import type { HwptPaging, Ioas } from './objects.ts';
import { pinnedPage } from './pages.ts';
import type { Site } from './site.ts';

const PAGE = 4096n;
const HUGE = 0x20_0000n;

export type Extent = Readonly<{ start: bigint; last: bigint }>;

/** The leaf at an IOVA: `certain` is in it whatever memory looks like, `possible` is the most that it can be. */
export type Leaf = Readonly<{ certain: Extent; possible: Extent }>;

/** What is known of the leaf at `iova`: the rest depends on physical contiguity that nobody recorded. */
export function leafAt(site: Site, hwpt: HwptPaging, ioas: Ioas, area: Area, iova: bigint): Leaf {
  if (site.kernel.has.has('dirty-by-granule')) {
    const granule = BigInt(hwpt.domain.granule);
    const start = iova - (iova % granule);
    return known({ start, last: start + granule - 1n });
  }
  const byte = area.startByte + (iova - area.iova);
  const pageStart = iova - (byte % PAGE);
  const page = clip(area, { start: pageStart, last: pageStart + PAGE - 1n });
  const alone = leafInRun(
    hwpt,
    { ...page, physical: (area.startByte + (page.start - area.iova)) % PAGE },
    iova,
  );
  // Without large pages the driver gets one page at a time.
  if (!ioas.largePages) return known(alone);
  const held = pinnedPage(pagesAt(site.context, area.pagesId), Number(byte / PAGE));
  if (held?.compound)
    return known(
      leafInRun(hwpt, hugeRun(area, iova, (BigInt(held.page) * PAGE + (byte % PAGE)) % HUGE), iova),
    );
  return { certain: alone, possible: largestBlock(hwpt, area, alone) };
}

function known(extent: Extent): Leaf {
  return { certain: extent, possible: extent };
}

/** The part of a huge page that the area maps: contiguous for certain. */
function hugeRun(area: Area, iova: bigint, inHuge: bigint): Run {
  const whole = clip(area, { start: iova - inHuge, last: iova - inHuge + HUGE - 1n });
  return { ...whole, physical: (inHuge + (whole.start - iova) + HUGE) % HUGE };
}

/** The largest aligned block around `alone` that lies in the area and that the table has a size for. */
function largestBlock(hwpt: HwptPaging, area: Area, alone: Extent): Extent {
  let block = alone;
  for (let size = (alone.last - alone.start + 1n) * 2n; size <= HUGE; size *= 2n) {
    const start = alone.start - (alone.start % size);
    if (start < area.iova || start + size - 1n > area.last || start % size !== 0n) break;
    if (hwpt.domain.pageSizes & size) block = { start, last: start + size - 1n };
  }
  return block;
}

/** A physically contiguous run handed to the driver in one call: IOVAs, and the physical address modulo 2 MiB. */
type Run = Readonly<{ start: bigint; last: bigint; physical: bigint }>;

function clip(area: Area, extent: Extent): Extent {
  return {
    start: extent.start < area.iova ? area.iova : extent.start,
    last: extent.last > area.last ? area.last : extent.last,
  };
}

/** Leaves are chosen greedily: the largest supported size to which both addresses are aligned and that still fits. */
function leafInRun(hwpt: HwptPaging, run: Run, iova: bigint): Extent {
  let at = run.start;
  for (;;) {
    const size = leafSize(hwpt, at, run.physical + (at - run.start), run.last - at + 1n);
    if (iova < at + size) return { start: at, last: at + size - 1n };
    at += size;
  }
}

function leafSize(hwpt: HwptPaging, iova: bigint, physical: bigint, left: bigint): bigint {
  for (let size = HUGE; size > BigInt(hwpt.domain.granule); size /= 2n) {
    if (hwpt.domain.pageSizes & size && iova % size === 0n && physical % size === 0n && size <= left)
      return size;
  }
  return BigInt(hwpt.domain.granule);
}
