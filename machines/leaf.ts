/** The page-table leaf that maps an IOVA: what dirty tracking reports is leaves, and their size needs physical facts. */
import type { Area } from './area-tree.ts';
import { pagesAt } from './mapping.ts';
import type { HwptPaging, Ioas } from './objects.ts';
import { pinnedPage } from './pages.ts';
import type { Site } from './site.ts';

const PAGE = 4096n;
const HUGE = 0x20_0000n;

/** Extent of the leaf at `iova`, or undefined where it depends on physical contiguity that nobody recorded. */
export function leafAt(
  site: Site,
  hwpt: HwptPaging,
  ioas: Ioas,
  area: Area,
  iova: bigint,
): { start: bigint; last: bigint } | undefined {
  if (site.kernel.has.has('dirty-by-granule')) {
    const granule = BigInt(hwpt.domain.granule);
    const start = iova - (iova % granule);
    return { start, last: start + granule - 1n };
  }
  const run = runAt(site, ioas, area, iova);
  return run === undefined ? undefined : leafInRun(hwpt, run, iova);
}

/** A physically contiguous run handed to the driver in one call: IOVAs, and the physical address modulo 2 MiB. */
type Run = Readonly<{ start: bigint; last: bigint; physical: bigint }>;

function runAt(site: Site, ioas: Ioas, area: Area, iova: bigint): Run | undefined {
  const byte = area.startByte + (iova - area.iova);
  const pageStart = iova - (byte % PAGE);
  const page = clip(area, { start: pageStart, last: pageStart + PAGE - 1n });
  const single = { ...page, physical: (area.startByte + (page.start - area.iova)) % PAGE };
  // Without large pages the driver gets one page at a time; a page's own address is a multiple of its size.
  if (!ioas.largePages) return single;
  const held = pinnedPage(pagesAt(site.context, area.pagesId), Number(byte / PAGE));
  if (held === undefined) return undefined;
  if (!held.compound) return mergeable(area, page) ? undefined : single;
  const inHuge = (BigInt(held.page) * PAGE + (byte % PAGE)) % HUGE;
  const whole = clip(area, { start: iova - inHuge, last: iova - inHuge + HUGE - 1n });
  return { ...whole, physical: (inHuge + (whole.start - iova) + HUGE) % HUGE };
}

function clip(area: Area, extent: { start: bigint; last: bigint }): { start: bigint; last: bigint } {
  return {
    start: extent.start < area.iova ? area.iova : extent.start,
    last: extent.last > area.last ? area.last : extent.last,
  };
}

/** Whether a neighbouring page could have ended up in the same leaf. */
function mergeable(area: Area, page: { start: bigint; last: bigint }): boolean {
  const block = page.start - (page.start % (2n * PAGE));
  return area.iova <= block && area.last >= block + 2n * PAGE - 1n;
}

/** Leaves are chosen greedily: the largest supported size to which both addresses are aligned and that still fits. */
function leafInRun(hwpt: HwptPaging, run: Run, iova: bigint): { start: bigint; last: bigint } {
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
