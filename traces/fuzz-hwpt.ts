/** How the commands of hardware page tables, devices and fault queues are filled. */

import { mustBe } from '../machines/objects.ts';
import type { Draft, Fills } from './fuzz-draft.ts';
import { rangeIn } from './fuzz-ioas.ts';
import { ODD_NUMBERS } from './fuzz-values.ts';

const NEST_PARENT = 1;
const DIRTY_TRACKING = 2;
const FAULT_ID_VALID = 4;
const PASID = 8;
const SELFTEST = 0xdead;
const SELFTEST_ENTRY = 0xdead_beef;

/** iotlb value and page table of struct iommu_hwpt_selftest; few values, so that checks of them can hit. */
function selftestData(draft: Draft, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  const { random } = draft;
  if (length >= 4) view.setUint32(0, random.pick([0, 1, 0xdead]), true);
  if (length >= 8) view.setUint32(4, random.chance(0.6) ? 0 : random.pick([1, 1, 2]), true);
  return bytes;
}

function dataOf(draft: Draft): void {
  const length = draft.random.chance(draft.edge) ? draft.random.pick([3, 9, 16]) : draft.random.pick([4, 8]);
  const type = draft.random.chance(draft.edge * 0.3) ? 0xbeef : SELFTEST;
  draft.set('dataType', type);
  draft.set('dataLen', length);
  draft.buffer('dataUptr', selftestData(draft, length));
}

function hwptFlags(draft: Draft): number {
  const { random } = draft;
  // Drivers of real hardware take few sets of flags.
  if (!draft.isMock && random.chance(0.8)) return random.pick([0, 0, 0, PASID, NEST_PARENT]);
  let flags = 0;
  if (random.chance(0.35)) flags |= NEST_PARENT;
  if (random.chance(0.25)) flags |= DIRTY_TRACKING;
  if (random.chance(0.4)) flags |= PASID;
  if (random.chance(0.25)) flags |= FAULT_ID_VALID;
  return flags;
}

function pagingAlloc(draft: Draft): void {
  draft.live('ptId', 'ioas');
  const flags = aimed(draft, hwptFlags(draft));
  draft.set('flags', flags);
  if (flags & FAULT_ID_VALID) draft.live('faultId', 'fault');
  if (draft.random.chance(draft.isMock ? 0.2 : 0.05)) dataOf(draft);
}

/** The flags that make what the HWPT is wanted for. */
function aimed(draft: Draft, flags: number): number {
  if (draft.aim === 'nest-parent') return NEST_PARENT | (flags & PASID);
  if (draft.aim === 'fault-hwpt') return FAULT_ID_VALID | (flags & PASID);
  return draft.aim === 'dirty-hwpt' ? DIRTY_TRACKING | (flags & PASID) : flags;
}

const NESTED_AIMS: ReadonlySet<string> = new Set(['hwpt-nested', 'viommu-hwpt']);

function nestedAlloc(draft: Draft): void {
  const onViommu = draft.aim === 'viommu-hwpt' || draft.random.chance(0.5);
  if (onViommu) draft.live('ptId', 'viommu');
  else draft.live('ptId', 'hwpt-paging', (hwpt) => hwpt.nestParent, 'nest-parent');
  const flags = hwptFlags(draft) & (PASID | FAULT_ID_VALID);
  draft.set('flags', flags);
  if (flags & FAULT_ID_VALID) draft.live('faultId', 'fault');
  if (!draft.random.chance(draft.edge * 0.3)) dataOf(draft);
}

/** Entries of struct iommu_hwpt_invalidate_selftest (8 bytes) or of its vIOMMU twin (12). */
function entries(draft: Draft, length: number, count: number, virtIds: readonly number[]): Uint8Array {
  const { random } = draft;
  const bytes = new Uint8Array(length * count);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < count; index++) {
    const at = index * length;
    if (at + 8 > bytes.length) break;
    view.setUint32(at, random.chance(draft.edge) ? 2 : random.below(2), true);
    const slot = random.chance(draft.edge) ? 4 : random.below(4);
    const virtId = virtIds.length > 0 && !random.chance(draft.edge) ? random.pick(virtIds) : random.below(4);
    view.setUint32(at + 4, virtIds.length > 0 || length >= 12 ? virtId : slot, true);
    if (at + 12 <= bytes.length && length >= 12) view.setUint32(at + 8, slot, true);
    if (length > 12 && random.chance(0.3)) bytes[at + 12] = 1;
  }
  return bytes;
}

function invalidate(draft: Draft): void {
  const { random } = draft;
  const viommu = random.chance(0.5) ? draft.live('hwptId', 'viommu') : undefined;
  if (viommu === undefined) draft.live('hwptId', 'hwpt-nested');
  const virtIds: number[] = [];
  for (const object of draft.context.objects)
    if (object?.kind === 'vdevice' && object.viommuId === viommu?.id)
      virtIds.push(Number(object.virtId & 0xffff_ffffn));
  const odd = random.chance(draft.edge);
  const length = viommu === undefined ? (odd ? 12 : 8) : odd ? 16 : 12;
  const count = random.pick([0, 1, 1, 1, 2, 3]);
  draft.set('dataType', random.chance(draft.edge * 0.5) ? 1 : SELFTEST_ENTRY);
  draft.set('entryLen', length);
  draft.set('entryNum', count);
  draft.buffer('dataUptr', entries(draft, length, count, virtIds));
}

const BITMAP_BYTES = 64;

export const hwptFills: Fills = {
  HwptAlloc: (draft) => {
    const dirty = draft.aim === 'dirty-hwpt' && draft.find('device', (one) => one.traits.dirty) !== undefined;
    draft.live('devId', 'device', dirty ? (one) => one.traits.dirty : undefined);
    const share = draft.isMock ? 0.4 : 0.1;
    const nested = draft.aim === undefined ? draft.random.chance(share) : NESTED_AIMS.has(draft.aim);
    if (nested) nestedAlloc(draft);
    else pagingAlloc(draft);
    draft.make('outHwptId');
  },
  HwptSetDirtyTracking: (draft) => {
    const wanted = draft.isMock && !draft.random.chance(draft.edge);
    draft.live('hwptId', 'hwpt-paging', wanted ? (hwpt) => hwpt.dirtyOps : undefined, 'dirty-hwpt');
    draft.set('flags', draft.aim === 'tracking' || draft.random.chance(0.75) ? 1 : 0);
  },
  HwptGetDirtyBitmap: (draft) => {
    const { random } = draft;
    const wanted = draft.isMock && !random.chance(draft.edge);
    const hwpt = draft.live(
      'hwptId',
      'hwpt-paging',
      wanted ? (one) => one.dirtyOps : undefined,
      'dirty-hwpt',
    );
    if (hwpt === undefined) return;
    const [iova, length] = rangeIn(draft, mustBe(draft.context, hwpt.ioasId, 'ioas'));
    draft.set('flags', random.below(2));
    draft.set64('iova', iova);
    draft.set64('length', length);
    draft.set64('pageSize', random.pick([0x1000n, 0x1000n, 0x800n, 0x800n, 0x20_0000n, 0n, 3n]));
    draft.buffer('data', new Uint8Array(BITMAP_BYTES));
  },
  HwptInvalidate: invalidate,
  GetHwInfo: (draft) => {
    const { random } = draft;
    draft.live('devId', 'device');
    const length = random.pick([0, 4, 8, 16, 64]);
    draft.set('dataLen', length);
    draft.buffer('dataUptr', new Uint8Array(length));
    if (random.chance(0.4)) {
      draft.set('flags', 1);
      draft.set('inDataType', random.pick([0, 0xfeed_beef, 1, 2, random.pick(ODD_NUMBERS)]));
    }
  },
  FaultQueueAlloc: (draft) => {
    draft.make('outFaultId');
    draft.make('outFaultFd');
  },
};
