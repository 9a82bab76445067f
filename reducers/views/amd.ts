/** The snapshot in the words of AMD I/O Virtualization Technology (IOMMU) Specification, 48882. */
import type { RidState } from '../../machines/hardware.ts';
import type { World } from '../../machines/world.ts';
import {
  type EntrySpec,
  type EntryView,
  entryView,
  type FieldValue,
  field,
  type RidView,
} from './field-table.ts';
import {
  atsOf,
  guestTable,
  pasidsOf,
  requesterId,
  type SlotFacts,
  slotFacts,
  stageOf,
  tableName,
} from './slot-facts.ts';

const DTE = 'AMD 48882, 2.2.2 Device Table: Device Table Entry Format';
const GCR3 = 'AMD 48882, 2.2.6 Guest and Nested Address Translation: guest CR3 table';

export const amdEntries: readonly EntrySpec[] = [
  {
    entry: 'DTE',
    index: 'DeviceID',
    cite: DTE,
    fields: [
      field('V', 0, 0, 0, 'valid', DTE),
      field('TV', 0, 1, 1, 'the translation information is valid', DTE),
      field('HAD', 0, 8, 7, 'host access and dirty bits: 3 both', DTE),
      field('Mode', 0, 11, 9, 'levels of the host page table; 0 is no translation', DTE),
      field('HostPageTableRoot', 0, 51, 12, 'host page table', DTE),
      field('PPR', 0, 52, 52, 'page requests are allowed', DTE),
      field('GIoV', 0, 54, 54, 'requests without PASID use PASID 0', DTE),
      field('GV', 0, 55, 55, 'the guest translation is valid', DTE),
      field('GLX', 0, 57, 56, 'levels of the guest CR3 table, less one', DTE),
      field('GCR3[14:12]', 0, 60, 58, 'guest CR3 table, low bits', DTE),
      field('IR', 0, 61, 61, 'reads are allowed', DTE),
      field('IW', 0, 62, 62, 'writes are allowed', DTE),
      field('DomainID', 1, 15, 0, 'the tag of cached translations', DTE),
      field('GCR3[30:15]', 1, 31, 16, 'guest CR3 table, middle bits', DTE),
      field('I', 1, 32, 32, 'the device has an IOTLB (ATS)', DTE),
      field('GCR3[51:31]', 1, 63, 43, 'guest CR3 table, high bits', DTE),
      field('GuestPagingMode', 2, 55, 54, 'levels of guest page tables: 0 four, 1 five', DTE),
    ],
  },
  {
    entry: 'GCR3 entry',
    index: 'PASID',
    cite: GCR3,
    fields: [field('V', 0, 0, 0, 'valid', GCR3), field('GCR3', 0, 51, 12, 'guest page table', GCR3)],
  },
];

const [dte, gcr3] = amdEntries as readonly [EntrySpec, EntrySpec];

const LEVELS = 4;
const HAD_BOTH = 3;

function host(slot: SlotFacts): Record<string, FieldValue> {
  if (slot.table === undefined) return {};
  return {
    Mode: LEVELS,
    HAD: slot.dirty ? HAD_BOTH : 0,
    HostPageTableRoot: tableName(slot.table),
    IR: 1,
    IW: 1,
  };
}

/** set_dte_entry(), set_dte_nested(); blocked_domain and identity_domain have no table. */
function dteValues(state: RidState, slot: SlotFacts, pasids: boolean): Record<string, FieldValue> {
  const ats = { I: atsOf(state), PPR: slot.faults ? 1 : 0 };
  const guest = (pointer: string) => ({ GV: 1, GIoV: 1, 'GCR3[51:31]': pointer, IR: 1, IW: 1 });
  switch (slot.entry.kind) {
    case 'blocked':
      return { V: 1, TV: 1, Mode: 0, ...(pasids ? guest(`GCR3 table of ${state.rid}`) : {}), IR: 0, IW: 0 };
    case 'identity':
      return { V: 1, TV: 1, Mode: 0, IR: 1, IW: 1 };
    case 'nested':
      return slot.nested === undefined
        ? {}
        : {
            V: 1,
            TV: 1,
            DomainID: slot.domainId,
            ...ats,
            ...host(slot),
            GV: 1,
            'GCR3[51:31]': guestTable(slot.nested),
          };
    case 'paging':
      if (slot.table !== undefined && stageOf('amd', slot.table) === 1)
        return { V: 1, TV: 1, DomainID: slot.domainId, ...ats, ...guest(`GCR3 table of ${state.rid}`) };
      return { V: 1, TV: 1, DomainID: slot.domainId, ...ats, ...host(slot) };
    case 'sva':
    case 'default':
      return { V: 1, TV: 1, HostPageTableRoot: 'the default domain', IR: 1, IW: 1 };
  }
}

function gcr3Values(slot: SlotFacts): Record<string, FieldValue> {
  if (slot.entry.kind === 'sva') return { V: 1, GCR3: `page table of process ${slot.entry.pid}` };
  return slot.table === undefined ? {} : { V: 1, GCR3: tableName(slot.table) };
}

/** The device table entry, and the entries of its guest CR3 table. */
export function viewAmd(world: World, state: RidState): RidView {
  const pasids = pasidsOf(state);
  const slot = slotFacts(world, state, 0);
  const entries: EntryView[] = [
    entryView(dte, `DeviceID ${requesterId(state.rid)}`, dteValues(state, slot, pasids.length > 0)),
  ];
  if (slot.entry.kind === 'paging' && slot.table !== undefined && stageOf('amd', slot.table) === 1)
    entries.push(entryView(gcr3, 'PASID 0 (requests without PASID)', gcr3Values(slot)));
  for (const pasid of pasids)
    entries.push(entryView(gcr3, `PASID ${pasid}`, gcr3Values(slotFacts(world, state, pasid))));
  return { rid: state.rid, group: state.groupKey, entries };
}
