/** The snapshot in the words of Arm SMMUv3 (Architecture Specification, IHI 0070). */
import type { RidState } from '../../machines/hardware.ts';
import { wordAt } from '../../machines/stage1.ts';
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

const STE = 'IHI 0070, 5.2 STE, Stream Table Entry';
const CD = 'IHI 0070, 5.4 CD, Context Descriptor';

export const smmuv3Entries: readonly EntrySpec[] = [
  {
    entry: 'STE',
    index: 'StreamID',
    cite: STE,
    fields: [
      field('V', 0, 0, 0, 'valid', STE),
      field('Config', 0, 3, 1, '0 abort, 4 bypass, 5 stage 1, 6 stage 2, 7 both', STE),
      field('S1Fmt', 0, 5, 4, 'context descriptors in one table (0) or two levels (1, 2)', STE),
      field('S1ContextPtr', 0, 55, 6, 'context descriptor, or the table of them', STE),
      field('S1CDMax', 0, 63, 59, 'two to this many context descriptors', STE),
      field('S1DSS', 1, 1, 0, 'without substream: 0 abort, 1 bypass stage 1, 2 use descriptor 0', STE),
      field('S1STALLD', 1, 27, 27, 'stage 1 may not stall', STE),
      field('EATS', 1, 29, 28, 'ATS: 0 none, 1 full', STE),
      field('STRW', 1, 31, 30, 'stream world: 0 is EL1', STE),
      field('SHCFG', 1, 45, 44, 'shareability: 1 as incoming', STE),
      field('S2VMID', 2, 15, 0, 'VMID, the tag of cached translations of stage 2', STE),
      field('S2AA64', 2, 51, 51, 'stage 2 has 64-bit descriptors', STE),
      field('S2PTW', 2, 54, 54, 'table walks may not use device memory', STE),
      field('S2S', 2, 57, 57, 'stage 2 faults stall', STE),
      field('S2R', 2, 58, 58, 'stage 2 faults are recorded', STE),
      field('S2TTB', 3, 55, 4, 'stage 2 table', STE),
    ],
  },
  {
    entry: 'CD',
    index: 'SubstreamID',
    cite: CD,
    fields: [
      field('V', 0, 31, 31, 'valid', CD),
      field('EPD1', 0, 30, 30, 'no walks through TTB1', CD),
      field('AA64', 0, 41, 41, '64-bit descriptors', CD),
      field('HD', 0, 42, 42, 'hardware marks dirty pages', CD),
      field('HA', 0, 43, 43, 'hardware marks accessed pages', CD),
      field('S', 0, 44, 44, 'faults stall', CD),
      field('R', 0, 45, 45, 'faults are recorded', CD),
      field('A', 0, 46, 46, 'faults abort', CD),
      field('ASET', 0, 47, 47, 'the ASID is not shared with the CPUs', CD),
      field('ASID', 0, 63, 48, 'the tag of cached translations of stage 1', CD),
      field('TTB0', 1, 55, 4, 'stage 1 table', CD),
    ],
  },
];

const [ste, cd] = smmuv3Entries as readonly [EntrySpec, EntrySpec];

const STE_CONFIG = { abort: 0, bypass: 4, stage1: 5, stage2: 6, nested: 7 } as const;
export const S1DSS = { terminate: 0, bypass: 1, substream0: 2 } as const;
const SH_INCOMING = 1;
const CONFIG_SHIFT = 1n;
const SUBSTREAM_BITS = 20;

function stage2(slot: SlotFacts): Record<string, FieldValue> {
  if (slot.table === undefined) return {};
  return { S2VMID: slot.parentDomainId, S2AA64: 1, S2PTW: 1, S2R: 1, S2TTB: tableName(slot.table) };
}

/** arm_smmu_make_nested_domain_ste(): the user's stage 1 over the parent's stage 2. */
function nestedValues(slot: SlotFacts): Record<string, FieldValue> {
  const { nested } = slot;
  if (nested === undefined) return {};
  const config = nested.data.length < 16 ? 5n : (wordAt(nested.data, 0) >> CONFIG_SHIFT) & 7n;
  const valid = nested.data.length < 16 || (wordAt(nested.data, 0) & 1n) === 1n;
  if (!valid || config === 0n) return { V: 1, Config: STE_CONFIG.abort };
  if (config === 4n) return { V: 1, Config: STE_CONFIG.stage2, SHCFG: SH_INCOMING, ...stage2(slot) };
  return { V: 1, Config: STE_CONFIG.nested, S1ContextPtr: guestTable(nested), ...stage2(slot) };
}

/** arm_smmu_make_abort_ste(), _bypass_ste(), _cdtable_ste(), _s2_domain_ste(). */
function steValues(state: RidState, slot: SlotFacts, substreams: boolean): Record<string, FieldValue> {
  const descriptors = {
    S1Fmt: substreams ? 1 : 0,
    S1CDMax: substreams ? SUBSTREAM_BITS : 0,
    S1ContextPtr: `CD table of ${state.rid}`,
  };
  const ats = { EATS: atsOf(state) };
  switch (slot.entry.kind) {
    case 'blocked':
      return substreams
        ? { V: 1, Config: STE_CONFIG.stage1, S1DSS: S1DSS.terminate, ...descriptors }
        : { V: 1, Config: STE_CONFIG.abort };
    case 'identity':
      return substreams
        ? { V: 1, Config: STE_CONFIG.stage1, S1DSS: S1DSS.bypass, ...descriptors }
        : { V: 1, Config: STE_CONFIG.bypass, SHCFG: SH_INCOMING };
    case 'nested':
      return nestedValues(slot);
    case 'paging':
      if (slot.table !== undefined && stageOf('arm', slot.table) === 2)
        return { V: 1, Config: STE_CONFIG.stage2, ...ats, ...stage2(slot) };
      return {
        V: 1,
        Config: STE_CONFIG.stage1,
        S1DSS: S1DSS.substream0,
        S1STALLD: 1,
        ...ats,
        ...descriptors,
      };
    case 'sva':
    case 'default':
      return { V: 1, Config: STE_CONFIG.stage1, S1ContextPtr: 'the default domain' };
  }
}

/** arm_smmu_make_s1_cd(), arm_smmu_make_sva_cd(). */
function cdValues(slot: SlotFacts): Record<string, FieldValue> {
  const base = { V: 1, EPD1: 1, AA64: 1, R: 1, A: 1 };
  if (slot.entry.kind === 'sva') return { ...base, TTB0: `page table of process ${slot.entry.pid}` };
  if (slot.table === undefined) return {};
  const dirty = slot.table.dirtyOps ? { HA: 1, HD: 1 } : {};
  return { ...base, ...dirty, ASET: 1, ASID: slot.domainId, TTB0: tableName(slot.table) };
}

/** The stream table entry, and the context descriptors that the kernel writes. */
export function viewSmmuv3(world: World, state: RidState): RidView {
  const pasids = pasidsOf(state);
  const slot = slotFacts(world, state, 0);
  const entries: EntryView[] = [
    entryView(ste, `StreamID ${requesterId(state.rid)}`, steValues(state, slot, pasids.length > 0)),
  ];
  const ownStage1 =
    slot.entry.kind === 'paging' && slot.table !== undefined && stageOf('arm', slot.table) === 1;
  if (ownStage1) entries.push(entryView(cd, 'SubstreamID 0', cdValues(slot)));
  for (const pasid of pasids)
    entries.push(entryView(cd, `SubstreamID ${pasid}`, cdValues(slotFacts(world, state, pasid))));
  return { rid: state.rid, group: state.groupKey, entries };
}
