/** The snapshot follows the table of the reference: what (RID, PASID) points to after each event, and what is invalidated. */
import { describe, expect, it } from 'vitest';
import { domainIdOf, type Entry, entryAt } from '../machines/hardware.ts';
import type { World } from '../machines/world.ts';
import { checkInvariants } from '../reducers/invariants.ts';
import { commandsFor } from '../reducers/views/commands.ts';
import { VENDOR_NAMES } from '../reducers/views/vendor-view.ts';
import {
  apply,
  attached,
  bound,
  detached,
  mapped,
  nested,
  paging,
  RID,
  replaced,
  SIBLING,
  unmapped,
  worldWith,
} from './support/hardware-world.ts';

const kindAt = (world: World, rid: string, pasid = 0): string =>
  entryAt(world.hardware, rid, pasid)?.kind ?? 'absent';

function hwptAt(world: World, rid: string, pasid = 0): number | undefined {
  const entry = entryAt(world.hardware, rid, pasid);
  return entry?.kind === 'paging' || entry?.kind === 'nested' ? entry.hwptId : undefined;
}

const attachment = { deviceId: 2, hwptId: 3 };
const slot5 = { ...attachment, pasid: 5 };

describe('hardware', () => {
  it('leaves a device on its default domain until its group is bound, and gives it back with the last unbind', () => {
    const world = worldWith();
    expect(kindAt(world, RID)).toBe('default');
    apply(world, bound(2));
    expect(kindAt(world, RID)).toBe('blocked');
    apply(world, bound(4, { name: SIBLING }));
    apply(world, { type: 'DeviceUnbound', context: 1, id: 2 });
    expect(kindAt(world, RID)).toBe('blocked');
    apply(world, { type: 'DeviceUnbound', context: 1, id: 4 });
    expect([kindAt(world, RID), world.hardware.rids.size]).toEqual(['default', 0]);
  });

  it('blocks a RID again when its last device detaches, and only then', () => {
    const world = worldWith(
      bound(2),
      bound(4, { name: SIBLING }),
      paging(3),
      attached(attachment),
      attached({ deviceId: 4, hwptId: 3 }),
    );
    apply(world, detached(attachment));
    expect([hwptAt(world, RID), hwptAt(world, SIBLING)]).toEqual([3, 3]);
    apply(world, detached({ deviceId: 4, hwptId: 3 }));
    expect([kindAt(world, RID), kindAt(world, SIBLING)]).toEqual(['blocked', 'blocked']);
  });

  it('moves all members of a group, whichever device asks', () => {
    const world = worldWith(bound(2), bound(4, { name: SIBLING }), paging(3), paging(5));
    apply(world, attached(attachment), replaced({ deviceId: 2, hwptId: 5 }, 3));
    expect([hwptAt(world, RID), hwptAt(world, SIBLING)]).toEqual([5, 5]);
  });

  it('gives a device that joins a bound group the entries of its siblings', () => {
    const world = worldWith(
      bound(2),
      paging(3),
      attached(attachment),
      attached(slot5),
      bound(4, { name: SIBLING }),
    );
    expect([hwptAt(world, SIBLING), hwptAt(world, SIBLING, 5)]).toEqual([3, 3]);
  });

  it('programs members of a group that nobody bound with the others, where they are told', () => {
    const members = [SIBLING, RID, '0000:02:00.0'];
    const world = worldWith(bound(2, { members }), paging(3), attached(attachment), attached(slot5));
    expect(world.hardware.groups.get('group:1')).toEqual(members);
    expect(members.map((rid) => [hwptAt(world, rid), hwptAt(world, rid, 5)])).toEqual([
      [3, 3],
      [3, 3],
      [3, 3],
    ]);
    expect(world.hardware.rids.get(SIBLING)).toMatchObject({ deviceId: 0, traits: { name: SIBLING } });
    apply(world, detached(attachment), detached(slot5));
    expect(members.map((rid) => kindAt(world, rid))).toEqual(['blocked', 'blocked', 'blocked']);
    apply(world, { type: 'DeviceUnbound', context: 1, id: 2 });
    expect([world.hardware.rids.size, kindAt(world, SIBLING)]).toEqual([0, 'default']);
  });

  it('takes a member for its sibling until it is bound and tells what it is', () => {
    const members = [RID, SIBLING];
    const world = worldWith(bound(2, { members }), paging(3), attached(attachment), attached(slot5));
    apply(world, bound(4, { members, name: SIBLING, maxPasids: 0 }));
    expect([hwptAt(world, SIBLING), kindAt(world, SIBLING, 5)]).toEqual([3, 'absent']);
    expect(world.hardware.rids.get(SIBLING)).toMatchObject({ deviceId: 4, traits: { maxPasids: 0 } });
    expect(checkInvariants(world)).toEqual([]);
  });

  it('gives a device that joins a group which its driver left blocked the same', () => {
    const left = { type: 'RidLeftBlocked', context: 1, groupKey: 'group:1', rid: RID } as const;
    const world = worldWith(bound(2), paging(3), attached(attachment), left, bound(4, { name: SIBLING }));
    expect([kindAt(world, SIBLING), checkInvariants(world)]).toEqual(['blocked', []]);
  });

  it('has a PASID entry only while something is attached there', () => {
    const world = worldWith(bound(2), paging(3), attached(slot5));
    expect([kindAt(world, RID), kindAt(world, RID, 5)]).toEqual(['blocked', 'paging']);
    apply(world, detached(slot5));
    expect(kindAt(world, RID, 5)).toBe('absent');
  });

  it('writes no PASID entry for a device that has no PASIDs', () => {
    const world = worldWith(bound(2, { maxPasids: 0 }), paging(3), attached(slot5));
    expect(kindAt(world, RID, 5)).toBe('absent');
  });

  it('touches nothing of a device without IOMMU', () => {
    const world = worldWith(bound(2, { noIommu: true }), paging(3), attached(attachment));
    expect([kindAt(world, RID), world.hardware.transitions]).toEqual(['identity', 0]);
  });

  it('gives each HWPT one domain id per IOMMU, and a nested one its own beside its parent', () => {
    const world = worldWith(
      bound(2),
      bound(4, { name: '0000:02:00.0', groupKey: 'group:2', instance: 'second' }),
    );
    apply(world, paging(3, { nestParent: true }), nested(5, 3), attached({ deviceId: 2, hwptId: 5 }));
    const entry = entryAt(world.hardware, RID, 0) as Extract<Entry, { kind: 'nested' }>;
    expect([entry.domainId, entry.parentDomainId, entry.parentId]).toEqual([2, 3, 3]);
    apply(world, attached({ deviceId: 4, hwptId: 3, groupKey: 'group:2' }));
    expect(domainIdOf(entryAt(world.hardware, '0000:02:00.0', 0) as Entry)).toBe(2);
    apply(world, detached({ deviceId: 2, hwptId: 5 }));
    expect(world.hardware.instances.get('intel-vtd')?.ids.size).toBe(0);
  });

  it('switches dirty tracking in every entry of a HWPT, nested children included', () => {
    const world = worldWith(bound(2), paging(3, { nestParent: true, dirtyOps: true }), nested(5, 3));
    apply(world, attached({ deviceId: 2, hwptId: 5 }), attached(slot5));
    apply(world, { type: 'DirtyTrackingSet', context: 1, id: 3, enabled: true });
    for (const pasid of [0, 5]) expect(entryAt(world.hardware, RID, pasid)).toMatchObject({ dirty: true });
  });

  it('leaves nothing behind when the context ends', () => {
    const world = worldWith(bound(2), paging(3), mapped(0x1000n, 2), attached(attachment), attached(slot5));
    apply(world, { type: 'DescriptorClosed', pid: 7, fd: 3 }, { type: 'FileReleased', file: 1 });
    const { rids, groups, contexts, stale, pending, instances } = world.hardware;
    expect([rids.size, groups.size, contexts.size, stale.length, pending.length]).toEqual([0, 0, 0, 0, 0]);
    expect([...instances.values()].map(({ ids }) => ids.size)).toEqual([0]);
  });
});

describe('invalidations', () => {
  const caches = (world: World): string[] =>
    (world.hardware.recent.at(-1)?.required ?? []).map(({ cache }) => cache);

  it('drops an entry alone when it was blocked, and its translations too when it was not', () => {
    const world = worldWith(bound(2), paging(3), attached(attachment));
    expect(caches(world)).toEqual(['entry']);
    apply(world, detached(attachment));
    expect(caches(world)).toEqual(['entry', 'iotlb', 'atc']);
  });

  it('drops the range that was unmapped from every user, and everything under nesting', () => {
    const world = worldWith(bound(2), paging(3, { nestParent: true }), nested(5, 3), mapped(0x1000n, 2));
    apply(world, attached({ deviceId: 2, hwptId: 5 }), attached(slot5), unmapped(0x1000n));
    const required = world.hardware.recent.at(-1)?.required ?? [];
    const range = { start: 0x1000n, last: 0x2fffn };
    expect(required.map((one) => [one.cache, one.pasid, one.range])).toEqual([
      ['iotlb', 0, undefined],
      ['atc', 0, undefined],
      ['iotlb', 0, range],
      ['atc', 5, range],
    ]);
    expect(world.hardware.stale).toEqual([]);
  });

  it('asks nothing of the cache of a device that has none, and all of its sibling’s', () => {
    const members = [RID, SIBLING];
    const world = worldWith(
      bound(2, { ats: false, members }),
      paging(3),
      mapped(0x1000n, 1),
      attached(attachment),
      unmapped(0x1000n),
    );
    const required = world.hardware.recent.at(-1)?.required ?? [];
    expect(required.map(({ cache, rid }) => [cache, rid])).toEqual([
      ['iotlb', ''],
      ['atc', SIBLING],
    ]);
    expect(checkInvariants(world)).toEqual([]);
    apply(world, detached(attachment), { type: 'DeviceUnbound', context: 1, id: 2 });
    expect([world.hardware.stale, checkInvariants(world)]).toEqual([[], []]);
  });

  it('asks nothing of the hardware for an IOAS that no device is attached to', () => {
    const world = worldWith(bound(2), paging(3), mapped(0x1000n, 1));
    const before = world.hardware.transitions;
    apply(world, unmapped(0x1000n));
    expect(world.hardware.transitions).toBe(before);
  });

  it.each(VENDOR_NAMES)('has a command for each required invalidation, and a wait, on %s', (vendor) => {
    const world = worldWith(
      bound(2),
      paging(3),
      mapped(0x1000n, 1),
      attached(slot5),
      unmapped(0x1000n),
      detached(slot5),
    );
    for (const transition of world.hardware.recent) {
      const commands = commandsFor(vendor, transition);
      expect(commands.length).toBeGreaterThan(transition.required.length);
      expect(commands.at(-1)?.scope).toBe('');
    }
  });
});
