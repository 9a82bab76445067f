/**
 * What events leave behind in the IOMMUs. Runs beside the reducers of the objects and never feeds back into a decision:
 * hardwareReaction() before them, while what ends is still there; settleHardware() after them, for contexts that ended.
 */
import type { Event, EventOf, EventType } from '../events/event.ts';
import { areaAt, forEachArea } from '../machines/area-tree.ts';
import {
  BLOCKED,
  type Entry,
  type Hardware,
  isTranslating,
  type RidState,
  type TableUser,
} from '../machines/hardware.ts';
import { type Ioas, mustBe } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import { follow, requiredByDirty, requiredByUnmap, requiredByUser } from './hardware-caches.ts';
import { entryFor, program, ridsOfGroup, takesPasid } from './hardware-entries.ts';
import { bind, release, unbind } from './hardware-rids.ts';
import { contextOf } from './objects.ts';

/** The whole group moves together, whichever of its devices asked. */
function programGroup(world: World, event: EventOf<'DeviceAttached' | 'HwptReplaced'>): void {
  const { hardware } = world;
  const context = contextOf(world, event.context);
  // A sibling that joins a slot touches no hardware.
  if (event.type === 'DeviceAttached' && context.groups.get(event.groupKey)?.slots.has(event.pasid)) return;
  for (const state of ridsOfGroup(hardware, event.groupKey)) {
    if (!takesPasid(state, event.pasid)) continue;
    program(hardware, state, event.pasid, entryFor(world, context, state.traits.instance, event.hwptId));
  }
}

function detach(world: World, event: EventOf<'DeviceDetached'>): void {
  const slot = contextOf(world, event.context).groups.get(event.groupKey)?.slots.get(event.pasid);
  if (slot === undefined || slot.deviceIds.length > 1) return;
  for (const state of ridsOfGroup(world.hardware, event.groupKey)) {
    if (takesPasid(state, event.pasid)) program(world.hardware, state, event.pasid, BLOCKED);
  }
}

/** The driver took the RID off its HWPT and put it on no other (intel_iommu_attach_device()). */
function leaveBlocked({ hardware }: World, { rid }: EventOf<'RidLeftBlocked'>): void {
  const state = hardware.rids.get(rid);
  if (state === undefined) throw new Error(`invariant: no context owns RID ${rid}`);
  program(hardware, state, 0, BLOCKED);
  state.leftBlocked = true;
}

/** Every (RID, PASID) of a context whose translations go through the areas of this IOAS, by IOMMU instance. */
function usersOf(hardware: Hardware, context: number, ioasId: number): Map<string, TableUser[]> | undefined {
  const rids = hardware.contexts.get(context);
  if (rids === undefined) return undefined;
  let users: Map<string, TableUser[]> | undefined;
  for (const rid of rids) {
    const state = hardware.rids.get(rid) as RidState;
    for (const [pasid, entry] of state.entries) {
      if (!isTranslating(entry) || entry.ioasId !== ioasId) continue;
      const user = { rid, pasid, domainId: entry.domainId, nested: entry.kind === 'nested' };
      users ??= new Map();
      const list = users.get(state.traits.instance);
      if (list === undefined) users.set(state.traits.instance, [user]);
      else list.push(user);
    }
  }
  return users;
}

function unmap(
  hardware: Hardware,
  context: Context,
  ioas: Ioas,
  range: { start: bigint; last: bigint },
): void {
  for (const [instance, users] of usersOf(hardware, context.id, ioas.id) ?? []) {
    const required = requiredByUnmap(instance, range, users);
    follow(hardware, { kind: 'unmap', instance, range, users, required });
  }
}

function unmapArea(world: World, event: EventOf<'AreaUnmapped'>): void {
  if (!world.hardware.contexts.has(event.context)) return;
  const context = contextOf(world, event.context);
  const ioas = mustBe(context, event.id, 'ioas');
  const area = areaAt(ioas.areas, event.iova);
  if (area !== undefined) unmap(world.hardware, context, ioas, { start: area.iova, last: area.last });
}

/** The exporter takes a dma-buf back: it leaves every page table, for good. */
function revoke(world: World, event: EventOf<'DmabufRevoked'>): void {
  for (const id of world.hardware.contexts.keys()) {
    const context = contextOf(world, id);
    for (const object of context.objects) {
      if (object?.kind !== 'ioas') continue;
      forEachArea(object.areas, (area) => {
        const pages = context.pages.get(area.pagesId);
        if (pages?.kind === 'dmabuf' && pages.ino === event.file && !pages.detached)
          unmap(world.hardware, context, object, { start: area.iova, last: area.last });
      });
    }
  }
}

/** Dirty tracking of a paging HWPT is switched in each entry that goes through it, nested ones included. */
function track(world: World, event: EventOf<'DirtyTrackingSet'>): void {
  const { hardware } = world;
  for (const rid of hardware.contexts.get(event.context) ?? []) {
    const state = hardware.rids.get(rid) as RidState;
    for (const [pasid, entry] of [...state.entries]) {
      if (!isTranslating(entry)) continue;
      const table = entry.kind === 'nested' ? entry.parentId : entry.hwptId;
      if (table !== event.id) continue;
      state.entries.set(pasid, { ...entry, dirty: event.enabled });
      const slot = { instance: state.traits.instance, rid, pasid };
      const required = requiredByDirty(slot, entry.domainId);
      follow(hardware, { kind: 'dirty', ...slot, enabled: event.enabled, entry, required });
    }
  }
}

/** User space flushed its own stage 1: of a nested HWPT, or of the devices of a vIOMMU. */
function flushStage1(
  world: World,
  context: number,
  matches: (entry: Entry, state: RidState) => boolean,
): void {
  const { hardware } = world;
  for (const rid of hardware.contexts.get(context) ?? []) {
    const state = hardware.rids.get(rid) as RidState;
    for (const [pasid, entry] of state.entries) {
      if (entry.kind !== 'nested' || !matches(entry, state)) continue;
      const slot = { instance: state.traits.instance, rid, pasid };
      const required = requiredByUser(slot, entry.domainId);
      follow(hardware, { kind: 'user', ...slot, domainId: entry.domainId, required });
    }
  }
}

/** Events that are not here leave the hardware alone. */
const reactions: { readonly [T in EventType]?: (world: World, event: EventOf<T>) => void } = {
  DeviceBound: bind,
  DeviceUnbound: unbind,
  DeviceAttached: programGroup,
  HwptReplaced: programGroup,
  DeviceDetached: detach,
  RidLeftBlocked: leaveBlocked,
  AreaUnmapped: unmapArea,
  DmabufRevoked: revoke,
  DirtyTrackingSet: track,
  IotlbInvalidated: (world, event) =>
    flushStage1(world, event.context, (entry) => entry.kind === 'nested' && entry.hwptId === event.id),
  CacheInvalidated: (world, event) =>
    flushStage1(world, event.context, (_entry, state) => state.deviceId === event.deviceId),
};

/** What an event does to the hardware; called before the reducer of the objects. Most events do nothing to it. */
export function hardwareReaction(type: EventType): ((world: World, event: Event) => void) | undefined {
  return reactions[type] as ((world: World, event: Event) => void) | undefined;
}

/** Events with which a context can end: its last descriptor, or one whose close shows when its number is handed out again. */
const endings: ReadonlySet<EventType> = new Set<EventType>([
  'FileReleased',
  'DescriptorIssued',
  'DescriptorDuplicated',
  'ContextOpened',
  'VfioDeviceOpened',
  'MappingsSeen',
  'ProcessExited',
]);

/** Whether settleHardware() has to be called after the reducer of the objects. */
export function mayEndContexts(type: EventType): boolean {
  return endings.has(type);
}

/** Devices of contexts that ended go back to the kernel's own drivers. */
export function settleHardware(world: World): void {
  const { hardware } = world;
  for (const context of hardware.contexts.keys()) {
    if (world.contexts.has(context)) continue;
    for (const rid of hardware.contexts.get(context) ?? [])
      release(hardware, hardware.rids.get(rid) as RidState);
  }
}
