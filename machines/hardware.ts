/** What the IOMMUs are programmed with: one entry for each (RID, PASID), and what their caches may still hold. Types and lookups. */
import type { DeviceTraits } from '../events/device.ts';
import type { Range } from '../events/ioas.ts';

/**
 * What DMA with one (RID, PASID) meets. `default` is the kernel's own domain (DMA API, or identity): no recording says
 * which, nor what is mapped there.
 */
export type Entry =
  | Readonly<{ kind: 'default' }>
  | Readonly<{ kind: 'blocked' }>
  | Readonly<{ kind: 'identity' }>
  | PagingEntry
  | NestedEntry
  | SvaEntry;

type Translating = Readonly<{
  context: number;
  hwptId: number;
  /** The IOAS whose areas translate: that of the HWPT, or of its parent. */
  ioasId: number;
  /** Tag of its IOTLB entries: DID, ASID or VMID, DomainID, PSCID. */
  domainId: number;
  /** Fault queue that page requests go to, or 0. */
  faultId: number;
  /** The hardware records dirty pages. */
  dirty: boolean;
}>;

export type PagingEntry = Translating & Readonly<{ kind: 'paging' }>;

/** Stage 1 is user memory; stage 2 is the paging HWPT `parentId`. */
export type NestedEntry = Translating &
  Readonly<{ kind: 'nested'; parentId: number; parentDomainId: number; viommuId: number }>;

/** A process's own page table on a PASID; no iommufd call makes one, proposals do. */
export type SvaEntry = Readonly<{ kind: 'sva'; pid: number }>;

export const DEFAULT: Entry = { kind: 'default' };
export const BLOCKED: Entry = { kind: 'blocked' };
export const IDENTITY: Entry = { kind: 'identity' };

/** One device that a context has bound, or that shares a group with one. */
export interface RidState {
  readonly rid: string;
  readonly groupKey: string;
  readonly context: number;
  /** The DEVICE object; 0 while others of its group are bound and it is not. */
  deviceId: number;
  /** Of a member that was never bound: those of its siblings, under its own name. */
  traits: DeviceTraits;
  /** The driver blocked the RID and then refused a HWPT; what the slot holds is not programmed. */
  leftBlocked: boolean;
  /** PASID (0 is the RID itself) to what is programmed; an absent PASID is not present in the table. */
  entries: Map<number, Entry>;
}

/** Tags of one IOMMU's IOTLB: the domain, `context/hwpt`, to its id and the number of entries that use it. */
export interface DomainIds {
  ids: Map<string, DomainId>;
  used: Set<number>;
}

export interface DomainId {
  readonly id: number;
  uses: number;
}

/** Id that entries of the kernel's own domains (default, identity, SVA) share; others are above it. */
export const SHARED_DOMAIN_ID = 1;

/**
 * `entry`: the cached context, PASID, stream, device or process entry; `iotlb`: translations by domain id;
 * `atc`: translations in the device itself, where ATS is on.
 */
export type CacheKind = 'entry' | 'iotlb' | 'atc';

/** What is to be dropped from one cache. `range` undefined means everything with these tags. */
export type Invalidation = Readonly<{
  cache: CacheKind;
  instance: string;
  /** Empty for the IOTLB, which is tagged with domain ids. */
  rid: string;
  pasid: number;
  domainId: number;
  range: Range | undefined;
}>;

/** What a cache may still hold although the tables do not say so any more; the tags are those of an invalidation. */
export type Stale = Invalidation;

/** A change of what the hardware is programmed with, and what had to be invalidated for it. */
export type Transition = Readonly<
  (
    | { kind: 'entry'; rid: string; pasid: number; instance: string; from: Entry; to: Entry }
    | { kind: 'unmap'; instance: string; range: Range; users: readonly TableUser[] }
    | { kind: 'dirty'; rid: string; pasid: number; instance: string; enabled: boolean; entry: Entry }
    | { kind: 'user'; rid: string; pasid: number; instance: string; domainId: number }
  ) & { required: readonly Invalidation[] }
>;

/** A (RID, PASID) that translates through the changed table. */
export type TableUser = Readonly<{ rid: string; pasid: number; domainId: number; nested: boolean }>;

export interface Hardware {
  /** RIDs that a context owns; every other one is on its default domain. */
  rids: Map<string, RidState>;
  /** iommu group to its RIDs: all of them in the group's order where that was told, else those bound, in bind order. */
  groups: Map<string, string[]>;
  /** Context to the RIDs that it owns. */
  contexts: Map<number, string[]>;
  /** IOMMU instance to its domain ids. */
  instances: Map<string, DomainIds>;
  /** RIDs of which it was told that they have no ATS; that stays when they are given back. */
  withoutAts: Set<string>;
  /** Invalidations that a transition asks for and that were not issued yet. */
  pending: Invalidation[];
  stale: Stale[];
  /** The last transitions, oldest first; at most TRANSITIONS_KEPT. */
  recent: Transition[];
  /** Transitions so far. */
  transitions: number;
}

export const TRANSITIONS_KEPT = 32;

export function emptyHardware(): Hardware {
  return {
    rids: new Map(),
    groups: new Map(),
    contexts: new Map(),
    instances: new Map(),
    withoutAts: new Set(),
    pending: [],
    stale: [],
    recent: [],
    transitions: 0,
  };
}

/** Name of the requester: the PCI address, or `mock:CONTEXT/HANDLE` for a mock device. */
export function ridOf(traits: DeviceTraits): string {
  return traits.driver === 'mock' ? traits.groupKey : traits.name;
}

/**
 * Where the kernel itself maps pages into the page table of an attached RID, one for each place that its message interrupts
 * are written to (iommufd_sw_msi_install()). Undefined where interrupts meet no page table, and where none is attached.
 */
export function msiWindow(state: RidState): Range | undefined {
  const entry = state.entries.get(0);
  if (entry === undefined || !isTranslating(entry)) return undefined;
  return state.traits.reserved.find(({ type }) => type === 'sw-msi');
}

/** What is programmed at (RID, PASID); undefined where a PASID is not present. */
export function entryAt(hardware: Hardware, rid: string, pasid: number): Entry | undefined {
  const state = hardware.rids.get(rid);
  if (state === undefined) return pasid === 0 ? DEFAULT : undefined;
  return state.entries.get(pasid);
}

export function isTranslating(entry: Entry): entry is PagingEntry | NestedEntry {
  return entry.kind === 'paging' || entry.kind === 'nested';
}

/** Whether the device may hold translations of its own: told that it has no ATS, it does not. */
export function mayCache(hardware: Hardware, rid: string): boolean {
  return !hardware.withoutAts.has(rid);
}

/** Whether hardware finds a usable entry there. */
export function isPresent(entry: Entry): boolean {
  return entry.kind !== 'blocked';
}

/** Tag of the translations that this entry puts into the IOTLB; 0 where there are none. */
export function domainIdOf(entry: Entry): number {
  if (isTranslating(entry)) return entry.domainId;
  return entry.kind === 'blocked' ? 0 : SHARED_DOMAIN_ID;
}

/** Whether the invalidation drops all that the stale record stands for. */
export function covers(invalidation: Invalidation, stale: Stale): boolean {
  if (invalidation.cache !== stale.cache || invalidation.instance !== stale.instance) return false;
  if (invalidation.cache === 'iotlb') {
    if (invalidation.domainId !== stale.domainId) return false;
  } else if (invalidation.rid !== stale.rid || invalidation.pasid !== stale.pasid) return false;
  const { range } = invalidation;
  if (range === undefined) return true;
  return stale.range !== undefined && range.start <= stale.range.start && range.last >= stale.range.last;
}
