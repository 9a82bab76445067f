/** What iommufd leaves to the IOMMU driver. One object per driver; each answer is a rule's refusal or a fact. */
import type { DeviceTraits } from '../../events/device.ts';
import type { Event } from '../../events/event.ts';
import type { Domain } from '../../events/hwpt.ts';
import type { RuleId } from '../../events/rules.ts';
import type { Hwpt, HwptPaging, Vdevice, Viommu } from '../objects.ts';
import type { Plan } from '../plan.ts';
import type { Failure, Site } from '../site.ts';

/** Driver-specific data that a command carries. */
export type UserData = Readonly<{ type: number; length: number; address: number }>;

/** A device as the attach engine sees it, bound already or about to be. */
export type DeviceView = Readonly<{ id: number; traits: DeviceTraits; viommuId: number; fails1024: boolean }>;

export type PagingRequest = Readonly<{ traits: DeviceTraits; flags: number; data: UserData }>;
export type NestedRequest = Readonly<{
  traits: DeviceTraits;
  flags: number;
  data: UserData;
  parent: HwptPaging;
  viommu: Viommu | undefined;
}>;
export type Nested = Readonly<{ iotlb: number; data: string }>;

export type ViommuRequest = Readonly<{
  traits: DeviceTraits;
  kind: number;
  parent: HwptPaging;
  data: UserData;
}>;

/** How many entries of an invalidation were handled, and why it stopped. */
export type Invalidation = Readonly<{
  handled: number;
  events: readonly Event[];
  failure: Readonly<{ rule: RuleId }> | UnseenEntries | undefined;
}>;

/** Entries of an invalidation that the recording does not hold, from the one numbered `from` on. */
export type UnseenEntries = Readonly<{
  missing: string;
  from: number;
  /** What `least` to `most` of them leave. */
  forgotten: (least: number, most: number) => Event;
  /** Whether there is an entry that would be accepted. */
  canSucceed: boolean;
  /** What can refuse one of them, once `handled` entries were done; where that is not known, any. */
  refusals: (handled: number | undefined) => readonly RuleId[];
}>;
export type InvalidationRequest = Readonly<{
  type: number;
  entryLength: number;
  entries: number;
  address: number;
}>;

/** Driver data; `unknowable` (bytes) is hardware that no recording holds. */
export type HwInfo = Readonly<{
  type: number;
  bytes: Uint8Array;
  unknowable?: Readonly<{ at: number; length: number }>;
}>;

export interface Driver {
  readonly name: string;
  /** PASID tables that user space manages can take faults for PASIDs without an attachment. */
  readonly userPasidTable: boolean;
  allocPaging(site: Site, request: PagingRequest): Domain | Failure;
  /** undefined: no nested HWPTs on a paging HWPT. */
  allocNested: ((site: Site, request: NestedRequest) => Nested | Failure) | undefined;
  /** undefined: no nested HWPTs on a vIOMMU. */
  allocNestedOnViommu: ((site: Site, request: NestedRequest) => Nested | Failure) | undefined;
  /** Programs the slot; what changes even when it refuses goes to `plan.residue`. */
  attach(
    site: Site,
    plan: Plan,
    device: DeviceView,
    hwpt: Hwpt,
    pasid: number,
    replaces: boolean,
  ): RuleId | undefined;
  /** Whether domains of this HWPT can sit on a PASID at all. */
  canSetPasid(hwpt: Hwpt): boolean;
  /** What else happens when a slot is emptied. */
  detached(site: Site, plan: Plan, device: DeviceView, pasid: number): void;
  hwInfo(traits: DeviceTraits, type: number): HwInfo | undefined;
  /** Capability bits of GET_HW_INFO. */
  capabilities(traits: DeviceTraits): bigint;
  /** undefined: the driver has no vIOMMUs; false: not of this type. */
  viommuType: ((traits: DeviceTraits, kind: number) => boolean) | undefined;
  initViommu(site: Site, request: ViommuRequest): ViommuInit | Failure;
  initVdevice(traits: DeviceTraits, virtId: bigint): RuleId | undefined;
  invalidateNested: ((site: Site, hwpt: Hwpt, request: InvalidationRequest) => Invalidation) | undefined;
  invalidateViommu: ((site: Site, viommu: Viommu, request: InvalidationRequest) => Invalidation) | undefined;
  /** undefined: no HW queues. */
  hwQueue: ((site: Site, viommu: Viommu, kind: number, index: number) => HwQueueSlot | RuleId) | undefined;
  hwQueueType(kind: number): boolean;
}

/** mmap window (length 0: none) and the bytes written back into the user data. */
export type ViommuInit = Readonly<{
  windowLength: bigint;
  reply: ((offset: bigint) => Uint8Array) | undefined;
}>;
export type HwQueueSlot = Readonly<{ dependsOnId: number }>;

/** The vDEVICE of a device on a vIOMMU; there is at most one. */
export function vdeviceOf(site: Site, viommuId: number, deviceId: number): Vdevice | undefined {
  for (const object of site.context.objects) {
    if (object?.kind === 'vdevice' && object.viommuId === viommuId && object.deviceId === deviceId)
      return object;
  }
  return undefined;
}
