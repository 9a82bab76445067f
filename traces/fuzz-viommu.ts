/** How the commands of vIOMMUs and of VFIO are filled. */
import { areaCount } from '../machines/area-tree.ts';
import { mustBe, objectOf } from '../machines/objects.ts';
import type { Draft, Fills } from './fuzz-draft.ts';
import { rangeIn, usualAddress, usualIova, usualLength } from './fuzz-ioas.ts';
import { BUFFERS } from './fuzz-values.ts';

const SELFTEST = 0xdead_beef;
const SELFTEST_EVENTS = 0xbeef_beef;

export const viommuFills: Fills = {
  ViommuAlloc: (draft) => {
    const { random } = draft;
    draft.live('devId', 'device');
    const parent = random.chance(draft.edge) ? undefined : (hwpt: { nestParent: boolean }) => hwpt.nestParent;
    draft.live('hwptId', 'hwpt-paging', parent, 'nest-parent');
    draft.set('viommuType', random.chance(draft.edge * 0.5) ? 1 : SELFTEST);
    draft.make('outViommuId');
    if (!random.chance(0.4)) return;
    const length = random.chance(draft.edge) ? random.pick([4, 7, 32]) : random.pick([8, 16, 24, 24]);
    const bytes = new Uint8Array(length);
    bytes[0] = random.below(256);
    draft.set('dataLen', length);
    draft.buffer('dataUptr', bytes);
  },
  VdeviceAlloc: (draft) => {
    const { random } = draft;
    draft.live('viommuId', 'viommu');
    const free = random.chance(draft.edge) ? undefined : (one: { vdeviceId: number }) => one.vdeviceId === 0;
    draft.live('devId', 'device', free);
    draft.set64('virtId', random.pick([0n, 1n, 2n, 3n, 0xffff_ffffn, 1n << 32n, 1n << 63n]));
    draft.make('outVdeviceId');
  },
  VeventqAlloc: (draft) => {
    const { random } = draft;
    draft.live('viommuId', 'viommu');
    draft.set('veventqType', random.chance(0.15) ? 1 : SELFTEST_EVENTS);
    draft.set(
      'veventqDepth',
      random.chance(draft.edge) ? random.pick([0, 0x8_0000, 0x8_0001]) : random.pick([1, 2, 3]),
    );
    draft.make('outVeventqId');
    draft.make('outVeventqFd');
  },
  HwQueueAlloc: (draft) => {
    const { random } = draft;
    const viommu = draft.live('viommuId', 'viommu', mappedBehind(draft), 'viommu');
    if (viommu === undefined) return;
    const { ioasId } = mustBe(draft.context, viommu.hwptId, 'hwpt-paging');
    const ioas = mustBe(draft.context, ioasId, 'ioas');
    const [iova, length] = random.chance(draft.edge) ? [0n, usualLength(draft)] : rangeIn(draft, ioas);
    draft.set('hwQueueType', random.chance(draft.edge * 0.5) ? 1 : SELFTEST);
    draft.set('index', random.chance(draft.edge) ? 2 : random.below(2));
    draft.set64('nestingParentIova', random.chance(0.2) ? iova + 0x10n : iova);
    draft.set64('length', random.chance(0.8) && length > 0x1000n ? 0x1000n : length);
    draft.make('outHwQueueId');
  },
};

/** vIOMMUs over an IOAS that has areas come first. */
function mappedBehind(draft: Draft): ((viommu: { hwptId: number }) => boolean) | undefined {
  const fits = ({ hwptId }: { hwptId: number }): boolean => {
    const hwpt = objectOf(draft.context, hwptId, 'hwpt-paging');
    const ioas = hwpt === undefined ? undefined : objectOf(draft.context, hwpt.ioasId, 'ioas');
    return ioas !== undefined && areaCount(ioas.areas) > 0;
  };
  return draft.find('viommu', fits) === undefined ? undefined : fits;
}

const PASIDS: readonly number[] = [
  0, 1, 2, 5, 1024, 0xf_ffff, 0x10_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffea,
];

/** A PASID: a small one as a rule, so that it is met again. */
export function usualPasid(draft: Draft): number {
  return draft.random.chance(0.85) ? draft.random.pick([0, 1, 2, 1024]) : draft.random.pick(PASIDS);
}

/** Names a page table or an address space to attach to. */
export function pageTable(draft: Draft, field: string): void {
  const { random } = draft;
  const roll = random.below(10);
  const found =
    roll < 4 ? draft.find('hwpt-paging') : roll < 7 ? draft.find('hwpt-nested') : draft.find('ioas');
  const other = found ?? draft.find('ioas');
  if (other === undefined) draft.want = 'ioas';
  else draft.object(field, other.id);
}

export const vfioFills: Fills = {
  VfioIommuGetInfo: (draft) => {
    draft.set('argsz', draft.random.pick([16, 20, 24, 36, 40, 56, 72, 88, 120, 4, 12]));
  },
  VfioIommuMapDma: (draft) => {
    if (draft.context.compatIoasId === 0 && !draft.random.chance(draft.edge)) draft.want = 'compat';
    draft.set(
      'flags',
      draft.random.chance(draft.edge) ? draft.random.pick([0, 4]) : draft.random.pick([1, 2, 3, 3]),
    );
    draft.set64('vaddr', usualAddress(draft));
    draft.set64('iova', usualIova(draft));
    draft.set64('length', usualLength(draft));
  },
  VfioIommuUnmapDma: (draft) => {
    const { random, context } = draft;
    const ioas = objectOf(context, context.compatIoasId, 'ioas');
    if (ioas === undefined && !random.chance(draft.edge)) draft.want = 'compat';
    else if (ioas?.largePages && random.chance(0.5)) draft.want = 'type1';
    else if (ioas !== undefined && areaCount(ioas.areas) === 0) draft.want = 'compat-area';
    const all = random.chance(0.15);
    draft.set('flags', all ? 2 : random.chance(draft.edge) ? 4 : 0);
    if (all && !random.chance(draft.edge)) return;
    const [iova, length] = ioas === undefined ? [usualIova(draft), usualLength(draft)] : rangeIn(draft, ioas);
    draft.set64('iova', iova);
    draft.set64('length', length);
  },
  DeviceBindIommufd: (draft) => {
    draft.descriptor('iommufd', 'iommufd');
    draft.make('outDevid');
    if (draft.random.chance(0.05)) {
      draft.set('flags', 1);
      draft.set64('tokenUuidPtr', draft.random.chance(0.5) ? (BUFFERS[0] as bigint) : 0n);
    }
  },
  DeviceAttachIommufdPt: (draft) => {
    pageTable(draft, 'ptId');
    if (!draft.random.chance(0.4)) return;
    draft.set('flags', 1);
    draft.set('pasid', usualPasid(draft));
  },
  DeviceDetachIommufdPt: (draft) => {
    if (!draft.random.chance(0.4)) return;
    draft.set('flags', 1);
    draft.set('pasid', usualPasid(draft));
  },
  DeviceGetInfo: (draft) => {
    draft.set('argsz', draft.random.pick([16, 20, 24, 24, 32, 8]));
  },
};
