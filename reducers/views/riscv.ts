/** The snapshot in the words of the RISC-V IOMMU Architecture Specification, 1.0. */
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

const TC = 'RISC-V IOMMU, Device-context fields: Translation control (tc)';
const IOHGATP =
  'RISC-V IOMMU, Device-context fields: IO hypervisor guest address translation and protection (iohgatp)';
const TA = 'RISC-V IOMMU, Device-context fields: Translation attributes (ta)';
const FSC = 'RISC-V IOMMU, Device-context fields: First-stage context (fsc)';
const DDT = 'RISC-V IOMMU, Device-directory-table (DDT)';
const PDT = 'RISC-V IOMMU, Process-directory-table (PDT)';
const PC_TA = 'RISC-V IOMMU, Process-context fields: Translation attributes (ta)';
const PC_FSC = 'RISC-V IOMMU, Process-context fields: First-stage context (fsc)';

export const riscvEntries: readonly EntrySpec[] = [
  {
    entry: 'DC',
    index: 'device_id',
    cite: DDT,
    fields: [
      field('tc.V', 0, 0, 0, 'valid', TC),
      field('tc.EN_ATS', 0, 1, 1, 'the device may use ATS', TC),
      field('tc.EN_PRI', 0, 2, 2, 'page requests are allowed', TC),
      field('tc.DTF', 0, 4, 4, 'faults are not reported', TC),
      field('tc.PDTV', 0, 5, 5, 'fsc points to a process directory', TC),
      field('tc.GADE', 0, 7, 7, 'second stage records accesses and dirty pages', TC),
      field('tc.SADE', 0, 8, 8, 'first stage records accesses and dirty pages', TC),
      field('tc.DPE', 0, 9, 9, 'requests without process_id use process_id 0', TC),
      field('iohgatp.PPN', 1, 43, 0, 'second-stage table', IOHGATP),
      field('iohgatp.GSCID', 1, 59, 44, 'the tag of cached translations of the second stage', IOHGATP),
      field('iohgatp.MODE', 1, 63, 60, '0 bare, 8 Sv39x4, 9 Sv48x4, 10 Sv57x4', IOHGATP),
      field('ta.PSCID', 2, 31, 12, 'the tag of cached translations of the first stage', TA),
      field('fsc.PPN', 3, 43, 0, 'first-stage table, or process directory', FSC),
      field(
        'fsc.MODE',
        3,
        63,
        60,
        '0 bare, 8 Sv39, 9 Sv48, 10 Sv57; with PDTV: 1 to 3 levels of directory',
        FSC,
      ),
    ],
  },
  {
    entry: 'PC',
    index: 'process_id',
    cite: PDT,
    fields: [
      field('ta.V', 0, 0, 0, 'valid', PC_TA),
      field('ta.ENS', 0, 1, 1, 'supervisor requests are allowed', PC_TA),
      field('ta.SUM', 0, 2, 2, 'supervisor requests may use user pages', PC_TA),
      field('ta.PSCID', 0, 31, 12, 'the tag of cached translations', PC_TA),
      field('fsc.PPN', 1, 43, 0, 'first-stage table', PC_FSC),
      field('fsc.MODE', 1, 63, 60, '0 bare, 8 Sv39, 9 Sv48, 10 Sv57', PC_FSC),
    ],
  },
];

const [dc, pc] = riscvEntries as readonly [EntrySpec, EntrySpec];

const SV48 = 9;
const SV48X4 = 9;
const PD20 = 3;

function first(slot: SlotFacts, pointer: string): Record<string, FieldValue> {
  return { 'ta.PSCID': slot.domainId, 'fsc.PPN': pointer, 'fsc.MODE': SV48 };
}

function second(slot: SlotFacts): Record<string, FieldValue> {
  if (slot.table === undefined) return {};
  return {
    'iohgatp.PPN': tableName(slot.table),
    'iohgatp.GSCID': slot.parentDomainId,
    'iohgatp.MODE': SV48X4,
    'tc.GADE': slot.dirty ? 1 : 0,
  };
}

/** riscv_iommu_iodir_update(); nesting and PASIDs as the specification has them: the driver of 7.3 has neither. */
function dcValues(state: RidState, slot: SlotFacts, processes: boolean): Record<string, FieldValue> {
  const ats = { 'tc.EN_ATS': atsOf(state), 'tc.EN_PRI': slot.faults ? 1 : 0 };
  const directory = {
    'tc.PDTV': 1,
    'tc.DPE': 1,
    'fsc.PPN': `process directory of ${state.rid}`,
    'fsc.MODE': PD20,
  };
  switch (slot.entry.kind) {
    case 'blocked':
      return processes ? { 'tc.V': 1, ...ats, ...directory } : {};
    case 'identity':
      return { 'tc.V': 1 };
    case 'nested':
      return slot.nested === undefined
        ? {}
        : { 'tc.V': 1, ...ats, ...second(slot), ...first(slot, guestTable(slot.nested)) };
    case 'paging': {
      if (slot.table === undefined) return {};
      const own = stageOf('riscv', slot.table) === 1 ? first(slot, tableName(slot.table)) : second(slot);
      return { 'tc.V': 1, ...ats, ...own, ...(processes ? { ...directory, 'ta.PSCID': 0 } : {}) };
    }
    case 'sva':
    case 'default':
      return { 'tc.V': 1, 'fsc.PPN': 'the default domain' };
  }
}

function pcValues(slot: SlotFacts): Record<string, FieldValue> {
  if (slot.entry.kind === 'sva')
    return { 'ta.V': 1, 'fsc.PPN': `page table of process ${slot.entry.pid}`, 'fsc.MODE': SV48 };
  return slot.table === undefined ? {} : { 'ta.V': 1, ...first(slot, tableName(slot.table)) };
}

/** The device context, and the process contexts of its PASIDs. */
export function viewRiscv(world: World, state: RidState): RidView {
  const pasids = pasidsOf(state);
  const slot = slotFacts(world, state, 0);
  const entries: EntryView[] = [
    entryView(dc, `device_id ${requesterId(state.rid)}`, dcValues(state, slot, pasids.length > 0)),
  ];
  if (pasids.length > 0 && slot.entry.kind === 'paging')
    entries.push(entryView(pc, 'process_id 0', pcValues(slot)));
  for (const pasid of pasids)
    entries.push(entryView(pc, `process_id ${pasid}`, pcValues(slotFacts(world, state, pasid))));
  return { rid: state.rid, group: state.groupKey, entries };
}
