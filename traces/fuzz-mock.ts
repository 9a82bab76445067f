/** How the operations of the kernel's mock IOMMU are filled. */

import { U64_MAX } from '../events/u64.ts';
import { pagesAt } from '../machines/mapping.ts';
import { type Device, mustBe, objectOf } from '../machines/objects.ts';
import type { Draft, Fill, Fills } from './fuzz-draft.ts';
import { anyArea, rangeIn, usualAddress, usualIova, usualLength } from './fuzz-ioas.ts';
import { BUFFERS, ODD_NUMBERS, USUAL_ADDRESSES } from './fuzz-values.ts';
import { pageTable, usualPasid } from './fuzz-viommu.ts';

function mockDomain(draft: Draft): void {
  const { random } = draft;
  const faulting = draft.aim === 'faulting';
  const raises = (hwpt: { faultId: number }): boolean => hwpt.faultId !== 0;
  const hwpt =
    faulting || random.chance(0.3) ? draft.find('hwpt-paging', faulting ? raises : undefined) : undefined;
  if (faulting && hwpt === undefined) draft.want = 'fault-hwpt';
  if (hwpt !== undefined) draft.object('id', hwpt.id);
  else draft.live('id', 'ioas');
  for (const field of ['outStdevId', 'outHwptId', 'outIdevId']) draft.make(field);
}

/** The access whose descriptor is named, and its address space. */
function accessed(draft: Draft): void {
  const { random } = draft;
  const named = draft.descriptor('id', 'access');
  if (named === undefined) return;
  const object = [...draft.context.objects].find((one) => one?.kind === 'access' && !one.internal);
  const ioas = object?.kind === 'access' ? objectOf(draft.context, object.ioasId, 'ioas') : undefined;
  const [iova, length] = ioas === undefined ? [usualIova(draft), usualLength(draft)] : rangeIn(draft, ioas);
  draft.set64('iova', random.chance(0.1) ? (iova + 0x10n) & U64_MAX : iova);
  draft.set64('length', length);
}

/** The user address behind an area, so that a comparison can succeed. */
function behind(draft: Draft): void {
  const hwpt = draft.live('id', 'hwpt-paging');
  if (hwpt === undefined) return;
  const area = anyArea(draft, mustBe(draft.context, hwpt.ioasId, 'ioas'));
  if (area === undefined || draft.random.chance(draft.edge)) {
    draft.set64('iova', usualIova(draft));
    draft.set64('length', usualLength(draft));
    draft.set64('uptr', usualAddress(draft));
    return;
  }
  const { basePage } = pagesAt(draft.context, area.pagesId);
  draft.set64('iova', area.iova);
  draft.set64('length', draft.random.chance(0.7) ? (area.last - area.iova + 1n) & U64_MAX : 0x1000n);
  draft.set64('uptr', (basePage * 0x1000n + area.startByte) & U64_MAX);
}

function move(draft: Draft): void {
  if (draft.aim === 'reporting') {
    // A device reports to a vIOMMU after it was put on a nested HWPT of it, and needs a vDEVICE for that.
    if (moveToViommu(draft)) return;
    draft.want = draft.find('vdevice') === undefined ? 'vdevice' : 'viommu-hwpt';
    return;
  }
  if (draft.random.chance(0.25) && moveToViommu(draft)) return;
  draft.live('id', 'selftest');
  pageTable(draft, 'ptId');
}

/** A device with a vDEVICE goes to a nested HWPT of its vIOMMU. */
function moveToViommu(draft: Draft): boolean {
  const vdevice = draft.find('vdevice');
  const nested = draft.find('hwpt-nested', (hwpt) => hwpt.viommuId === vdevice?.viommuId);
  const selftest = draft.find('selftest', (one) => one.deviceId === vdevice?.deviceId);
  if (vdevice === undefined || nested === undefined || selftest === undefined) return false;
  draft.object('id', selftest.id);
  draft.object('ptId', nested.id);
  return true;
}

/** Whether a page request of this device finds a fault queue. */
const raisesFaults = (draft: Draft) => (device: Device) => {
  for (const slot of draft.context.groups.get(device.traits.groupKey)?.slots.values() ?? []) {
    const hwpt = draft.context.objects[slot.hwptId];
    if (hwpt !== undefined && 'faultId' in hwpt && hwpt.faultId !== 0) return true;
  }
  return false;
};

/** PASIDs need a device that has some. */
const withPasids = (draft: Draft) => (one: { deviceId: number }) =>
  (objectOf(draft.context, one.deviceId, 'device') as Device).traits.maxPasids > 1;

/** Names a mock device and a PASID that it has attached. */
function attachedPasid(draft: Draft): boolean {
  const { random, context } = draft;
  let seen = 0;
  let found: [number, number] | undefined;
  for (const group of context.groups.values())
    for (const [pasid, slot] of group.slots)
      if (pasid !== 0 && random.below(++seen) === 0) found = [slot.deviceIds[0] ?? 0, pasid];
  const selftest = draft.find('selftest', (one) => one.deviceId === found?.[0]);
  if (found === undefined || selftest === undefined) return false;
  draft.object('id', selftest.id);
  draft.set('pasid', found[1]);
  return true;
}

const pasidMove: Fill = (draft) => {
  const { random } = draft;
  const fits = withPasids(draft);
  const able = random.chance(0.85) && draft.find('selftest', fits) !== undefined;
  if (draft.type !== 'TestPasidReplace' || random.chance(0.2) || !attachedPasid(draft)) {
    draft.live('id', 'selftest', able ? fits : undefined);
    draft.set('pasid', usualPasid(draft));
  }
  const compatible = random.chance(0.8) ? draft.find('hwpt-paging', (hwpt) => hwpt.pasidCompat) : undefined;
  if (compatible !== undefined) draft.object('ptId', compatible.id);
  else pageTable(draft, 'ptId');
};

function dirty(draft: Draft): void {
  const { random } = draft;
  const wanted = !random.chance(draft.edge);
  const hwpt = draft.live('id', 'hwpt-paging', wanted ? (one) => one.dirtyTracking : undefined, 'tracking');
  if (hwpt === undefined) return;
  const area = anyArea(draft, mustBe(draft.context, hwpt.ioasId, 'ioas'));
  if (area === undefined && random.chance(0.7)) draft.want = 'area';
  const pageSize = random.pick([0x800n, 0x800n, 0x1000n]);
  draft.set64('iova', area === undefined ? usualIova(draft) : area.iova);
  draft.set64(
    'length',
    random.chance(draft.edge) ? random.pick([0n, 0x7ffn, 1n << 40n]) : 0x1000n * BigInt(1 + random.below(4)),
  );
  draft.set64('pageSize', random.chance(draft.edge) ? 0n : pageSize);
  const bytes = new Uint8Array(4);
  bytes[0] = random.below(256);
  draft.buffer('uptr', bytes);
}

/** Cached values that can be right: what a slot holds, or nothing like it. */
function cached(draft: Draft, values: readonly number[], field: string): void {
  const { random } = draft;
  const index = random.chance(draft.edge) ? 4 : random.below(4);
  draft.set('index', index);
  draft.set(field, random.chance(0.7) ? (values[index] ?? 0) : random.pick(ODD_NUMBERS));
}

export const mockFills: Fills = {
  TestAddReserved: (draft) => {
    draft.live('id', 'ioas');
    draft.set64('start', usualIova(draft));
    draft.set64('length', usualLength(draft));
  },
  TestMockDomain: mockDomain,
  TestMockDomainFlags: (draft) => {
    mockDomain(draft);
    const { random } = draft;
    draft.set(
      'devFlags',
      random.chance(draft.edge * 0.3) ? random.pick([2, 8]) : random.pick([4, 4, 4, 0, 1, 5]),
    );
  },
  TestMdCheckMap: behind,
  TestMdCheckRefs: (draft) => {
    draft.set64('length', draft.random.chance(draft.edge) ? usualLength(draft) : 0x1000n);
    draft.set64(
      'uptr',
      draft.random.chance(draft.edge) ? usualAddress(draft) : draft.random.pick(USUAL_ADDRESSES),
    );
    draft.set('refs', draft.random.below(3));
  },
  TestCreateAccess: (draft) => {
    draft.live('id', 'ioas');
    draft.set('flags', draft.random.chance(0.75) ? 1 : 0);
    draft.make('outAccessFd');
  },
  TestDestroyAccessPages: (draft) => {
    draft.descriptor('id', 'access');
    draft.set('accessPagesId', draft.random.pick([0, 0, 0, 1, 1, 2]));
  },
  TestAccessPages: (draft) => {
    accessed(draft);
    draft.set('flags', draft.random.pick([0, 0, 1, 1, 0x1_0000]));
    draft.set64('uptr', draft.random.chance(0.3) ? usualAddress(draft) : 0n);
  },
  TestAccessRw: (draft) => {
    accessed(draft);
    draft.set('flags', draft.random.pick([0, 1, 4, 5, 0, 1, 0x1_0000]));
    draft.set64('uptr', draft.random.chance(draft.edge) ? usualAddress(draft) : draft.random.pick(BUFFERS));
  },
  TestSetTempMemoryLimit: (draft) => draft.set('limit', draft.random.pick([0, 11, 12, 0x1_0000])),
  TestMockDomainReplace: move,
  TestAccessReplaceIoas: (draft) => {
    draft.descriptor('id', 'access');
    draft.live('ioasId', 'ioas');
  },
  TestDirty: dirty,
  TestMdCheckIotlb: (draft) => {
    const hwpt = draft.live('id', 'hwpt-nested');
    if (hwpt !== undefined) cached(draft, hwpt.iotlb, 'iotlb');
  },
  TestTriggerIopf: (draft) => {
    const able = draft.find('device', raisesFaults(draft));
    if (able !== undefined) draft.object('devId', able.id);
    else if (draft.random.chance(0.5)) draft.want = 'faulting';
    else draft.live('devId', 'device');
    draft.set('pasid', draft.random.chance(0.6) ? 0 : usualPasid(draft));
    draft.set('grpid', draft.random.below(4));
    draft.set('perm', draft.random.below(4));
    draft.set64('addr', usualIova(draft));
  },
  TestDevCheckCache: (draft) => {
    const device = draft.live('id', 'device');
    if (device !== undefined) cached(draft, device.cache, 'cache');
  },
  TestTriggerVevent: (draft) => {
    const able = draft.find('device', (one) => one.viommuId !== 0);
    if (able !== undefined) draft.object('devId', able.id);
    else if (draft.random.chance(0.5)) draft.want = 'reporting';
    else draft.live('devId', 'device');
  },
  TestPasidAttach: pasidMove,
  TestPasidReplace: pasidMove,
  TestPasidDetach: (draft) => {
    if (draft.random.chance(0.8) && attachedPasid(draft)) return;
    draft.live('id', 'selftest');
    draft.set('pasid', usualPasid(draft));
  },
  TestPasidCheckHwpt: (draft) => {
    draft.live('id', 'selftest');
    draft.set('pasid', usualPasid(draft));
    const hwpt = draft.random.chance(0.7)
      ? (draft.find('hwpt-paging') ?? draft.find('hwpt-nested'))
      : undefined;
    if (hwpt !== undefined) draft.object('hwptId', hwpt.id);
  },
  TestDmabufGet: (draft) => {
    draft.set(
      'length',
      draft.random.chance(draft.edge) ? draft.random.pick([0, 0x20_0001, 0xffff_ffff]) : 0x4000,
    );
    draft.make('');
  },
  TestDmabufRevoke: (draft) => {
    draft.descriptor('dmabufFd', 'dmabuf');
    draft.set('revoked', draft.random.chance(0.8) ? 1 : 0);
  },
  TestUnknownOp: (draft) => draft.set('op', draft.random.pick([0, 24, 0xffff_ffff])),
};
