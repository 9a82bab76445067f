/** Deciders of the VFIO container ioctls that an iommufd answers for its compat IOAS (vfio_compat.c). */
import type { Event } from '../events/event.ts';
import {
  answer,
  DONE,
  done,
  type Outcome,
  type Patch,
  refuse,
  refuseAfter,
  stored,
} from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import { U64_MAX } from '../events/u64.ts';
import type {
  VfioCheckExtension,
  VfioIommuGetInfo,
  VfioIommuMapDma,
  VfioIommuUnmapDma,
  VfioSetIommu,
} from '../events/vfio-command.ts';
import { canWrite } from './address-space.ts';
import { userPages } from './area.ts';
import { type Area, areaAt, putArea, removeArea } from './area-tree.ts';
import { holesOf } from './intervals.ts';
import { rangeBytes } from './ioas.ts';
import { pagesAt, planMapping } from './mapping.ts';
import { type Ioas, mustBe, objectOf } from './objects.ts';
import { refusesSmallPages } from './option.ts';
import { CAP_SYS_RAWIO, capable, failed, isFailure, type Site } from './site.ts';
import { unmapAreas } from './unmapping.ts';

const TYPE1 = 1n;
const DMA_CC = 4n;
const TYPE1V2 = 3n;
const NOIOMMU = 8n;
const UNMAP_ALL = 9n;
const DMA_UNMAP_FLAG_ALL = 2;
const PAGE = 0x1000n;

function compatIoas(site: Site): Ioas | undefined {
  const { compatIoasId } = site.context;
  return compatIoasId === 0 ? undefined : objectOf(site.context, compatIoasId, 'ioas');
}

/** iommufd_vfio_check_extension(): the answer is the return value. */
export function decideVfioCheckExtension(site: Site, command: VfioCheckExtension): Outcome {
  switch (command.arg) {
    case TYPE1:
    case TYPE1V2:
    case UNMAP_ALL:
      return answer(site.context.noIommuMode ? 0 : 1);
    case NOIOMMU:
      return answer(1);
    case DMA_CC: {
      const ioas = compatIoas(site);
      if (ioas === undefined) return refuse('compat/ioas');
      return answer(
        ioas.hwptIds.every((id) => mustBe(site.context, id, 'hwpt-paging').domain.cacheCoherent) ? 1 : 0,
      );
    }
    default:
      return answer(0);
  }
}

/** iommufd_vfio_set_iommu(). Type 3 changes nothing. */
export function decideVfioSetIommu(site: Site, command: VfioSetIommu): Outcome {
  const { context } = site;
  if (command.arg === NOIOMMU && context.noIommuMode)
    return capable(site, CAP_SYS_RAWIO) ? DONE : refuse('vfio-set-iommu/capability');
  if ((command.arg !== TYPE1 && command.arg !== TYPE1V2) || context.noIommuMode)
    return refuse('vfio-set-iommu/type');
  const ioas = compatIoas(site);
  if (ioas === undefined) return refuse('compat/ioas');
  if (command.arg === TYPE1V2 || !ioas.largePages) return DONE;
  const rule = refusesSmallPages(ioas);
  return rule === undefined
    ? done([{ type: 'LargePagesSet', context: context.id, id: ioas.id, enabled: false }])
    : refuse(rule);
}

/** iommufd_vfio_iommu_get_info(): struct, DMA_AVAIL and IOVA_RANGE capabilities as far as argsz reaches. */
export function decideVfioIommuGetInfo(site: Site, command: VfioIommuGetInfo): Outcome {
  const { argsz } = command;
  if (argsz < 16) return refuse('vfio-get-info/argsz');
  const ioas = compatIoas(site);
  if (ioas === undefined) return refuse('compat/ioas');
  const holes = holesOf(ioas.reserved, 0n, U64_MAX);
  const total = 56 + 16 * holes.length;
  const raw: Patch[] = [];
  if (argsz >= 36) raw.push({ at: 24, bytes: words(0x0001_0003, argsz >= 40 ? 40 : 0, 0xffff_ffff) });
  const room = argsz - 40;
  for (const [index, hole] of holes.entries()) {
    if (room > 0 && room >= 32 + 16 * index) raw.push({ at: 56 + 16 * index, bytes: rangeBytes(hole) });
  }
  if (room >= 16 + 16 * holes.length) raw.push({ at: 40, bytes: words(0x0001_0001, 0, holes.length, 0) });
  const head = new DataView(new ArrayBuffer(24));
  head.setUint32(0, total, true);
  head.setUint32(4, 3, true);
  head.setBigUint64(8, pageSizes(site, ioas), true);
  head.setUint32(16, argsz >= total ? 24 : 0, true);
  raw.push({ at: 0, bytes: new Uint8Array(head.buffer, 0, Math.min(argsz, 24)) });
  const fault = raw.some(({ at, bytes }) => !canWrite(site.space, site.arg + at, bytes.length));
  return fault ? refuse('respond/fault') : stored(raw);
}

function words(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value, true);
  return new Uint8Array(view.buffer);
}

/** iommufd_get_pagesizes(): what all domains have in common, never below the CPU page size or the alignment. */
function pageSizes(site: Site, ioas: Ioas): bigint {
  let sizes = U64_MAX;
  for (const id of ioas.hwptIds) sizes &= mustBe(site.context, id, 'hwpt-paging').domain.pageSizes;
  if (sizes & (PAGE - 1n)) sizes = (sizes & ~(PAGE - 1n)) | PAGE;
  const align = BigInt(ioas.align);
  return sizes > align ? sizes : align;
}

/** iommufd_vfio_map_dma(): a fixed mapping without MAP's own argument checks. */
export function decideVfioIommuMapDma(site: Site, command: VfioIommuMapDma): Outcome {
  const { argsz, flags, vaddr, iova, length } = command;
  if (argsz < 32 || flags & ~3) return refuse('vfio-map-dma/flags');
  const ioas = compatIoas(site);
  if (ioas === undefined) return refuse('compat/ioas');
  const pages = userPages(site, vaddr, length, (flags & 2) !== 0);
  if (isFailure(pages)) return failed(pages);
  const slice = { source: pages, startByte: vaddr & 0xfffn, length };
  const mapping = planMapping(site, { ioas, slices: [slice], length, iova, addr: vaddr, prot: flags });
  if (isFailure(mapping)) return failed(mapping);
  const { areas, captures } = mapping;
  return done([{ type: 'AreasMapped', context: site.context.id, id: ioas.id, areas, pages, captures }]);
}

/** iommufd_vfio_unmap_dma(): in TYPE1 mode areas are cut first; the size removed is reported even with an error. */
export function decideVfioIommuUnmapDma(site: Site, command: VfioIommuUnmapDma): Outcome {
  const { argsz, flags, iova, length } = command;
  if (argsz < 24 || flags & ~DMA_UNMAP_FLAG_ALL) return refuse('vfio-unmap-dma/flags');
  const ioas = compatIoas(site);
  if (ioas === undefined) return refuse('compat/ioas');
  if (flags & DMA_UNMAP_FLAG_ALL) {
    if (iova !== 0n || length !== 0n) return refuse('vfio-unmap-dma/all');
    return report(site, unmapAreas(site, ioas, 0n, U64_MAX), []);
  }
  const cuts: Event[] = [];
  const target = ioas.largePages ? ioas : cutTwice(site, ioas, iova, length, cuts);
  if (typeof target === 'string') return refuseAfter(target, cuts);
  if (length === 0n) return report(site, { events: [], removed: 0n, rule: 'ioas-unmap/length' }, cuts);
  const last = iova + length - 1n;
  if (last > U64_MAX) return report(site, { events: [], removed: 0n, rule: 'ioas-unmap/end-overflow' }, cuts);
  return report(site, unmapAreas(site, target, iova, last), cuts);
}

function report(
  site: Site,
  unmapped: { events: Event[]; removed: bigint; rule: RuleId | undefined },
  cuts: Event[],
): Outcome {
  const events = [...cuts, ...unmapped.events];
  if (!canWrite(site.space, site.arg, 24)) return refuseAfter('respond/fault', events);
  const reply = { length: unmapped.removed & U64_MAX };
  return unmapped.rule === undefined ? done(events, reply) : refuseAfter(unmapped.rule, events, reply);
}

/** Cuts at both ends, in 64-bit arithmetic that wraps; a done cut is not undone. Answers the IOAS after the cuts. */
function cutTwice(site: Site, ioas: Ioas, iova: bigint, length: bigint, events: Event[]): Ioas | RuleId {
  const ends = [(iova + length - 1n) & U64_MAX];
  if (iova !== 0n) ends.push(iova - 1n);
  let areas = ioas.areas;
  for (const at of ends) {
    const area = areaAt(areas, at);
    if (area === undefined || at === area.iova || at === area.last) continue;
    const rule = refusesCut(site, ioas, area, at);
    if (rule !== undefined) return rule;
    events.push({ type: 'AreaSplit', context: site.context.id, id: ioas.id, iova: area.iova, at });
    areas = splitArea(areas, area, at);
  }
  return { ...ioas, areas };
}

/** The tree with `area` replaced by [iova, at] and [at + 1, last]. */
export function splitArea(areas: Ioas['areas'], area: Area, at: bigint): Ioas['areas'] {
  const right = { ...area, iova: at + 1n, startByte: area.startByte + (at + 1n - area.iova) };
  return putArea(putArea(removeArea(areas, area.iova), { ...area, last: at }), right);
}

/** iopt_area_split(). */
function refusesCut(site: Site, ioas: Ioas, area: Area, at: bigint): RuleId | undefined {
  if (pagesAt(site.context, area.pagesId).kind === 'dmabuf') return 'area-split/dmabuf';
  const align = BigInt(ioas.align);
  const offset = area.startByte + (at + 1n - area.iova);
  if ((at + 1n) % align !== 0n || offset % align !== 0n) return 'area-split/alignment';
  if (area.pins > 0 || area.locks > 0) return 'area-split/pinned';
  return undefined;
}
