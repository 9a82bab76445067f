/** The page-table leaf that maps an IOVA: what dirty tracking reports is leaves, and their size needs physical facts. */
import type { Area } from './area-tree.ts';
import { pagesAt } from './mapping.ts';
import type { HwptPaging, Ioas } from './objects.ts';
import { pinnedPage } from './pages.ts';
import type { Site } from './site.ts';

const PAGE = 4096;
const HUGE = 0x20_0000;

/** Inclusive bytes; domains that track dirty pages have apertures far below 2^53, so plain numbers do. */
export type Extent = Readonly<{ start: number; last: number }>;

/** The leaf at an IOVA: `certain` is in it whatever memory looks like, `possible` is the most that it can be. */
export type Leaf = Readonly<{ certain: Extent; possible: Extent }>;

/** An area with its numbers taken out of 64 bits once. */
export type Stretch = Readonly<{ area: Area; start: number; last: number; startByte: number }>;

export function stretchOf(area: Area): Stretch {
  return { area, start: Number(area.iova), last: Number(area.last), startByte: Number(area.startByte) };
}

/** What is known of the leaf at `iova`: the rest depends on physical contiguity that nobody recorded. */
export function leafAt(site: Site, hwpt: HwptPaging, ioas: Ioas, stretch: Stretch, iova: number): Leaf {
  if (site.kernel.has.has('dirty-by-granule')) {
    const { granule } = hwpt.domain;
    const start = iova - (iova % granule);
    return known({ start, last: start + granule - 1 });
  }
  const byte = stretch.startByte + (iova - stretch.start);
  const pageStart = iova - (byte % PAGE);
  const page = clip(stretch, pageStart, pageStart + PAGE - 1);
  const alone = leafInRun(hwpt, page, (stretch.startByte + (page.start - stretch.start)) % PAGE, iova);
  // Without large pages the driver gets one page at a time.
  if (!ioas.largePages) return known(alone);
  const held = pinnedPage(pagesAt(site.context, stretch.area.pagesId), Math.floor(byte / PAGE));
  if (!held?.compound) return { certain: alone, possible: largestBlock(hwpt, stretch, alone) };
  const inHuge = (held.page * PAGE + (byte % PAGE)) % HUGE;
  const huge = clip(stretch, iova - inHuge, iova - inHuge + HUGE - 1);
  return known(leafInRun(hwpt, huge, (inHuge + (huge.start - iova) + HUGE) % HUGE, iova));
}

function known(extent: Extent): Leaf {
  return { certain: extent, possible: extent };
}

function clip(stretch: Stretch, start: number, last: number): Extent {
  return { start: Math.max(start, stretch.start), last: Math.min(last, stretch.last) };
}

/** The largest aligned block around `alone` that lies in the area and that the table has a size for. */
function largestBlock(hwpt: HwptPaging, stretch: Stretch, alone: Extent): Extent {
  let block = alone;
  for (const size of leafSizes(hwpt)) {
    if (size <= alone.last - alone.start + 1) continue;
    const start = alone.start - (alone.start % size);
    if (start < stretch.start || start + size - 1 > stretch.last) return block;
    block = { start, last: start + size - 1 };
  }
  return block;
}

/**
 * Leaves of a physically contiguous run are chosen greedily: the largest supported size to which both addresses are aligned
 * and that still fits. `physical` is the run's physical address modulo 2 MiB.
 */
function leafInRun(hwpt: HwptPaging, run: Extent, physical: number, iova: number): Extent {
  const sizes = leafSizes(hwpt);
  let at = run.start;
  for (;;) {
    const size = fitting(sizes, at, physical + (at - run.start), run.last - at + 1);
    if (iova < at + size) return { start: at, last: at + size - 1 };
    at += size;
  }
}

function fitting(sizes: readonly number[], iova: number, physical: number, left: number): number {
  for (let index = sizes.length - 1; index > 0; index--) {
    const size = sizes[index] as number;
    if (size <= left && iova % size === 0 && physical % size === 0) return size;
  }
  return sizes[0] as number;
}

const sizesByMask = new Map<bigint, readonly number[]>();

/** Leaf sizes up to that of a huge page, ascending. */
function leafSizes(hwpt: HwptPaging): readonly number[] {
  const { pageSizes } = hwpt.domain;
  let sizes = sizesByMask.get(pageSizes);
  if (sizes === undefined) {
    const found: number[] = [];
    for (let size = 1; size <= HUGE; size *= 2) if (pageSizes & BigInt(size)) found.push(size);
    sizes = found;
    sizesByMask.set(pageSizes, sizes);
  }
  return sizes;
}
