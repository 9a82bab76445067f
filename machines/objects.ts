/** The ten object kinds of an iommufd context (and the mock's own), as deciders see them, and lookups by id. */

import type { PinnedPart } from '../events/access.ts';
import type { DeviceTraits } from '../events/device.ts';
import type { FaultRecord } from '../events/fault.ts';
import type { Domain } from '../events/hwpt.ts';
import type { Range } from '../events/ioas.ts';
import type { AreaTree } from './area-tree.ts';
import type { CacheDoubt } from './cached-value.ts';
import type { GranuleSet } from './granule-set.ts';
import type { Context } from './world.ts';

/** A range that no area may touch, and the object that asked for it: `hwpt:4`, `device:3`, `test`. */
export type Reserved = Readonly<{ start: bigint; last: bigint; owner: string }>;

interface Base {
  readonly id: number;
  /** References, 1 of them the table's own. DESTROY needs exactly 1. */
  users: number;
  /** Value of the kind's lifecycle machine. */
  phase: string;
}

export interface Ioas extends Base {
  readonly kind: 'ioas';
  areas: AreaTree;
  reserved: Reserved[];
  allowed: Range[];
  /** False after a list was set that the recording does not hold. */
  allowedKnown: boolean;
  /** It has areas, or had some, of which nobody knows where they are. */
  adrift?: boolean;
  /** Paging HWPTs in creation order; the first is the storage domain. */
  hwptIds: number[];
  accessIds: number[];
  largePages: boolean;
  /** Alignment of IOVA, length and page offset, in bytes. */
  align: number;
}

export interface HwptPaging extends Base {
  readonly kind: 'hwpt-paging';
  readonly ioasId: number;
  readonly auto: boolean;
  readonly nestParent: boolean;
  readonly pasidCompat: boolean;
  readonly dirtyOps: boolean;
  readonly faultId: number;
  readonly domain: Domain;
  dirtyTracking: boolean;
  /** Dirty granules (IOVA divided by `domain.granule`). */
  dirty: GranuleSet;
  /** Others may be dirty, nobody knows which. */
  dirtyUnseen: boolean;
}

export interface HwptNested extends Base {
  readonly kind: 'hwpt-nested';
  /** Paging HWPT directly above, or 0 when made on a vIOMMU. */
  readonly parentId: number;
  readonly viommuId: number;
  readonly pasidCompat: boolean;
  readonly faultId: number;
  readonly instance: string;
  /** Mock: four cached values, and what is known of them where some are not. */
  iotlb: number[];
  doubt: CacheDoubt | undefined;
  /** Driver data as given (vendor view). */
  readonly data: string;
}

export interface Device extends Base {
  readonly kind: 'device';
  readonly traits: DeviceTraits;
  vdeviceId: number;
  /** Mock: cached values, and the vIOMMU identity taken at attach. */
  cache: number[];
  /** What is known of the cached values where some are not. */
  doubt: CacheDoubt | undefined;
  viommuId: number;
  virtId: bigint;
  /** Mock: the PASID 1024 failure is armed. */
  fails1024: boolean;
}

/** Pages that one ACCESS_PAGES pinned. */
export type AccessItem = Readonly<{
  id: number;
  iova: bigint;
  last: bigint;
  parts: readonly PinnedPart[];
}>;

export interface Access extends Base {
  readonly kind: 'access';
  ioasId: number;
  readonly needsPin: boolean;
  /** Made by a HW queue; user space never sees it. */
  readonly internal: boolean;
  items: AccessItem[];
  nextItem: number;
}

export interface Fault extends Base {
  readonly kind: 'fault';
  queued: FaultRecord[];
  /** Cookie to the group that was read and not answered yet. */
  pending: Map<number, FaultRecord>;
  /** Cookie 0 can be handed out until nothing is pending any more. */
  cookieZero: boolean;
}

export interface Viommu extends Base {
  readonly kind: 'viommu';
  readonly hwptId: number;
  readonly instance: string;
  readonly type: number;
  /** Mock: HW queue in each slot (0: empty). */
  queueSlots: number[];
}

export interface Vdevice extends Base {
  readonly kind: 'vdevice';
  readonly viommuId: number;
  readonly deviceId: number;
  readonly virtId: bigint;
}

/** An id that stays taken after its device went first. */
export interface Tombstone extends Base {
  readonly kind: 'tombstone';
}

export type Vevent = Readonly<{ lost: boolean; sequence: number; data: number }>;

export interface Veventq extends Base {
  readonly kind: 'veventq';
  readonly viommuId: number;
  readonly type: number;
  readonly depth: number;
  /** Sequence number of the next event. */
  sequence: number;
  queued: Vevent[];
}

export interface HwQueue extends Base {
  readonly kind: 'hw-queue';
  readonly viommuId: number;
  readonly accessId: number;
  readonly index: number;
  /** Queue whose `users` this one holds, or 0. */
  readonly dependsOnId: number;
}

/** The mock's handle on a device it made. */
export interface Selftest extends Base {
  readonly kind: 'selftest';
  readonly deviceId: number;
}

export type IommuObject =
  | Ioas
  | HwptPaging
  | HwptNested
  | Device
  | Access
  | Fault
  | Viommu
  | Vdevice
  | Veventq
  | HwQueue
  | Selftest
  | Tombstone;

export type ObjectKind = IommuObject['kind'];
export type Hwpt = HwptPaging | HwptNested;

/** The published object at `id` whatever its kind, as iommufd_get_object() with type ANY. */
export function objectAt(context: Context, id: number): Exclude<IommuObject, Tombstone> | undefined {
  const object = entryAt(context, id);
  return object === undefined || object.kind === 'tombstone' ? undefined : object;
}

/** Programs name any number: V8 would take a large one for the name of a field, and be slower with all others from then on. */
function entryAt({ objects }: Context, id: number): IommuObject | undefined {
  return id < objects.length ? objects[id] : undefined;
}

/** The object at `id` if it has that kind, as iommufd_get_object() with a type. */
export function objectOf<K extends ObjectKind>(
  context: Context,
  id: number,
  kind: K,
): Extract<IommuObject, { kind: K }> | undefined {
  const object = entryAt(context, id);
  return object !== undefined && object.kind === kind
    ? (object as Extract<IommuObject, { kind: K }>)
    : undefined;
}

/** An object that the graph says must be there; its absence is a defect of ours. */
export function mustBe<K extends ObjectKind>(
  context: Context,
  id: number,
  kind: K,
): Extract<IommuObject, { kind: K }> {
  const object = objectOf(context, id, kind);
  if (object === undefined) throw new Error(`invariant: object ${id} should be a ${kind}`);
  return object;
}

/** Lowest free id not below 1 and not in `taken`; ids are reused at once (xa_alloc from 1). */
export function freeId(context: Context, taken: readonly number[] = []): number {
  let id = context.lowestFree;
  while (context.objects[id] !== undefined || taken.includes(id)) id++;
  return id;
}

/** The paging HWPT whose IOAS stands behind `hwpt`: itself, its parent, or its vIOMMU's parent. */
export function pagingOf(context: Context, hwpt: Hwpt): HwptPaging {
  if (hwpt.kind === 'hwpt-paging') return hwpt;
  if (hwpt.parentId !== 0) return mustBe(context, hwpt.parentId, 'hwpt-paging');
  return mustBe(context, mustBe(context, hwpt.viommuId, 'viommu').hwptId, 'hwpt-paging');
}
