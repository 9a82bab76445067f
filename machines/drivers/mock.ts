/** The kernel's own mock IOMMU (selftest.c): 2 KiB granule, nested HWPTs with four cached values, vIOMMUs, HW queues. */
import type { DeviceTraits } from '../../events/device.ts';
import type { Domain } from '../../events/hwpt.ts';
import type { RuleId } from '../../events/rules.ts';
import { canWrite } from '../address-space.ts';
import { UNKNOWN_VALUE } from '../cached-value.ts';
import { HWPT_DIRTY_TRACKING, HWPT_NEST_PARENT, HWPT_PASID } from '../hwpt-flags.ts';
import { type Hwpt, objectOf, type Viommu } from '../objects.ts';
import type { Plan } from '../plan.ts';
import { type Failure, isFailure, type Site, supposition } from '../site.ts';
import { mayFault, readSecond, word } from '../user-data.ts';
import {
  type DeviceView,
  type Driver,
  type HwInfo,
  type HwQueueSlot,
  type Nested,
  type NestedRequest,
  type PagingRequest,
  type UserData,
  type ViommuInit,
  type ViommuRequest,
  vdeviceOf,
} from './driver.ts';
import { invalidateNested, invalidateViommu } from './mock-entries.ts';

const HWPT_DATA_SELFTEST = 0xdead;
const VIOMMU_SELFTEST = 0xdead_beef;
const HW_QUEUE_SELFTEST = 0xdead_beef;
const HW_INFO_SELFTEST = 0xfeed_beef;
const HW_INFO_REGISTER = 0xdead_beef;
const RESERVED_PASID = 1024;
const WINDOW_LENGTH = 0x2000n;

/** Mock device flags. */
export const MOCK_NO_DIRTY = 1;
export const MOCK_HUGE_IOVA = 2;
export const MOCK_PASID = 4;

const DEFAULT_DOMAIN: Domain = {
  driver: 'mock',
  instance: 'mock',
  format: 'default',
  granule: 2048,
  pageSizes: 0x1f_ffff_f800n,
  aperture: { start: 0x100_0000n, last: 0x7fff_ffffn },
  cacheCoherent: false,
  noIommu: false,
};
const HUGE_DOMAIN: Domain = {
  ...DEFAULT_DOMAIN,
  format: 'huge',
  granule: 4096,
  pageSizes: 0x10_1000n,
  aperture: { start: 0n, last: 0x3f_ffff_ffffn },
};
/** Up to 6.13: one flat table of 2 KiB slots; a device flag adds 1 MiB pages. */
const FLAT_DOMAIN: Domain = { ...DEFAULT_DOMAIN, format: 'flat', pageSizes: 0x800n };
const FLAT_HUGE_DOMAIN: Domain = { ...DEFAULT_DOMAIN, format: 'flat-huge', pageSizes: 0x10_0800n };

function allocPaging(site: Site, { traits, flags, data }: PagingRequest): Domain | Failure {
  const known = site.kernel.has.has('pasid')
    ? HWPT_DIRTY_TRACKING | HWPT_NEST_PARENT | HWPT_PASID
    : HWPT_DIRTY_TRACKING | HWPT_NEST_PARENT;
  if (flags & ~known) return { rule: 'mock/paging-flags' };
  if (!site.kernel.has.has('mock-page-tables')) {
    if (data.length !== 0) return { rule: 'mock/paging-data' };
    return traits.name === 'huge' ? FLAT_HUGE_DOMAIN : FLAT_DOMAIN;
  }
  if (data.length === 0) return DEFAULT_DOMAIN;
  if (data.type !== HWPT_DATA_SELFTEST) return { rule: 'mock/paging-data' };
  if (data.length < 4 || data.length > 8) return { rule: 'mock/data-length' };
  const bytes = readSecond(site, data.address, 0, data.length, 'mock/data-fault');
  if (isFailure(bytes)) return 'missing' in bytes ? unseenFormat(site, data, bytes.missing) : bytes;
  const kind = word(bytes, 1);
  if (kind > 1) return { rule: 'mock/page-table-type' };
  return kind === 1 ? HUGE_DOMAIN : DEFAULT_DOMAIN;
}

/** The data that says which page table is wanted was not recorded. */
function unseenFormat(site: Site, { address, length }: UserData, missing: string): Domain | Failure {
  const faults = mayFault(site, address, length);
  if (length === 4 && !faults) return DEFAULT_DOMAIN;
  switch (supposition(site, missing)) {
    case 'granted':
      return DEFAULT_DOMAIN;
    case 'otherwise':
      return HUGE_DOMAIN;
    case 'refused':
    case 'denied':
      return faults
        ? { rule: 'mock/page-table-type', others: ['mock/data-fault'] }
        : { rule: 'mock/page-table-type' };
    default:
      return site.trusting ? DEFAULT_DOMAIN : { missing };
  }
}

function allocNested(site: Site, { data }: NestedRequest): Nested | Failure {
  if (data.type !== HWPT_DATA_SELFTEST) return { rule: 'mock/nested-type' };
  const most = site.kernel.has.has('mock-page-tables') ? 8 : 4;
  if (data.length < 4 || data.length > most) return { rule: 'mock/data-length' };
  const bytes = readSecond(site, data.address, 0, data.length, 'mock/data-fault');
  if (!isFailure(bytes)) return { iotlb: word(bytes, 0), data: '' };
  return 'missing' in bytes ? { iotlb: UNKNOWN_VALUE, data: '' } : bytes;
}

/** mock_domain_nop_attach() and mock_domain_set_dev_pasid_nop(). */
function attach(
  site: Site,
  plan: Plan,
  device: DeviceView,
  hwpt: Hwpt,
  pasid: number,
  _replaces: boolean,
): RuleId | undefined {
  if (pasid !== 0) return setPasid(site, plan, device, pasid);
  if (hwpt.kind === 'hwpt-paging' && hwpt.dirtyOps && !device.traits.dirty) return 'mock/attach-dirty';
  const viommuId = hwpt.kind === 'hwpt-nested' ? hwpt.viommuId : 0;
  const vdevice = viommuId === 0 ? undefined : vdeviceOf(site, viommuId, device.id);
  if (viommuId !== 0 && vdevice === undefined) return 'mock/attach-vdevice';
  if (viommuId !== device.viommuId) {
    const identity = { deviceId: device.id, viommuId, virtId: vdevice?.virtId ?? 0n };
    plan.events.push({ type: 'VirtualIdentityTaken', context: site.context.id, ...identity });
  }
  return undefined;
}

function setPasid(site: Site, plan: Plan, device: DeviceView, pasid: number): RuleId | undefined {
  if (pasid !== RESERVED_PASID) return undefined;
  const toggled = { type: 'Pasid1024Toggled', context: site.context.id, deviceId: device.id } as const;
  if (device.fails1024) {
    plan.residue.push({ ...toggled, armed: false });
    return 'mock/pasid-1024';
  }
  plan.events.push({ ...toggled, armed: true });
  return undefined;
}

/** The blocked domain takes the slot. */
function detached(site: Site, plan: Plan, device: DeviceView, pasid: number): void {
  const base = { context: site.context.id, deviceId: device.id };
  if (pasid === 0 && device.viommuId !== 0)
    plan.events.push({ type: 'VirtualIdentityTaken', ...base, viommuId: 0, virtId: 0n });
  if (pasid === RESERVED_PASID && device.fails1024)
    plan.events.push({ type: 'Pasid1024Toggled', ...base, armed: false });
}

function hwInfo(_traits: DeviceTraits, type: number): HwInfo | undefined {
  if (type !== 0 && type !== HW_INFO_SELFTEST) return undefined;
  return SELFTEST_INFO;
}

/** struct iommu_test_hw_info: no flags, one register. */
const selftestInfo = new DataView(new ArrayBuffer(8));
selftestInfo.setUint32(4, HW_INFO_REGISTER, true);
const SELFTEST_INFO: HwInfo = { type: HW_INFO_SELFTEST, bytes: new Uint8Array(selftestInfo.buffer) };

/** mock_viommu_init(): reads in_data, answers it as out_data, offers a window of two pages. */
function initViommu(site: Site, { data }: ViommuRequest): ViommuInit | Failure {
  if (data.length === 0) return { windowLength: 0n, reply: undefined };
  if (data.length < 8 || data.length > 24) return { rule: 'mock/viommu-data-length' };
  const bytes = readSecond(site, data.address, 0, data.length, 'mock/data-fault');
  if (isFailure(bytes) && 'rule' in bytes) return bytes;
  if (!canWrite(site.space, data.address, data.length)) return { rule: 'mock/data-fault' };
  if (isFailure(bytes)) return { windowLength: WINDOW_LENGTH, reply: undefined };
  const reply = (offset: bigint): Uint8Array => {
    const view = new DataView(new ArrayBuffer(24));
    view.setUint32(0, word(bytes, 0), true);
    view.setUint32(4, word(bytes, 0), true);
    view.setBigUint64(8, offset, true);
    view.setBigUint64(16, WINDOW_LENGTH, true);
    return new Uint8Array(view.buffer, 0, data.length);
  };
  return { windowLength: WINDOW_LENGTH, reply };
}

/** mock_hw_queue_init_phys(). Slot 1 needs slot 0, whose queue it then holds. */
function hwQueue(site: Site, viommu: Viommu, _kind: number, index: number): HwQueueSlot | RuleId {
  if (index >= 2) return 'mock/hw-queue-index';
  if (viommu.queueSlots[index] !== 0) return 'mock/hw-queue-used';
  if (index === 0) return { dependsOnId: 0 };
  const first = viommu.queueSlots[0] ?? 0;
  if (first === 0 || objectOf(site.context, first, 'hw-queue') === undefined) return 'mock/hw-queue-order';
  return { dependsOnId: first };
}

export const mockDriver: Driver = {
  name: 'mock',
  userPasidTable: true,
  allocPaging,
  allocNested,
  allocNestedOnViommu: allocNested,
  attach,
  canSetPasid: () => true,
  detached,
  hwInfo,
  capabilities: (traits) => (traits.dirty ? 1n : 0n),
  viommuType: (_traits, kind) => kind === VIOMMU_SELFTEST,
  initViommu,
  initVdevice: () => undefined,
  invalidateNested,
  invalidateViommu,
  hwQueue,
  hwQueueType: (kind) => kind === HW_QUEUE_SELFTEST,
};
