/** What the hardware is left with when an IOMMU driver refuses a HWPT: nothing new, except behind VT-d, which blocks the RID first. */
import { describe, expect, it } from 'vitest';
import type { DeviceTraits } from '../events/device.ts';
import { entryAt } from '../machines/hardware.ts';
import type { Platform } from '../machines/platform.ts';
import { translate } from '../machines/translate.ts';
import { checkInvariants } from '../reducers/invariants.ts';
import { describeEvent } from '../traces/explain-event.ts';
import { hardwareText, showHardware } from '../traces/show-hardware.ts';
import { attach, detach, faultQueueAlloc, hwptAlloc } from './support/commands.ts';
import { bound, C, pair } from './support/fixtures.ts';
import type { Given } from './support/given.ts';
import { amdMachine, machineOf, pciDevice, smmuMachine, vtd, vtdMachine } from './support/platforms.ts';

const B = { fd: 5 };
const PASID = 5;
const FAULTING = 4;

/** What is programmed: the HWPT, or the kind of the entry. */
function at(world: Given, rid: string, pasid = 0): number | string {
  const entry = entryAt(world.world.hardware, rid, pasid);
  if (entry === undefined) return 'absent';
  return entry.kind === 'paging' ? entry.hwptId : entry.kind;
}

/** Device A on HWPT 3 by `slot`, and HWPT 5, which has a fault queue and ALLOC_PASID. */
function ready(platform: Platform, slot: { pasid: number } | undefined): Given {
  const world = bound(platform).after(
    hwptAlloc({ devId: 1, ptId: 2, flags: 8 }),
    faultQueueAlloc(),
    hwptAlloc({ devId: 1, ptId: 2, flags: 8 | FAULTING, faultId: 4 }),
  );
  return slot === undefined ? world : world.after([to(3, slot.pasid), C]);
}

const to = (ptId: number, pasid: number) =>
  attach(pasid === 0 ? { ptId } : { argsz: 16, flags: 1, ptId, pasid });

describe('a refused HWPT leaves', () => {
  it.each([
    ['VT-d', 'replace of the RID', vtdMachine, 0, { pasid: 0 }, 'ENODEV', 'blocked', ['RidLeftBlocked']],
    ['VT-d', 'attach of the RID', vtdMachine, 0, undefined, 'ENODEV', 'blocked', []],
    ['VT-d', 'replace of a PASID', vtdMachine, PASID, { pasid: PASID }, 'ENODEV', 3, []],
    ['VT-d', 'attach of a PASID', vtdMachine, PASID, undefined, 'ENODEV', 'absent', []],
    ['SMMUv3', 'replace of the RID', smmuMachine, 0, { pasid: 0 }, 'EINVAL', 3, []],
    ['SMMUv3', 'attach of the RID', smmuMachine, 0, undefined, 'EINVAL', 'blocked', []],
    ['SMMUv3', 'replace of a PASID', smmuMachine, PASID, { pasid: PASID }, 'EINVAL', 3, []],
    ['SMMUv3', 'attach of a PASID', smmuMachine, PASID, undefined, 'EINVAL', 'absent', []],
  ] as const)('behind %s, %s', (_vendor, _what, machine, pasid, slot, errno, programmed, left) => {
    const world = ready(machine(), slot);
    const answer = world.when(to(5, pasid), C) as { errno: string; left?: string[] };
    const residue = (answer.left ?? []).filter((type) => type !== 'ReservationsDropped');
    expect([answer.errno, residue, at(world, 'A', pasid)]).toEqual([errno, left, programmed]);
  });

  it('behind AMD-Vi what was there', () => {
    const world = bound(amdMachine()).after(
      hwptAlloc({ devId: 1, ptId: 2 }),
      faultQueueAlloc(),
      hwptAlloc({ devId: 1, ptId: 2, flags: FAULTING, faultId: 4 }),
      [to(3, 0), C],
    );
    expect(world.when(to(5, 0), C)).toMatchObject({ errno: 'EINVAL', left: ['ReservationsDropped'] });
    expect(at(world, 'A')).toBe(3);
  });
});

describe('a RID that VT-d left blocked', () => {
  const blocked = (): Given => {
    const world = ready(vtdMachine(), { pasid: 0 }).after(hwptAlloc({ devId: 1, ptId: 2 }));
    world.when(to(5, 0), C);
    return world;
  };

  it('stays so while its own HWPT is attached again', () => {
    const world = blocked().after([to(3, 0), C]);
    expect([at(world, 'A'), checkInvariants(world.world)]).toEqual(['blocked', []]);
  });
  it('translates again on another HWPT', () => {
    const world = blocked().after([to(6, 0), C]);
    expect([at(world, 'A'), checkInvariants(world.world)]).toEqual([6, []]);
  });
  it('translates again after a detach', () => {
    const world = blocked().after([detach(), C], [to(3, 0), C]);
    expect([at(world, 'A'), checkInvariants(world.world)]).toEqual([3, []]);
  });
  it('keeps its PASIDs', () => {
    const world = ready(vtdMachine(), { pasid: 0 }).after([to(3, PASID), C]);
    world.when(to(5, 0), C);
    expect([at(world, 'A'), at(world, 'A', PASID)]).toEqual(['blocked', 3]);
  });
  it('needs what every entry needs that goes: its own, its domain’s and its device’s cache', () => {
    const { hardware } = blocked().world;
    expect(hardware.recent.at(-1)).toMatchObject({ kind: 'entry', to: { kind: 'blocked' } });
    expect(hardware.recent.at(-1)?.required.map(({ cache }) => cache)).toEqual(['entry', 'iotlb', 'atc']);
  });
  it('is told by show, translate and explain', () => {
    const world = blocked();
    expect(hardwareText(showHardware(world.world, undefined))).toContain(
      'RID: blocked, left so by the driver, which refused a HWPT',
    );
    expect(translate(world.world, 'A', 0, 0x1000n).answer).toMatchObject({
      fault: 'blocked',
      why: expect.stringContaining('before it refused a HWPT'),
    });
    expect(world.log.map(describeEvent)).toContain('the IOMMU driver left RID A blocked');
  });
});

describe('in a group', () => {
  const machine = (prisOf: Readonly<Record<string, boolean>>, members: readonly string[]): Platform => {
    const driver = vtd();
    const traits = (name: string): Partial<DeviceTraits> => ({
      groupKey: 'group:AB',
      members,
      pri: prisOf[name] ?? false,
    });
    return machineOf(
      driver,
      ['A', 'B'].map((name) => pciDevice(driver, name, { traits: traits(name) })),
    );
  };
  /** Both on HWPT 4; HWPT 6 has a fault queue. */
  const both = (platform: Platform): Given =>
    pair(platform).after(
      hwptAlloc({ devId: 1, ptId: 3 }),
      faultQueueAlloc(),
      hwptAlloc({ devId: 1, ptId: 3, flags: FAULTING, faultId: 5 }),
      [to(4, 0), C],
      [to(4, 0), B],
    );

  it.each([
    ['the first, whoever asks', { A: false, B: false }, ['A', 'B', 'X'], { A: 'blocked', B: 4, X: 4 }],
    [
      'the one that refuses; those before it go back',
      { A: true, B: false },
      ['A', 'B', 'X'],
      { A: 4, B: 'blocked', X: 4 },
    ],
    ['a member that is not bound', { A: true, B: false }, ['X', 'A', 'B'], { X: 'blocked', A: 4, B: 4 }],
  ] as const)('is left blocked %s', (_which, pris, members, programmed) => {
    const world = both(machine(pris, members));
    expect(world.when(to(6, 0), B)).toMatchObject({
      errno: 'ENODEV',
      left: expect.arrayContaining(['RidLeftBlocked']),
    });
    expect(Object.fromEntries(Object.keys(programmed).map((rid) => [rid, at(world, rid)]))).toEqual(
      programmed,
    );
    expect(checkInvariants(world.world)).toEqual([]);
  });

  it('is nobody left blocked where all take the HWPT', () => {
    const world = both(machine({ A: true, B: true }, []));
    expect(world.when(to(6, 0), B)).toEqual({ ptId: 6 });
    expect([at(world, 'A'), at(world, 'B')]).toEqual([6, 6]);
  });

  it('asks no driver for a PASID where no device has any', () => {
    const world = bound(vtdMachine({ traits: { maxPasids: 0 } })).after(
      faultQueueAlloc(),
      hwptAlloc({ devId: 1, ptId: 2, flags: 8 | FAULTING, faultId: 3 }),
    );
    expect(world.when(to(4, PASID), C)).toEqual({ ptId: 4 });
  });
});
