/** Deciders of the mock operations that look at memory and reservations. */
import { DONE, done, type Outcome, refuse } from '../events/outcome.ts';
import type {
  TestAddReserved,
  TestDmabufGet,
  TestDmabufRevoke,
  TestMdCheckMap,
  TestMdCheckRefs,
  TestSetTempMemoryLimit,
} from '../events/test-command.ts';
import { U64_MAX } from '../events/u64.ts';
import { areaAt, firstIntersecting } from './area-tree.ts';
import { holesOf, intersectsAny } from './intervals.ts';
import { ALLOWED_UNKNOWN, pagesAt } from './mapping.ts';
import { type Ioas, mustBe, objectOf } from './objects.ts';
import { type Failure, failed, isFailure, type Site, unless } from './site.ts';
import { currentPage, heldPage, type PageIdentity, samePage } from './user-page.ts';
import { type Context, openFileAt } from './world.ts';

const PAGE = 4096;
const FLAT_GRANULE = 2048;
/** sizeof of the smallest batch, below which the limit makes no sense. */
const MEMORY_LIMIT_MIN = 12;

/** Whether a reservation may enter an IOAS: neither an area nor an allowed range may be there. */
export function refusesReservation(ioas: Ioas, start: bigint, last: bigint): boolean {
  if (firstIntersecting(ioas.areas, start, last) !== undefined) return true;
  return ioas.allowedKnown && intersectsAny(ioas.allowed, start, last);
}

/** Whether allowed ranges that nobody knows may be there: they are never where something is reserved already. */
function mayBeAllowed(ioas: Ioas, start: bigint, last: bigint): boolean {
  return !ioas.allowedKnown && holesOf(ioas.reserved, start, last).length > 0;
}

/** Why a reservation that areas allow may yet fail: allowed ranges that nobody knows. */
export function unsureReservation(site: Site, ioas: Ioas, start: bigint, last: bigint): Failure | undefined {
  return mayBeAllowed(ioas, start, last) ? unless(site, ALLOWED_UNKNOWN, 'reserve/in-use') : undefined;
}

/** iommufd_test_add_reserved(). */
export function decideTestAddReserved(site: Site, command: TestAddReserved): Outcome {
  const { start, length, id } = command;
  if (length === 0n) return refuse('add-reserved/length');
  const last = start + length - 1n;
  if (last > U64_MAX) return refuse('add-reserved/overflow');
  const ioas = objectOf(site.context, id, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  if (refusesReservation(ioas, start, last)) return refuse('reserve/in-use');
  const failure = unsureReservation(site, ioas, start, last);
  if (failure !== undefined) return failed(failure);
  return done([{ type: 'RangeReserved', context: site.context.id, id, start, last, owner: 'test' }]);
}

/** iommufd_test_md_check_pa(): each step's page behind `uptr` must be what the domain translates to. */
export function decideTestMdCheckMap(site: Site, command: TestMdCheckMap): Outcome {
  const { iova, length, uptr, id } = command;
  const hwpt = objectOf(site.context, id, 'hwpt-paging');
  const first = site.kernel.has.has('md-check-map-alignment-first');
  if (hwpt === undefined && !first) return refuse('hwpt-paging/exists');
  const step = BigInt(first ? FLAT_GRANULE : (hwpt?.domain.granule ?? FLAT_GRANULE));
  if (iova % step || length % step || uptr % step || uptr + length > U64_MAX)
    return refuse('md-check-map/alignment');
  if (hwpt === undefined) return refuse('hwpt-paging/exists');
  const ioas = mustBe(site.context, hwpt.ioasId, 'ioas');
  for (let offset = 0n; offset < length; offset += step) {
    const current = currentPage(site, uptr + offset);
    if (isFailure(current)) return failed(current);
    const mapped = translate(site.context, ioas, (iova + offset) & U64_MAX);
    if (
      mapped === undefined ||
      !samePage(current, mapped.page) ||
      mapped.offset !== Number((uptr + offset) & 0xfffn)
    ) {
      return refuse('md-check-map/mismatch');
    }
  }
  return DONE;
}

/** The page that every domain of the IOAS maps `iova` to, and the byte offset in it. */
function translate(
  context: Context,
  ioas: Ioas,
  iova: bigint,
): { page: PageIdentity; offset: number } | undefined {
  const area = areaAt(ioas.areas, iova);
  if (area === undefined) return undefined;
  const byte = area.startByte + (iova - area.iova);
  const page = heldPage(pagesAt(context, area.pagesId), Number(byte >> 12n), undefined);
  return page === undefined ? undefined : { page, offset: Number(byte & 0xfffn) };
}

/** iommufd_test_md_check_refs(): small pages must be pinned exactly `refs` times, over all contexts. */
export function decideTestMdCheckRefs(site: Site, command: TestMdCheckRefs): Outcome {
  const { length, uptr, refs } = command;
  if (length % 4096n || uptr % 4096n || uptr + length > U64_MAX) return refuse('md-check-refs/alignment');
  for (let address = uptr; address < uptr + length; address += BigInt(PAGE)) {
    const current = currentPage(site, address);
    if (isFailure(current)) return failed(current);
    if (!current.compound && pinsOf(site, current) !== refs) return refuse('md-check-refs/count');
  }
  return DONE;
}

/** Pages objects that hold this page: each pins it once, whatever number of areas and accesses use it. */
function pinsOf(site: Site, page: PageIdentity): number {
  let count = 0;
  for (const context of site.world.contexts.values()) {
    for (const pages of context.pages.values()) {
      for (const piece of pages.pinned) {
        if (piece.key !== page.key) continue;
        const index = page.page - piece.base;
        if (index >= 0 && index <= piece.last - piece.first) count++;
      }
    }
  }
  return count;
}

/** iommufd_test_set_temp_memory_limit: one value for the whole machine, which changes no result. */
export function decideTestSetTempMemoryLimit(_site: Site, command: TestSetTempMemoryLimit): Outcome {
  return command.limit < MEMORY_LIMIT_MIN ? refuse('memory-limit/minimum') : DONE;
}

const DMABUF_MAX = 2 << 20;

/** iommufd_test_dmabuf_get(): the descriptor is installed, and the answer is 0 all the same. */
export function decideTestDmabufGet(site: Site, command: TestDmabufGet): Outcome {
  const length = Math.ceil(command.length / PAGE) * PAGE;
  if (length === 0 || length > DMABUF_MAX) return refuse('dmabuf-get/length');
  const { process, newFd: fd } = site;
  return done([
    {
      type: 'DescriptorIssued',
      pid: process.pid,
      fd,
      kind: 'dmabuf',
      context: 0,
      id: 0,
      length: BigInt(length),
    },
  ]);
}

/** iommufd_test_dmabuf_revoke(). */
export function decideTestDmabufRevoke(site: Site, command: TestDmabufRevoke): Outcome {
  const file = openFileAt(site.world, site.process, command.dmabufFd);
  if (file === undefined && !site.process.foreign.has(command.dmabufFd))
    return refuse('dmabuf-revoke/descriptor');
  if (file?.kind !== 'dmabuf') return refuse('dmabuf-revoke/kind');
  return done([{ type: 'DmabufRevoked', file: file.id, revoked: command.revoked !== 0 }]);
}
