/** What events leave behind in devices, groups and (group, PASID) slots. */
import type { DeviceEvent } from '../events/device.ts';
import { unreachable } from '../events/unreachable.ts';
import { effectOf, invalidated, learned, withoutDoubt } from '../machines/cached-value.ts';
import { advance } from '../machines/lifecycle.ts';
import { tables } from '../machines/lifecycles.ts';
import { type Device, type Hwpt, mustBe, objectAt } from '../machines/objects.ts';
import type { Context, Group, Slot, World } from '../machines/world.ts';
import { answerFaults } from './fault.ts';
import { contextOf, doubted, initialPhase, publish, remove, step, use } from './objects.ts';

/** What the mock's caches hold until user space invalidates them. */
const MOCK_CACHE_DEFAULT = 0xbaddad;
const MOCK_CACHE_SLOTS = 4;

function slotTable(pasid: number) {
  return pasid === 0 ? tables.attachment : tables['pasid-binding'];
}

function groupOf(context: Context, key: string): Group {
  const group = context.groups.get(key);
  if (group === undefined) throw new Error(`invariant: no group ${key}`);
  return group;
}

function slotOf(group: Group, pasid: number): Slot {
  const slot = group.slots.get(pasid);
  if (slot === undefined) throw new Error(`invariant: group ${group.key} has nothing at PASID ${pasid}`);
  return slot;
}

function bind(world: World, context: Context, event: Extract<DeviceEvent, { type: 'DeviceBound' }>): void {
  const { traits } = event;
  const device: Device = {
    kind: 'device',
    id: event.id,
    users: 2,
    phase: initialPhase('device'),
    traits,
    vdeviceId: 0,
    cache: new Array(MOCK_CACHE_SLOTS).fill(MOCK_CACHE_DEFAULT),
    doubt: undefined,
    viommuId: 0,
    virtId: 0n,
    fails1024: false,
  };
  publish(context, device);
  const group: Group = context.groups.get(traits.groupKey) ?? {
    key: traits.groupKey,
    phase: tables.group.initial,
    deviceIds: [],
    slots: new Map(),
  };
  group.phase = advance(tables.group, group.phase, event.type);
  group.deviceIds.push(event.id);
  context.groups.set(traits.groupKey, group);
  const file = world.files.get(event.file);
  if (file === undefined) return;
  file.phase = advance(tables['vfio-file'], file.phase, event.type);
  file.contextId = context.id;
  file.objectId = event.id;
  context.refs++;
  world.groupOwners.set(traits.groupKey, context.id);
}

function unbind(world: World, context: Context, id: number): void {
  const { traits } = step(context, id, 'device', 'DeviceUnbound');
  const group = groupOf(context, traits.groupKey);
  group.deviceIds = group.deviceIds.filter((one) => one !== id);
  if (group.deviceIds.length === 0) {
    group.phase = advance(tables.group, group.phase, 'LastDeviceUnbound');
    context.groups.delete(group.key);
    world.groupOwners.delete(group.key);
  }
  remove(context, id);
}

function attach(context: Context, event: Extract<DeviceEvent, { type: 'DeviceAttached' }>): void {
  const group = groupOf(context, event.groupKey);
  const table = slotTable(event.pasid);
  const slot = group.slots.get(event.pasid) ?? {
    phase: table.initial,
    hwptId: event.hwptId,
    deviceIds: [],
    movedBy: event.deviceId,
  };
  slot.phase = advance(table, slot.phase, event.type);
  slot.deviceIds.push(event.deviceId);
  group.slots.set(event.pasid, slot);
  use(context, event.hwptId, 1);
  use(context, event.deviceId, 1);
}

function replace(context: Context, event: Extract<DeviceEvent, { type: 'HwptReplaced' }>): void {
  const slot = slotOf(groupOf(context, event.groupKey), event.pasid);
  slot.phase = advance(slotTable(event.pasid), slot.phase, event.type);
  answerFaults(context, (objectAt(context, event.formerHwptId) as Hwpt).faultId, event.groupKey, event.pasid);
  slot.hwptId = event.hwptId;
  slot.movedBy = event.deviceId;
  use(context, event.hwptId, slot.deviceIds.length);
  use(context, event.formerHwptId, -slot.deviceIds.length);
}

function detach(context: Context, event: Extract<DeviceEvent, { type: 'DeviceDetached' }>): void {
  const group = groupOf(context, event.groupKey);
  const slot = slotOf(group, event.pasid);
  slot.deviceIds = slot.deviceIds.filter((id) => id !== event.deviceId);
  const last = slot.deviceIds.length === 0;
  slot.phase = advance(slotTable(event.pasid), slot.phase, last ? 'LastDeviceDetached' : event.type);
  if (last) {
    answerFaults(
      context,
      (objectAt(context, event.formerHwptId) as Hwpt).faultId,
      event.groupKey,
      event.pasid,
    );
    group.slots.delete(event.pasid);
  }
  use(context, event.formerHwptId, -1);
  use(context, event.deviceId, -1);
}

/** VFIO keeps its own belief of what is attached through a device file. */
function note(world: World, event: Extract<DeviceEvent, { type: 'VfioAttachmentNoted' }>): void {
  const file = world.files.get(event.file);
  if (file === undefined) throw new Error(`invariant: no VFIO file ${event.file}`);
  if (!event.byPasid) {
    file.attached = event.attached;
    return;
  }
  file.pasids = file.pasids.filter((pasid) => pasid !== event.pasid);
  if (event.attached) file.pasids = [...file.pasids, event.pasid].sort((one, other) => one - other);
}

export function reduceDevice(world: World, event: DeviceEvent): void {
  if (event.type === 'VfioAttachmentNoted') {
    note(world, event);
    return;
  }
  const context = contextOf(world, event.context);
  switch (event.type) {
    case 'DeviceBound':
      bind(world, context, event);
      return;
    case 'DeviceUnbound':
      unbind(world, context, event.id);
      return;
    case 'SelftestCreated':
      publish(context, {
        kind: 'selftest',
        id: event.id,
        users: 1,
        phase: initialPhase('selftest'),
        deviceId: event.deviceId,
      });
      return;
    case 'SelftestDestroyed':
      step(context, event.id, 'selftest', event.type);
      remove(context, event.id);
      return;
    case 'DeviceAttached':
      attach(context, event);
      return;
    case 'HwptReplaced':
      replace(context, event);
      return;
    case 'DeviceDetached':
      detach(context, event);
      return;
    case 'RidLeftBlocked':
      return;
    case 'VirtualIdentityTaken': {
      const device = mustBe(context, event.deviceId, 'device');
      device.viommuId = event.viommuId;
      device.virtId = event.virtId;
      return;
    }
    case 'Pasid1024Toggled':
      mustBe(context, event.deviceId, 'device').fails1024 = event.armed;
      return;
    case 'CachesForgotten':
      for (const object of context.objects) {
        if (object?.kind !== 'vdevice' || object.viommuId !== event.viommuId) continue;
        const device = mustBe(context, object.deviceId, 'device');
        device.cache = doubted(
          device,
          invalidated(device.doubt ?? withoutDoubt(device.cache), event.effects),
        );
      }
      return;
    case 'CacheLearned': {
      const device = mustBe(context, event.id, 'device');
      if (device.doubt !== undefined)
        device.cache = doubted(device, learned(device.doubt, event.slot, event.value, event.same));
      return;
    }
    case 'CacheInvalidated': {
      const device = mustBe(context, event.deviceId, 'device');
      for (const slot of event.slots) device.cache[slot] = 0;
      if (device.doubt !== undefined)
        device.cache = doubted(device, invalidated(device.doubt, effectOf(event.slots)));
      return;
    }
    default:
      unreachable(event);
  }
}
