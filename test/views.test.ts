/** The vendor views: their tables are sound, they write each kind of entry as the drivers do, and the document is up to date. */
import { describe, expect, it } from 'vitest';
import type { Event } from '../events/event.ts';
import type { RidState } from '../machines/hardware.ts';
import type { World } from '../machines/world.ts';
import { type EntryView, entryView, fieldOf, type Vendor } from '../reducers/views/field-table.ts';
import { hardwareDocument } from '../reducers/views/hardware-document.ts';
import { VENDOR_NAMES, VENDORS, viewHardware } from '../reducers/views/vendor-view.ts';
import { attached, bound, domain, nested, paging, RID, worldWith } from './support/hardware-world.ts';

function entriesOf(vendor: Vendor, world: World): readonly EntryView[] {
  return VENDORS[vendor].view(world, world.hardware.rids.get(RID) as RidState).entries;
}

function entry(vendor: Vendor, world: World, name: string, index = ''): EntryView {
  const found = entriesOf(vendor, world).find((one) => one.entry === name && one.index.includes(index));
  if (found === undefined) throw new Error(`no ${name} ${index}`);
  return found;
}

const values = (view: EntryView, ...names: string[]) => names.map((name) => fieldOf(view, name));

const slot = { deviceId: 2, hwptId: 3 };
const blocked = worldWith(bound(2));
const plain = (rest: Parameters<typeof paging>[1] = {}, ...more: Event[]) =>
  worldWith(bound(2), paging(3, rest), attached(slot), ...more);
const first = { domain: domain({ format: 'first-stage' }) };
const withPasid = worldWith(bound(2), paging(3, first), attached({ ...slot, pasid: 70 }));
const nesting = worldWith(
  bound(2),
  paging(3, { nestParent: true }),
  nested(5, 3),
  attached({ ...slot, hwptId: 5 }),
);

describe('field tables', () => {
  const specs = VENDOR_NAMES.flatMap((vendor) => VENDORS[vendor].entries);
  it.each(specs.map((spec) => [spec.cite, spec] as const))(
    '%s: fields lie apart, and each cites its section',
    (_cite, spec) => {
      const used = new Set<number>();
      for (const { name, word, high, low, says, cite } of spec.fields) {
        expect(high, name).toBeGreaterThanOrEqual(low);
        expect([says.length > 0, cite.length > 0]).toEqual([true, true]);
        for (let bit = low; bit <= high; bit++) {
          expect(used.has(word * 64 + bit), `${name} bit ${bit}`).toBe(false);
          used.add(word * 64 + bit);
        }
      }
    },
  );

  it('refuse a name that they lack and a value that does not fit', () => {
    const [spec] = specs;
    expect(() => entryView(spec!, '', { nonsense: 1 })).toThrow('has no field nonsense');
    expect(() => entryView(spec!, '', { LP: 2 })).toThrow('too wide');
  });
});

describe('VT-d', () => {
  const at = (world: World, index = 'PASID 0') => entry('intel', world, 'PASID table entry', index);

  it('leaves a blocked RID not present', () => {
    expect(at(blocked).fields.every(({ value }) => value === 0)).toBe(true);
  });

  it.each([
    ['first stage', plain(first), [1, 1, 2, 0, 'table of HWPT 3']],
    ['second stage', plain(), [1, 2, 2, 'table of HWPT 3', 0]],
    ['nested', nesting, [1, 3, 2, 'table of HWPT 3', 'user memory, by HWPT 5']],
  ])('writes %s', (_name, world, expected) => {
    expect(values(at(world), 'P', 'PGTT', 'DID', 'SSPTPTR', 'FSPTPTR')).toEqual(expected);
  });

  it('finds a PASID through its directory entry', () => {
    expect(values(at(withPasid, 'PASID 70'), 'P', 'PGTT')).toEqual([1, 1]);
    expect(
      entriesOf('intel', withPasid).filter(({ entry: name }) => name === 'PASID directory entry'),
    ).toHaveLength(2);
  });

  it('sets SSADE while dirty pages are tracked', () => {
    const world = plain({ dirtyOps: true }, { type: 'DirtyTrackingSet', context: 1, id: 3, enabled: true });
    expect(fieldOf(at(world), 'SSADE')).toBe(1);
  });
});

describe('SMMUv3', () => {
  const ste = (world: World) => entry('arm', world, 'STE');

  it.each([
    ['abort', blocked, [1, 0, 0, 0]],
    ['stage 1', plain({ domain: domain({ format: 'stage-1' }) }), [1, 5, 0, 0]],
    ['stage 2', plain({ domain: domain({ format: 'stage-2' }) }), [1, 6, 2, 'table of HWPT 3']],
    ['nested, with the VMID of the parent', nesting, [1, 7, 3, 'table of HWPT 3']],
  ])('writes %s, always valid', (_name, world, expected) => {
    expect(values(ste(world), 'V', 'Config', 'S2VMID', 'S2TTB')).toEqual(expected);
  });

  it('terminates what comes without substream while PASIDs are attached to a blocked RID', () => {
    expect(values(ste(withPasid), 'Config', 'S1DSS', 'S1CDMax')).toEqual([5, 0, 20]);
    expect(values(entry('arm', withPasid, 'CD', '70'), 'V', 'ASID')).toEqual([1, 2]);
  });

  it('has substreams only where PASIDs are attached, and uses descriptor 0 only under stage 1', () => {
    expect(fieldOf(ste(plain({ domain: domain({ format: 'stage-1' }) })), 'S1CDMax')).toBe(0);
    expect(fieldOf(ste(withPasid), 'S1DSS')).not.toBe(2);
  });
});

describe('AMD', () => {
  const dte = (world: World) => entry('amd', world, 'DTE');

  it.each([
    ['blocked: valid, no table, no rights', blocked, [1, 1, 0, 0, 0, 0]],
    ['a version 1 table', plain({ domain: domain({ format: 'v1' }) }), [1, 1, 4, 0, 1, 1]],
    ['a version 2 table', plain({ domain: domain({ format: 'v2' }) }), [1, 1, 0, 1, 1, 1]],
    ['nested', nesting, [1, 1, 4, 1, 1, 1]],
  ])('writes %s', (_name, world, expected) => {
    expect(values(dte(world), 'V', 'TV', 'Mode', 'GV', 'IR', 'IW')).toEqual(expected);
  });

  it('writes GCR3 entries for PASIDs', () => {
    expect(values(entry('amd', withPasid, 'GCR3 entry', '70'), 'V', 'GCR3')).toEqual([1, 'table of HWPT 3']);
  });
});

describe('RISC-V', () => {
  it.each([
    ['blocked: not valid', blocked, [0, 0, 0]],
    ['a first stage', plain({ domain: domain({ format: 'sv48' }) }), [1, 2, 9]],
    ['nested', nesting, [1, 2, 9]],
  ])('writes %s', (_name, world, expected) => {
    expect(values(entry('riscv', world, 'DC'), 'tc.V', 'ta.PSCID', 'fsc.MODE')).toEqual(expected);
  });

  it('points to a process directory while PASIDs are attached', () => {
    expect(fieldOf(entry('riscv', withPasid, 'DC'), 'tc.PDTV')).toBe(1);
    expect(values(entry('riscv', withPasid, 'PC', '70'), 'ta.V', 'fsc.PPN')).toEqual([1, 'table of HWPT 3']);
  });
});

describe('ATS', () => {
  it.each([
    ['intel', 'context entry', 'DTE'],
    ['arm', 'STE', 'EATS'],
    ['amd', 'DTE', 'I'],
    ['riscv', 'DC', 'tc.EN_ATS'],
  ] as const)('of %s is on where it was told, or needed for page requests', (vendor, name, field) => {
    const told = (traits: Parameters<typeof bound>[1]) =>
      fieldOf(entry(vendor, worldWith(bound(2, traits), paging(3), attached(slot)), name), field);
    expect([told({ ats: true, pri: false }), told({ pri: true }), told({ ats: false })]).toEqual([1, 1, 0]);
  });
});

describe('every vendor', () => {
  it.each(VENDOR_NAMES)('%s shows each RID, and none without IOMMU', (vendor) => {
    const world = worldWith(bound(2), bound(4, { name: '0000:03:00.0', groupKey: 'group:3', noIommu: true }));
    expect(viewHardware(vendor, world).map(({ rid }) => rid)).toEqual([RID]);
  });
});

describe('docs/HARDWARE.md', () => {
  it('is what the tables say; vitest -u writes it', async () => {
    await expect(hardwareDocument()).toMatchFileSnapshot('../docs/HARDWARE.md');
  });
});
