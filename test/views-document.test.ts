/**
 * The tables of docs/HARDWARE.md, read as a reader would: each view is written into words by the bits that stand there, and
 * the words are those that the kernel's drivers write (macros of their headers, multiplied out by hand).
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RidState } from '../machines/hardware.ts';
import type { World } from '../machines/world.ts';
import type { EntryView, Vendor } from '../reducers/views/field-table.ts';
import { VENDOR_NAMES, VENDORS } from '../reducers/views/vendor-view.ts';
import { attached, bound, domain, nested, paging, RID, worldWith } from './support/hardware-world.ts';

type Field = Readonly<{ word: number; high: number; low: number; meaning: string; cite: string }>;
/** Section of the specification, and fields by name. */
type Table = Readonly<{ found: string; fields: ReadonlyMap<string, Field> }>;

const text = readFileSync(new URL('../docs/HARDWARE.md', import.meta.url), 'utf8');

/** Tables by vendor title and entry name. */
const tables: ReadonlyMap<string, Table> = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .flatMap((chapter) => {
      const [title = ''] = chapter.split('\n', 1);
      const sections = chapter.split(/^### /m).slice(1);
      return sections.filter((one) => one.includes('| field |')).map((one) => tableOf(title, one));
    }),
);

function tableOf(title: string, section: string): readonly [string, Table] {
  const [entry = ''] = section.split('\n', 1);
  const fields = new Map<string, Field>();
  for (const [, name = '', word, high, low, meaning = '', cite = ''] of section.matchAll(
    /^\| (\S+) \| (\d): (\d+)(?::(\d+))? \| (.+?) \| (.+?) \|$/gm,
  ))
    fields.set(name, { word: Number(word), high: Number(high), low: Number(low ?? high), meaning, cite });
  return [`${title}: ${entry}`, { found: /^Found by (.*)$/m.exec(section)?.[1] ?? '', fields }];
}

function table(vendor: Vendor, entry: string): Table {
  const found = tables.get(`${VENDORS[vendor].title}: ${entry}`);
  if (found === undefined) throw new Error(`docs/HARDWARE.md has no table ${entry} of ${vendor}`);
  return found;
}

/** 64-bit words; a pointer, which the view writes as what it leads to, has all its bits set. */
function wordsOf(vendor: Vendor, view: EntryView): bigint[] {
  const { fields } = table(vendor, view.entry);
  const words: bigint[] = [];
  for (const { name, value } of view.fields) {
    const field = fields.get(name);
    if (field === undefined) throw new Error(`${view.entry} has no field ${name} in docs/HARDWARE.md`);
    const ones = (1n << BigInt(field.high - field.low + 1)) - 1n;
    const bits = typeof value === 'string' ? ones : BigInt(value);
    expect([name, bits <= ones]).toEqual([name, true]);
    while (words.length <= field.word) words.push(0n);
    words[field.word] = (words[field.word] as bigint) | (bits << BigInt(field.low));
  }
  return words;
}

function entriesOf(vendor: Vendor, world: World): readonly EntryView[] {
  return VENDORS[vendor].view(world, world.hardware.rids.get(RID) as RidState).entries;
}

const slot = { deviceId: 2, hwptId: 3 };
const on = (format: string, rest: Parameters<typeof paging>[1] = {}) =>
  worldWith(bound(2, { pri: false }), paging(3, { domain: domain({ format }), ...rest }), attached(slot));
const nesting = worldWith(
  bound(2, { pri: false }),
  paging(3, { nestParent: true }),
  nested(5, 3),
  attached({ ...slot, hwptId: 5 }),
);
const pasid = worldWith(
  bound(2, { pri: false }),
  paging(3, { domain: domain({ format: 'first-stage' }) }),
  attached({ ...slot, pasid: 70 }),
);
const blocked = worldWith(bound(2, { pri: false }));
const dirty = worldWith(bound(2, { pri: false }), paging(3, { dirtyOps: true }), attached(slot), {
  type: 'DirtyTrackingSet',
  context: 1,
  id: 3,
  enabled: true,
});

/** Bits of a pointer field. */
const at = (low: number, high: number): bigint => ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
const bit = (n: number): bigint => 1n << BigInt(n);
const P12 = at(12, 63);

describe('tables of docs/HARDWARE.md', () => {
  it('are there for every entry of every vendor, with a section of the specification at each field', () => {
    for (const vendor of VENDOR_NAMES)
      for (const { entry } of VENDORS[vendor].entries) {
        const { found, fields } = table(vendor, entry);
        expect([entry, fields.size > 0, found]).toEqual([
          entry,
          true,
          expect.stringMatching(/\. .*(\d|\().*\.$/),
        ]);
        for (const [name, { meaning, cite }] of fields)
          expect([name, meaning.length > 2, cite]).toEqual([
            name,
            true,
            expect.stringMatching(/^(VT-d \d|IHI 0070, \d|AMD 48882, \d|RISC-V IOMMU, \S)/),
          ]);
      }
  });
});

describe('words by those tables', () => {
  it.each<readonly [Vendor, string, World, string, string, readonly bigint[]]>([
    ['intel', 'blocked', blocked, 'PASID table entry', 'PASID 0', [0n, 0n, 0n]],
    // PASID_ENTRY_PGTT_FL_ONLY, PWSNP.
    ['intel', 'first stage', on('first-stage'), 'PASID table entry', 'PASID 0', [0x41n, 0x80_0002n, P12]],
    // AW 2, PASID_ENTRY_PGTT_SL_ONLY.
    [
      'intel',
      'second stage',
      on('second-stage'),
      'PASID table entry',
      'PASID 0',
      [0x89n | P12, 0x80_0002n, 0n],
    ],
    ['intel', 'dirty tracking', dirty, 'PASID table entry', 'PASID 0', [0x289n | P12, 0x80_0002n, 0n]],
    ['intel', 'nested', nesting, 'PASID table entry', 'PASID 0', [0xc9n | P12, 0x80_0002n, P12]],
    ['intel', 'a PASID', pasid, 'PASID table entry', 'PASID 70', [0x41n, 0x80_0002n, P12]],
    // PASIDE, PDTS 7.
    ['intel', 'any', blocked, 'context entry', 'device', [0xe09n | P12, 0n]],
    ['arm', 'blocked', blocked, 'STE', 'StreamID', [0x1n, 0n, 0n, 0n]],
    // Config S1_TRANS; S1DSS SSID0, S1STALLD.
    ['arm', 'stage 1', on('stage-1'), 'STE', 'StreamID', [0xbn | at(6, 55), 0x800_0002n, 0n, 0n]],
    // Config S2_TRANS; VMID 2, S2AA64, S2PTW, S2R.
    ['arm', 'stage 2', on('stage-2'), 'STE', 'StreamID', [0xdn, 0n, 0x448_0000_0000_0002n, at(4, 55)]],
    ['arm', 'nested', nesting, 'STE', 'StreamID', [0xfn | at(6, 55), 0n, 0x448_0000_0000_0003n, at(4, 55)]],
    // Two-level CD table, S1CDMax 20, S1DSS terminate.
    [
      'arm',
      'PASIDs of a blocked RID',
      pasid,
      'STE',
      'StreamID',
      [0x1bn | at(6, 55) | (20n << 59n), 0n, 0n, 0n],
    ],
    // EPD1, V, AA64, R, A, ASET, ASID 2.
    [
      'arm',
      'a PASID',
      pasid,
      'CD',
      '70',
      [bit(30) | bit(31) | bit(41) | (7n << 45n) | (2n << 48n), at(4, 55)],
    ],
    ['amd', 'blocked', blocked, 'DTE', 'DeviceID', [0x3n, 0n, 0n]],
    // V, TV, Mode 4, IR, IW.
    ['amd', 'version 1', on('v1'), 'DTE', 'DeviceID', [0x6000_0000_0000_0803n | at(12, 51), 2n, 0n]],
    // GIoV, GV.
    ['amd', 'version 2', on('v2'), 'DTE', 'DeviceID', [0x60c0_0000_0000_0003n, 2n | at(43, 63), 0n]],
    ['riscv', 'blocked', blocked, 'DC', 'device_id', [0n, 0n, 0n, 0n]],
    // Sv48, PSCID 2.
    ['riscv', 'a first stage', on('sv48'), 'DC', 'device_id', [1n, 0n, 0x2000n, (9n << 60n) | at(0, 43)]],
  ])('%s, %s', (vendor, _what, world, entry, index, expected) => {
    const view = entriesOf(vendor, world).find((one) => one.entry === entry && one.index.includes(index));
    if (view === undefined) throw new Error(`no ${entry} ${index}`);
    const hex = (words: readonly bigint[]) => words.map((word) => word.toString(16));
    expect(hex(wordsOf(vendor, view))).toEqual(hex(expected));
  });
});
