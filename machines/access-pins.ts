/** What an in-kernel user of an IOAS may pin, read or write (iommufd_access_pin_pages(), iommufd_access_rw()). */
import type { PinnedPart } from '../events/access.ts';
import { U64_MAX } from '../events/u64.ts';
import { canRead, canWrite } from './address-space.ts';
import { type Area, areaAt, nextAfter } from './area-tree.ts';
import { PROT_READ, PROT_WRITE, pagesAt } from './mapping.ts';
import { type Ioas, mustBe } from './objects.ts';
import { type Pages, uncovered } from './pages.ts';
import { newTally, pinRange, type Tally } from './pinning.ts';
import type { Failure, Site } from './site.ts';
import type { Context } from './world.ts';

const PAGE = 4096;

export type PinnedRange = Readonly<{ parts: PinnedPart[]; tally: Tally }>;

/** Byte range of one area that an access touches: [at, last] and the offset of `at` in the pages object. */
type Span = Readonly<{ area: Area; pages: Pages; first: bigint; last: bigint; startByte: bigint }>;

/** Walks the areas that cover [iova, last] until `visit` refuses or a gap shows. */
function walk(
  context: Context,
  ioas: Ioas,
  iova: bigint,
  last: bigint,
  visit: (span: Span) => Failure | undefined,
): Failure | undefined {
  let at = iova;
  for (
    let area: Area | undefined = areaAt(ioas.areas, iova);
    ;
    area = nextAfter(ioas.areas, (area as Area).last)
  ) {
    if (area === undefined || area.iova > at) return { rule: 'access/covered' };
    const end = area.last < last ? area.last : last;
    const span = {
      area,
      pages: pagesAt(context, area.pagesId),
      first: at,
      last: end,
      startByte: area.startByte + (at - area.iova),
    };
    const failure = visit(span);
    if (failure !== undefined || end === last) return failure;
    at = end + 1n;
  }
}

/** The last IOVA of the range, or why there is none. */
function lastOf(iova: bigint, length: bigint): bigint | Failure {
  if (length === 0n) return { rule: 'access/length' };
  const last = iova + length - 1n;
  return last > U64_MAX ? { rule: 'access/overflow' } : last;
}

function refusesPermission(area: Area, pages: Pages, write: boolean): Failure | undefined {
  if (!(area.prot & (write ? PROT_WRITE : PROT_READ))) return { rule: 'access/permission' };
  if (write && !pages.writable) return { rule: 'access/pages-writable' };
  return pages.kind === 'dmabuf' ? { rule: 'access/dmabuf' } : undefined;
}

/** What pinning [iova, iova + length) would hold. */
export function planPin(
  site: Site,
  context: Context,
  ioasId: number,
  iova: bigint,
  length: bigint,
  write: boolean,
): PinnedRange | Failure {
  const end = lastOf(iova, length);
  if (typeof end !== 'bigint') return end;
  const parts: PinnedPart[] = [];
  const tally = newTally();
  const failure = walk(context, mustBe(context, ioasId, 'ioas'), iova, end, (span) => {
    const endByte = span.startByte + (span.last - span.first) + 1n;
    if (span.startByte % 4096n !== 0n || (span.last !== end && endByte % 4096n !== 0n))
      return { rule: 'access/page-aligned' };
    const permission = refusesPermission(span.area, span.pages, write);
    if (permission !== undefined) return permission;
    const first = Number(span.startByte >> 12n);
    const last = Number((endByte - 1n) >> 12n);
    parts.push({ areaIova: span.area.iova, pagesId: span.pages.id, first, last });
    return pinRange(site, tally, span.pages, first, last);
  });
  return failure ?? { parts, tally };
}

export type Transfer = Readonly<{ write: boolean; slow: boolean }>;

/** What reading or writing [iova, iova + length) meets. `slow` avoids the copy through the owner's addresses. */
export function planReadWrite(
  site: Site,
  context: Context,
  ioasId: number,
  iova: bigint,
  length: bigint,
  options: Transfer,
): Failure | undefined {
  const last = lastOf(iova, length);
  if (typeof last !== 'bigint') return last;
  const { areas } = mustBe(context, ioasId, 'ioas');
  let at = iova;
  for (let area = areaAt(areas, iova); ; area = nextAfter(areas, (area as Area).last)) {
    if (area === undefined || area.iova > at) return { rule: 'access/covered' };
    const end: bigint = area.last < last ? area.last : last;
    const pages = pagesAt(context, area.pagesId);
    const startByte = Number(area.startByte + (at - area.iova));
    const failure =
      refusesPermission(area, pages, options.write) ??
      transfer(site, pages, startByte, Number(end - at) + 1, options);
    if (failure !== undefined || end === last) return failure;
    at = end + 1n;
  }
}

/** iopt_pages_rw_access(): through the owner's addresses where it can, else through pinned or pinnable pages. */
function transfer(
  site: Site,
  pages: Pages,
  startByte: number,
  length: number,
  options: Transfer,
): Failure | undefined {
  const first = Math.floor(startByte / PAGE);
  const last = Math.floor((startByte + length - 1) / PAGE);
  const owner = site.world.spaces.get(pages.spaceId);
  if (pages.kind === 'user' && owner !== undefined) {
    const own = site.process.spaceId === pages.spaceId && !options.slow;
    if (own || (first === last && !owner.gone)) {
      if (!owner.known) return { missing: 'the address space of the mapping process' };
      const address = Number(pages.basePage) * PAGE + startByte;
      const allowed = options.write ? canWrite(owner, address, length) : canRead(owner, address, length);
      return allowed ? undefined : { rule: 'access/user-memory' };
    }
  }
  if (uncovered(pages.pinned, first, last).length === 0) return undefined;
  // Pinned for the time of the copy only, and nobody is charged.
  return pinRange(site, newTally(), pages, first, last, false);
}
