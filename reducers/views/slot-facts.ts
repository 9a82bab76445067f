/** What the views need to know of one (RID, PASID): its entry and the tables behind it. */
import { type Entry, isTranslating, type RidState } from '../../machines/hardware.ts';
import { type HwptNested, type HwptPaging, objectAt, pagingOf } from '../../machines/objects.ts';
import type { World } from '../../machines/world.ts';
import type { Vendor } from './field-table.ts';

export type SlotFacts = Readonly<{
  pasid: number;
  entry: Entry;
  /** The paging HWPT: the whole translation, or stage 2 of a nested one. */
  table: HwptPaging | undefined;
  nested: HwptNested | undefined;
  domainId: number;
  parentDomainId: number;
  dirty: boolean;
  faults: boolean;
}>;

export function slotFacts(world: World, state: RidState, pasid: number): SlotFacts {
  const entry = state.entries.get(pasid) ?? { kind: 'blocked' };
  const base = {
    pasid,
    entry,
    table: undefined,
    nested: undefined,
    domainId: 0,
    parentDomainId: 0,
    dirty: false,
    faults: false,
  };
  if (!isTranslating(entry)) return base;
  const context = world.contexts.get(entry.context);
  const hwpt = context === undefined ? undefined : objectAt(context, entry.hwptId);
  if (context === undefined || (hwpt?.kind !== 'hwpt-paging' && hwpt?.kind !== 'hwpt-nested'))
    throw new Error(`invariant: RID ${state.rid} names HWPT ${entry.hwptId}, which is gone`);
  return {
    pasid,
    entry,
    table: pagingOf(context, hwpt),
    nested: hwpt.kind === 'hwpt-nested' ? hwpt : undefined,
    domainId: entry.domainId,
    parentDomainId: entry.kind === 'nested' ? entry.parentDomainId : entry.domainId,
    dirty: entry.dirty,
    faults: entry.faultId !== 0,
  };
}

/** Whether ATS is on: page requests need it. */
export function atsOf({ traits }: RidState): 0 | 1 {
  return (traits.ats ?? traits.pri) ? 1 : 0;
}

/** PASIDs of the device that have an entry, ascending; the RID's own is not among them. */
export function pasidsOf(state: RidState): number[] {
  return [...state.entries.keys()].filter((pasid) => pasid !== 0).sort((one, other) => one - other);
}

/** The formats that name a stage; a HWPT of another driver gets the stage that this vendor's driver would choose. */
const NAMED: Readonly<Record<string, 1 | 2>> = {
  'first-stage': 1,
  'second-stage': 2,
  'stage-1': 1,
  'stage-2': 2,
  v1: 2,
  v2: 1,
};

/** Stage of a paging HWPT's table: intel_iommu_domain_alloc_paging_flags() and its kin. */
export function stageOf(vendor: Vendor, table: HwptPaging): 1 | 2 {
  const named = NAMED[table.domain.format];
  if (named !== undefined) return named;
  switch (vendor) {
    case 'intel':
      return table.nestParent || table.dirtyOps ? 2 : 1;
    case 'arm':
      return table.nestParent ? 2 : 1;
    case 'amd':
      return table.pasidCompat && !table.nestParent && !table.dirtyOps ? 1 : 2;
    case 'riscv':
      return 1;
  }
}

export const tableName = (table: HwptPaging): string => `table of HWPT ${table.id}`;
export const guestTable = (nested: HwptNested): string => `user memory, by HWPT ${nested.id}`;

/** Bus, device and function of `dddd:bb:dd.f`; undefined for mock devices. */
export function pciOf(rid: string): { bus: number; device: number; fn: number } | undefined {
  const parts = /^[0-9a-f]{4}:([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/i.exec(rid);
  if (parts === null) return undefined;
  const [, bus = '', device = '', fn = ''] = parts;
  return { bus: Number.parseInt(bus, 16), device: Number.parseInt(device, 16), fn: Number(fn) };
}

/** The 16 bits that PCI calls the requester id. */
export function requesterId(rid: string): string {
  const pci = pciOf(rid);
  return pci === undefined
    ? rid
    : `0x${((pci.bus << 8) | (pci.device << 3) | pci.fn).toString(16).padStart(4, '0')}`;
}
