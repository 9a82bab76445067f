import { describe, expect, it } from 'vitest';
import { destroy, vdeviceAlloc, veventqAlloc, viommuAlloc } from './support/commands.ts';
import { M, MV, nested } from './support/fixtures.ts';
import { type Given, refusal } from './support/given.ts';
import { HOLE, RO, words } from './support/memory.ts';
import { mockReplace, triggerVevent } from './support/mock-commands.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

/** vDEVICE 7 with virtual id 0x88, nested HWPT 8 attached, queue 4 of depth 2 on descriptor 4. */
const reporting = (virtId = 0x88n): Given =>
  MV().after(vdeviceAlloc({ virtId }), nested(6), mockReplace({ ptId: 8 }), veventqAlloc());
const f = 4;
const hex = (...values: number[]) => Buffer.from(words(...values)).toString('hex');
const reads = (...values: number[]) => ({ ret: values.length * 4, bytes: [`0: ${hex(...values)}`] });
const triggers = (world: Given, count: number) => {
  for (let index = 0; index < count; index++) world.after(triggerVevent());
  return world;
};

refusals('VeventqAlloc', { given: MV, valid: veventqAlloc() }, [
  [{ flags: 1 }, 'EOPNOTSUPP', 'veventq-alloc/flags'],
  [{ reserved: 1 }, 'EOPNOTSUPP', 'veventq-alloc/flags'],
  [{ veventqType: 0 }, 'EOPNOTSUPP', 'veventq-alloc/flags'],
  [{ veventqDepth: 0 }, 'EINVAL', 'veventq-alloc/depth'],
  [{ veventqDepth: (1 << 19) + 1 }, 'EINVAL', 'veventq-alloc/depth'],
  [{ viommuId: 5 }, 'ENOENT', 'viommu/exists'],
  [{ in: (world) => world.after(veventqAlloc()) }, 'EEXIST', 'veventq-alloc/type-taken'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('TestTriggerVevent', { given: reporting, valid: triggerVevent() }, [
  [{ devId: 1 }, 'ENOENT', 'device/exists'],
  [{ in: (world) => world.after(mockReplace()) }, 'ENOENT', 'trigger-vevent/virt-id'],
  [{ in: (world) => world.close(f).after(destroy(4)), apart: true }, 'EOPNOTSUPP', 'trigger-vevent/queue'],
]);

describe('VeventqAlloc', () => {
  vector('device 126', 'judges depth and type', MV, [
    [veventqAlloc({ veventqDepth: 0 }), 'EINVAL'],
    [veventqAlloc({ veventqDepth: 524_289 }), 'EINVAL'],
    [veventqAlloc({ veventqType: 0 }), 'EOPNOTSUPP'],
    [veventqAlloc({ viommuId: 5 }), 'ENOENT'],
    [veventqAlloc({ flags: 1 }), 'EOPNOTSUPP'],
    [veventqAlloc({ veventqDepth: 524_288 }), 7],
  ]);
  vector('device 127', 'is one for each type, until it is destroyed', MV, [
    [veventqAlloc(), 7],
    [veventqAlloc(), 'EEXIST'],
    (world) => world.close(f),
    [veventqAlloc(), 'EEXIST'],
    [destroy(7), OK],
    [veventqAlloc(), 7],
  ]);
  it('takes any type, and the same on another vIOMMU', () => {
    const world = MV().after(veventqAlloc(), veventqAlloc({ veventqType: 1 }), viommuAlloc());
    expect(world.when(veventqAlloc({ viommuId: 9 }))).toMatchObject({ outVeventqId: 10 });
    expect(world.fileOf(f)).toMatchObject({ kind: 'eventq', objectId: 7 });
    expect(world.when(destroy(6))).toEqual(refusal('destroy/users', 'EBUSY'));
  });
});

describe('reading an event queue', () => {
  it('shows two events and what was lost (device 128, device 129)', () => {
    const world = triggers(reporting(), 3);
    expect(world.read(f, 64)).toEqual(reads(0, 0, 0x88, 0, 1, 0x88, 1, 2));
    triggers(world, 1);
    expect(world.read(f, 64)).toEqual(reads(0, 3, 0x88));
  });
  it('moves the mark of what was lost (device 130)', () => {
    const world = triggers(reporting(), 5);
    expect(world.read(f, 64)).toEqual(reads(0, 0, 0x88, 0, 1, 0x88, 1, 4));
    triggers(world, 1);
    expect(world.read(f, 64)).toEqual(reads(0, 5, 0x88));
  });
  it('drops the mark when there is room again (device 131)', () => {
    const world = triggers(reporting(), 3);
    expect(world.read(f, 24)).toEqual(reads(0, 0, 0x88, 0, 1, 0x88));
    triggers(world, 1);
    expect(world.read(f, 64)).toEqual(reads(0, 3, 0x88));
  });
  it('gives whole events (device 132)', () => {
    const full = () => triggers(reporting(), 3);
    expect(full().read(f, 8)).toEqual(refusal('veventq-read/space', 'EINVAL'));
    expect(full().read(f, 11)).toEqual(refusal('veventq-read/space', 'EINVAL'));
    expect(full().read(f, 20)).toEqual(reads(0, 0, 0x88));
    expect(full().read(f, 7)).toEqual(refusal('veventq-read/length', 'EINVAL'));
    expect(full().read(f, 31)).toEqual(reads(0, 0, 0x88, 0, 1, 0x88));
  });
  it('of an empty queue is nothing, with room for a header (device 133)', () => {
    expect(reporting().read(f, 8)).toEqual({});
    expect(reporting().read(f, 0)).toEqual(refusal('veventq-read/length', 'EINVAL'));
  });
  it('faults where the buffer cannot be written, and keeps the events', () => {
    const world = triggers(reporting(), 1);
    expect(world.read(f, 64, HOLE)).toEqual(refusal('veventq-read/fault', 'EFAULT'));
    expect(world.read(f, 64)).toEqual(reads(0, 0, 0x88));
  });
});

describe('events', () => {
  it('are reported under the virtual id at the time of the attach', () => {
    const world = reporting().after(destroy(7));
    expect(triggers(world, 1).read(f, 64)).toEqual(reads(0, 0, 0x88));
  });
  it('under virtual id 0 are none', () => {
    expect(reporting(0n).when(triggerVevent())).toEqual(refusal('trigger-vevent/virt-id', 'ENOENT'));
  });
  it('are reported with the low half of the virtual id', () => {
    expect(triggers(reporting(0x1_0000_0088n), 1).read(f, 64)).toEqual(reads(0, 0, 0x88));
  });
  it('of a device on no vIOMMU are none', () => {
    expect(M().when(triggerVevent())).toEqual(refusal('trigger-vevent/virt-id', 'ENOENT'));
  });
  it('go to the queue of their type', () => {
    const world = MV().after(
      vdeviceAlloc(),
      nested(6),
      mockReplace({ ptId: 8 }),
      veventqAlloc({ veventqType: 1 }),
    );
    expect(world.when(triggerVevent())).toEqual(refusal('trigger-vevent/queue', 'EOPNOTSUPP'));
  });
  it('stay in the queue when the descriptor is closed', () => {
    play(triggers(reporting(), 1).close(f), [
      [triggerVevent(), OK],
      [destroy(4), OK],
    ]);
  });
});
