/** The snapshot in the words of Intel VT-d, scalable mode (Architecture Specification, rev. 5.10). */
import {
  FIVE_LEVELS,
  VTD_S1_EAFE,
  VTD_S1_SRE,
  VTD_S1_WPE,
  vtdWidth,
} from '../../machines/drivers/vtd-nested.ts';
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
  pciOf,
  type SlotFacts,
  slotFacts,
  stageOf,
  tableName,
} from './slot-facts.ts';

const ROOT = 'VT-d 9.2, Scalable-Mode Root Entry';
const CONTEXT = 'VT-d 9.4, Scalable-Mode Context Entry';
const DIRECTORY = 'VT-d 9.5, Scalable-Mode PASID Directory Entry';
const PASID = 'VT-d 9.6, Scalable-Mode PASID Table Entry';

export const vtdEntries: readonly EntrySpec[] = [
  {
    entry: 'root entry',
    index: 'bus number',
    cite: ROOT,
    fields: [
      field('LP', 0, 0, 0, 'the lower context table (devices 0 to 15) is present', ROOT),
      field('LCTP', 0, 63, 12, 'lower context table', ROOT),
      field('UP', 1, 0, 0, 'the upper context table (devices 16 to 31) is present', ROOT),
      field('UCTP', 1, 63, 12, 'upper context table', ROOT),
    ],
  },
  {
    entry: 'context entry',
    index: 'device and function',
    cite: CONTEXT,
    fields: [
      field('P', 0, 0, 0, 'present', CONTEXT),
      field('FPD', 0, 1, 1, 'faults are not reported', CONTEXT),
      field('DTE', 0, 2, 2, 'the device may use ATS', CONTEXT),
      field('PASIDE', 0, 3, 3, 'requests may carry a PASID', CONTEXT),
      field('PRE', 0, 4, 4, 'page requests are allowed', CONTEXT),
      field('PDTS', 0, 11, 9, 'size of the PASID directory: 2^(PDTS + 7) entries', CONTEXT),
      field('PASIDDIRPTR', 0, 63, 12, 'PASID directory', CONTEXT),
      field('RID_PASID', 1, 19, 0, 'PASID that requests without PASID use', CONTEXT),
      field('RID_PRIV', 1, 20, 20, 'requests without PASID are privileged', CONTEXT),
    ],
  },
  {
    entry: 'PASID directory entry',
    index: 'PASID bits 19 to 6',
    cite: DIRECTORY,
    fields: [
      field('P', 0, 0, 0, 'present', DIRECTORY),
      field('FPD', 0, 1, 1, 'faults are not reported', DIRECTORY),
      field('SMPTBLPTR', 0, 63, 12, 'PASID table of 64 entries', DIRECTORY),
    ],
  },
  {
    entry: 'PASID table entry',
    index: 'PASID bits 5 to 0',
    cite: PASID,
    fields: [
      field('P', 0, 0, 0, 'present', PASID),
      field('FPD', 0, 1, 1, 'faults are not reported', PASID),
      field('AW', 0, 4, 2, 'address width of second-stage translation: 2 is 48 bits', PASID),
      field('PGTT', 0, 8, 6, '1 first stage, 2 second stage, 3 nested, 4 pass-through', PASID),
      field('SSADE', 0, 9, 9, 'second stage records accesses and dirty pages', PASID),
      field('SSPTPTR', 0, 63, 12, 'second-stage table', PASID),
      field('DID', 1, 15, 0, 'domain id, the tag of cached translations', PASID),
      field('PWSNP', 1, 23, 23, 'page walks snoop', PASID),
      field('PGSNP', 1, 24, 24, 'pages snoop', PASID),
      field('SRE', 2, 0, 0, 'supervisor requests are allowed', PASID),
      field('FSPM', 2, 3, 2, 'first-stage table: 0 has 4 levels, 1 has 5', PASID),
      field('WPE', 2, 4, 4, 'write protection holds for supervisor requests', PASID),
      field('EAFE', 2, 7, 7, 'extended accessed flag', PASID),
      field('FSPTPTR', 2, 63, 12, 'first-stage table', PASID),
    ],
  },
];

const [root, context, directory, pasidEntry] = vtdEntries as readonly [
  EntrySpec,
  EntrySpec,
  EntrySpec,
  EntrySpec,
];

const PGTT = { first: 1, second: 2, nested: 3, passThrough: 4 } as const;
const AW_48_BITS = 2;
/** FLPT_DEFAULT_DID: identity and shared virtual addresses. */
const DEFAULT_DID = 1;
const PDTS_MAX = 7;

function pdts(maxPasids: number): number {
  let size = 0;
  while (size < PDTS_MAX && 2 ** (size + 13) < maxPasids) size++;
  return size;
}

/** What the guest's table asks for. */
function guestBits(data: string): Record<string, FieldValue> {
  const flags = wordAt(data, 0);
  const has = (bit: bigint): 0 | 1 => ((flags & bit) === 0n ? 0 : 1);
  return {
    SRE: has(VTD_S1_SRE),
    WPE: has(VTD_S1_WPE),
    EAFE: has(VTD_S1_EAFE),
    FSPM: vtdWidth(data) === FIVE_LEVELS ? 1 : 0,
  };
}

/** intel_pasid_setup_first_level(), _second_level(), _nested(), _pass_through(). */
function pasidValues(slot: SlotFacts): Record<string, FieldValue> {
  const { entry, table, nested } = slot;
  if (entry.kind === 'identity') return { P: 1, AW: AW_48_BITS, PGTT: PGTT.passThrough, DID: DEFAULT_DID };
  if (entry.kind === 'sva')
    return {
      P: 1,
      PGTT: PGTT.first,
      DID: DEFAULT_DID,
      PWSNP: 1,
      SRE: 1,
      FSPTPTR: `page table of process ${entry.pid}`,
    };
  if (table === undefined) return {};
  const coherent = { PWSNP: table.domain.cacheCoherent ? 1 : 0 };
  const second = { AW: AW_48_BITS, SSADE: slot.dirty ? 1 : 0, SSPTPTR: tableName(table) };
  if (nested !== undefined)
    return {
      P: 1,
      PGTT: PGTT.nested,
      DID: slot.domainId,
      ...coherent,
      ...second,
      ...guestBits(nested.data),
      FSPTPTR: guestTable(nested),
    };
  if (stageOf('intel', table) === 1)
    return { P: 1, PGTT: PGTT.first, DID: slot.domainId, PWSNP: 1, FSPTPTR: tableName(table) };
  return { P: 1, PGTT: PGTT.second, DID: slot.domainId, ...coherent, ...second };
}

/** Entries on the way of one device, from the root table to each of its PASIDs. */
export function viewVtd(world: World, state: RidState): RidView {
  const pci = pciOf(state.rid);
  const upper = (pci?.device ?? 0) >= 16;
  const table = `context table of ${state.rid}`;
  const entries: EntryView[] = [
    entryView(
      root,
      pci === undefined ? state.rid : `bus ${pci.bus}`,
      upper ? { UP: 1, UCTP: table } : { LP: 1, LCTP: table },
    ),
    entryView(context, pci === undefined ? state.rid : `device ${pci.device} function ${pci.fn}`, {
      P: 1,
      PASIDE: state.traits.maxPasids > 1 ? 1 : 0,
      DTE: atsOf(state),
      PRE: state.traits.pri ? 1 : 0,
      PDTS: pdts(state.traits.maxPasids),
      PASIDDIRPTR: `PASID directory of ${state.rid}`,
      RID_PASID: 0,
    }),
  ];
  const directories = new Set<number>();
  for (const pasid of [0, ...pasidsOf(state)]) {
    const at = pasid >> 6;
    if (!directories.has(at))
      entries.push(entryView(directory, `${at}`, { P: 1, SMPTBLPTR: `PASID table ${at} of ${state.rid}` }));
    directories.add(at);
    const slot = slotFacts(world, state, pasid);
    // The kernel's own domain is programmed too, with a table that no recording shows.
    const values =
      slot.entry.kind === 'default' ? { P: 1, FSPTPTR: 'the default domain' } : pasidValues(slot);
    entries.push(
      entryView(pasidEntry, pasid === 0 ? 'PASID 0 (requests without PASID)' : `PASID ${pasid}`, values),
    );
  }
  return { rid: state.rid, group: state.groupKey, entries };
}
