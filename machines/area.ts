/** Deciders that map, copy and unmap areas of an IOAS. */

import type { NewPages } from '../events/ioas.ts';
import type { IoasCopy, IoasMap, IoasMapFile, IoasUnmap } from '../events/ioas-command.ts';
import { done, type Outcome, refuse, refuseAfter, undetermined } from '../events/outcome.ts';
import { U64_MAX } from '../events/u64.ts';
import { type Area, areaAt, nextAfter, nthArea } from './area-tree.ts';
import {
  ALLOWED_UNKNOWN,
  MAP_FIXED_IOVA,
  MAP_READABLE,
  MAP_WRITEABLE,
  newPages,
  pagesAt,
  planMapping,
  protOf,
  type Slice,
} from './mapping.ts';
import { type Ioas, objectOf } from './objects.ts';
import { UNKNOWN_FILE } from './pinning.ts';
import { CAP_IPC_LOCK, canRespond, capable, type Failure, failed, isFailure, type Site } from './site.ts';
import { unmapAreas } from './unmapping.ts';
import { type AccountMode, openFileAt } from './world.ts';

const FLAGS = MAP_FIXED_IOVA | MAP_WRITEABLE | MAP_READABLE;
/** Plain numbers hold what is below. */
const SMALL = 1n << 48n;
const LENGTH_MAX = 0xffff_ffff_ffff_efffn;
/** Test builds: src_iova of COPY names the n-th area and an offset. */
const COPY_SYZKALLER = 0x1_0000;

/** Accounting of a new pages object, fixed when it is made (iopt_alloc_pages()). */
export function accountMode(site: Site): AccountMode {
  if (capable(site, CAP_IPC_LOCK)) return 'none';
  return site.context.accountMode === 'mm' ? 'mm' : 'user';
}

/** Pages that `length` bytes from `offset` within a page on touch; 64-bit arithmetic, so it can wrap to 0. */
function pageCount(offset: number, length: bigint): number {
  if (length < SMALL) return Math.ceil((offset + Number(length)) / 4096);
  return Number(((BigInt(offset) + length + 0xfffn) & U64_MAX) >> 12n);
}

/** iopt_alloc_user_pages(): the pages object of a user VA, or why there is none. */
export function userPages(site: Site, va: bigint, length: bigint, writable: boolean): NewPages | Failure {
  const lengthFirst = site.kernel.has.has('map-length-before-overflow');
  const badLength = length === 0n || length > LENGTH_MAX;
  if (lengthFirst && badLength) return { rule: 'pages/length' };
  if (va + length > U64_MAX) return { rule: 'pages/overflow' };
  if (badLength) return { rule: 'pages/length' };
  const npages = pageCount(Number(va & 0xfffn), length);
  return newPages(site, {
    kind: 'user',
    ino: 0,
    fileType: '',
    basePage: va >> 12n,
    npages,
    writable,
    account: accountMode(site),
  });
}

/** iommufd_ioas_map(). A failed write-back leaves the mapping in place. */
export function decideIoasMap(site: Site, command: IoasMap): Outcome {
  const { flags, length, iova } = command;
  if (flags & ~FLAGS || command.reserved !== 0) return refuse('ioas-map/flags');
  if (iova === U64_MAX || length === U64_MAX) return refuse('ioas-map/overflow');
  if (!(flags & (MAP_WRITEABLE | MAP_READABLE))) return refuse('ioas-map/access');
  const ioas = objectOf(site.context, command.ioasId, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  const pages = userPages(site, command.userVa, length, (flags & MAP_WRITEABLE) !== 0);
  if (isFailure(pages)) return failed(pages);
  return mapNew(site, ioas, pages, { flags, length, iova, addr: command.userVa });
}

type MapArguments = Readonly<{ flags: number; length: bigint; iova: bigint; addr: bigint }>;

function mapNew(site: Site, ioas: Ioas, pages: NewPages, map: MapArguments): Outcome {
  const slice: Slice = { source: pages, startByte: map.addr & 0xfffn, length: map.length };
  const fixed = (map.flags & MAP_FIXED_IOVA) !== 0;
  const mapping = planMapping(site, {
    ioas,
    slices: [slice],
    length: map.length,
    iova: fixed ? map.iova : undefined,
    addr: map.addr,
    prot: protOf(map.flags),
  });
  if (isFailure(mapping)) return failed(mapping);
  const { areas, captures } = mapping;
  if (mapping.adrift) return adrift(site, ioas.id);
  const events = [
    { type: 'AreasMapped', context: site.context.id, id: ioas.id, areas, pages, captures },
  ] as const;
  return canRespond(site) ? done(events, { iova: mapping.iova }) : refuseAfter('respond/fault', events);
}

/** The kernel chose an IOVA in ranges that nobody knows, if there was room. */
function adrift(site: Site, id: number): Outcome {
  return undetermined(ALLOWED_UNKNOWN, [{ type: 'AreasAdrift', context: site.context.id, id }]);
}

/** iommufd_ioas_map_file(). Any file will do until its pages are wanted. */
export function decideIoasMapFile(site: Site, command: IoasMapFile): Outcome {
  const { flags, length, iova, start } = command;
  if (flags & ~FLAGS) return refuse('ioas-map-file/flags');
  if (iova === U64_MAX || length === U64_MAX) return refuse('ioas-map/overflow');
  if (!(flags & (MAP_WRITEABLE | MAP_READABLE))) return refuse('ioas-map/access');
  const ioas = objectOf(site.context, command.ioasId, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  if (length === 0n) return refuse('ioas-map-file/length');
  if (start + length - 1n > U64_MAX) return refuse('ioas-map-file/overflow');
  const pages = filePages(site, command);
  if (isFailure(pages)) return failed(pages);
  return mapNew(site, ioas, pages, { flags, length, iova, addr: start });
}

function filePages(site: Site, command: IoasMapFile): NewPages | Failure {
  const file = openFileAt(site.world, site.process, command.fd);
  const basePage = command.start >> 12n;
  const npages = Number(((command.start & 0xfffn) + command.length + 0xfffn) >> 12n);
  const writable = (command.flags & MAP_WRITEABLE) !== 0;
  if (file?.kind === 'dmabuf') {
    if (file.length <= command.start + command.length - 1n) return { rule: 'ioas-map-file/dmabuf-size' };
    if (file.revoked) return { rule: 'ioas-map-file/dmabuf-revoked' };
    return newPages(site, {
      kind: 'dmabuf',
      ino: file.id,
      fileType: 'dmabuf',
      basePage,
      npages,
      writable,
      account: 'none',
    });
  }
  const fact = site.descriptor;
  if (file === undefined && fact === undefined && !(site.trusting && command.fd >= 0)) {
    return command.fd < 0
      ? { rule: 'ioas-map-file/descriptor' }
      : { missing: `what descriptor ${command.fd} was` };
  }
  if (file === undefined && fact?.open === false) return { rule: 'ioas-map-file/descriptor' };
  if (command.length > LENGTH_MAX) return { rule: 'pages/length' };
  return newPages(site, {
    kind: 'file',
    ino: fact?.ino ?? 0,
    fileType: fact?.type ?? file?.kind ?? UNKNOWN_FILE,
    basePage,
    npages,
    writable,
    account: accountMode(site),
  });
}

/** iommufd_ioas_copy(): the slices keep the pages objects of the source. */
export function decideIoasCopy(site: Site, original: IoasCopy): Outcome {
  const command = resolveSyzkaller(site, original);
  const { flags, length, srcIova, dstIova } = command;
  if (flags & ~FLAGS) return refuse('ioas-copy/flags');
  if (length === U64_MAX || srcIova === U64_MAX || dstIova === U64_MAX) return refuse('ioas-copy/overflow');
  if (!(flags & (MAP_WRITEABLE | MAP_READABLE))) return refuse('ioas-map/access');
  const source = objectOf(site.context, command.srcIoasId, 'ioas');
  if (source === undefined) return refuse('ioas-copy/source-exists');
  if (length === 0n) return refuse('ioas-copy/length');
  if (srcIova + length - 1n > U64_MAX) return refuse('ioas-copy/source-overflow');
  const slices = slicesOf(site, source, srcIova, length);
  if (slices === undefined) return refuse('ioas-copy/covered');
  const target = objectOf(site.context, command.dstIoasId, 'ioas');
  if (target === undefined) return refuse('ioas/exists');
  const fixed = (flags & MAP_FIXED_IOVA) !== 0;
  const mapping = planMapping(site, {
    ioas: target,
    slices,
    length,
    iova: fixed ? dstIova : undefined,
    addr: addressOf(slices[0] as Slice),
    prot: protOf(flags),
  });
  if (isFailure(mapping)) return failed(mapping);
  const { areas, captures } = mapping;
  if (mapping.adrift) return adrift(site, target.id);
  const events = [
    { type: 'AreasMapped', context: site.context.id, id: target.id, areas, pages: undefined, captures },
  ] as const;
  if (!canRespond(site)) return refuseAfter('respond/fault', events);
  return done(events, { dstIova: mapping.iova, flags, srcIova });
}

/** iommufd_test_syz_conv_iova_id(): before every other check, and only in test builds. */
function resolveSyzkaller(site: Site, command: IoasCopy): IoasCopy {
  if (!(command.flags & COPY_SYZKALLER)) return command;
  const flags = (command.flags & ~COPY_SYZKALLER) >>> 0;
  const source = objectOf(site.context, command.srcIoasId, 'ioas');
  const srcIova = source === undefined ? command.srcIova : syzkallerIova(source, command.srcIova);
  const { type, size, dstIoasId, srcIoasId, length, dstIova } = command;
  return { type, size, flags, dstIoasId, srcIoasId, length, dstIova, srcIova };
}

/** Low half: number of the area in IOVA order; high half: byte offset into it; 0 when there is no such area. */
export function syzkallerIova(ioas: Ioas | undefined, encoded: bigint): bigint {
  const area = ioas === undefined ? undefined : nthArea(ioas.areas, Number(encoded & 0xffff_ffffn));
  return area === undefined ? 0n : (area.iova + (encoded >> 32n)) & U64_MAX;
}

/** Virtual address or file offset of a slice's first byte. */
function addressOf(slice: Slice): bigint {
  return (slice.source.basePage * 4096n + slice.startByte) & U64_MAX;
}

/** iopt_get_pages(): consecutive areas that cover [iova, iova + length), or undefined at the first gap. */
function slicesOf(site: Site, ioas: Ioas, iova: bigint, length: bigint): Slice[] | undefined {
  const last = iova + length - 1n;
  const slices: Slice[] = [];
  let at = iova;
  for (
    let area: Area | undefined = areaAt(ioas.areas, iova);
    ;
    area = nextAfter(ioas.areas, (area as Area).last)
  ) {
    if (area === undefined || area.iova > at) return undefined;
    const end = area.last < last ? area.last : last;
    slices.push({
      source: pagesAt(site.context, area.pagesId),
      startByte: area.startByte + (at - area.iova),
      length: end - at + 1n,
    });
    if (end === last) return slices;
    at = end + 1n;
  }
}

/** iommufd_ioas_unmap(). What was removed before an error stays removed. */
export function decideIoasUnmap(site: Site, command: IoasUnmap): Outcome {
  const ioas = objectOf(site.context, command.ioasId, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  const { iova, length } = command;
  const everything = iova === 0n && length === U64_MAX;
  if (!everything) {
    if (iova === U64_MAX || length === U64_MAX) return refuse('ioas-unmap/overflow');
    if (length === 0n) return refuse('ioas-unmap/length');
    if (iova + length - 1n > U64_MAX) return refuse('ioas-unmap/end-overflow');
  }
  const { events, removed, rule } = unmapAreas(site, ioas, iova, everything ? U64_MAX : iova + length - 1n);
  if (rule !== undefined) return refuseAfter(rule, events);
  if (events.length === 0 && !everything) return refuse('ioas-unmap/nothing');
  if (!canRespond(site))
    return events.length === 0 ? refuse('respond/fault') : refuseAfter('respond/fault', events);
  const reply = { length: removed & U64_MAX };
  return done(events, reply);
}
