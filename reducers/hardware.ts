/**
 * What events leave behind in the IOMMUs. Runs beside the reducers of the objects and never feeds back into a decision:
 * reduceHardware() before them, while what ends is still there; settleHardware() after them, for contexts that ended.
 */
import type { Event, EventOf, EventType } from '../events/event.ts';
import { areaAt, forEachArea } from '../machines/area-tree.ts';
import {
  BLOCKED,
  DEFAULT,
  type Entry,
  type Hardware,
  IDENTITY,
  isTranslating,
  type RidState,
  ridOf,
  type TableUser,
} from '../machines/hardware.ts';
import { type Hwpt, type Ioas, mustBe, objectAt, pagingOf } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import {
  follow,
  requiredByDirty,
  requiredByEntry,
  requiredByUnmap,
  requiredByUser,
} from './hardware-caches.ts';
import { domainIdFor, releaseDomainId } from './hardware-domain-ids.ts';
import { contextOf } from './objects.ts';

function ridsOfGroup(hardware: Hardware, groupKey: string): RidState[] {
  const states: RidState[] = [];
  for (const rid of hardware.groups.get(groupKey) ?? []) {
    const state = hardware.rids.get(rid);
    if (state !== undefined) states.push(state);
  }
  return states;
}

function sameEntry(one: Entry, other: Entry): boolean {
  if (!isTranslating(one) || !isTranslating(other)) return one.kind === other.kind;
  return one.context === other.context && one.hwptId === other.hwptId;
}

/** Writes one entry of one device, and follows up with what its caches need. PASIDs that are blocked are not present. */
function program(hardware: Hardware, state: RidState, pasid: number, to: Entry): void {
  const from = state.entries.get(pasid) ?? BLOCKED;
  if (sameEntry(from, to)) return;
  if (pasid !== 0 && to.kind === 'blocked') state.entries.delete(pasid);
  else state.entries.set(pasid, to);
  const { instance } = state.traits;
  const slot = { instance, rid: state.rid, pasid };
  follow(hardware, { kind: 'entry', ...slot, from, to, required: requiredByEntry(slot, from) });
  releaseDomainId(hardware, instance, from);
}

/** Which devices of a group have an entry for this PASID at all. */
function takesPasid(state: RidState, pasid: number): boolean {
  return !state.traits.noIommu && (pasid === 0 || state.traits.maxPasids > 0);
}

/** The entry for a HWPT behind one IOMMU instance; takes a domain id for each entry. */
function entryFor(world: World, context: Context, instance: string, hwptId: number): Entry {
  const hwpt = objectAt(context, hwptId) as Hwpt;
  const paging = pagingOf(context, hwpt);
  const base = {
    context: context.id,
    hwptId,
    ioasId: paging.ioasId,
    domainId: domainIdFor(world.hardware, instance, context.id, hwptId),
    faultId: hwpt.faultId,
    dirty: paging.dirtyTracking,
  };
  if (hwpt.kind === 'hwpt-paging') return { kind: 'paging', ...base };
  const parentDomainId = domainIdFor(world.hardware, instance, context.id, paging.id);
  return { kind: 'nested', ...base, parentId: paging.id, parentDomainId, viommuId: hwpt.viommuId };
}

/** The whole group moves together, whichever of its devices asked. */
function programGroup(world: World, event: EventOf<'DeviceAttached' | 'HwptReplaced'>): void {
  const { hardware } = world;
  const context = contextOf(world, event.context);
  for (const state of ridsOfGroup(hardware, event.groupKey)) {
    if (!takesPasid(state, event.pasid)) continue;
    const now = state.entries.get(event.pasid) ?? BLOCKED;
    // A sibling that joins a slot which is programmed already touches no hardware.
    if (isTranslating(now) && now.context === context.id && now.hwptId === event.hwptId) continue;
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

/** The first device of a group takes it from its default domain to blocking; later ones find what is there. */
function bind(world: World, event: EventOf<'DeviceBound'>): void {
  const { hardware } = world;
  const { traits, context } = event;
  const rid = ridOf(traits);
  const known = hardware.rids.get(rid);
  if (known !== undefined) {
    known.deviceId = event.id;
    return;
  }
  const [sibling] = ridsOfGroup(hardware, traits.groupKey);
  const state: RidState = {
    rid,
    groupKey: traits.groupKey,
    context,
    deviceId: event.id,
    traits,
    entries: new Map(),
  };
  hardware.rids.set(rid, state);
  hardware.groups.set(traits.groupKey, [...(hardware.groups.get(traits.groupKey) ?? []), rid]);
  hardware.contexts.set(context, [...(hardware.contexts.get(context) ?? []), rid]);
  if (sibling !== undefined) {
    join(world, contextOf(world, context), state, sibling);
    return;
  }
  state.entries.set(0, traits.noIommu ? IDENTITY : DEFAULT);
  if (!traits.noIommu) program(hardware, state, 0, BLOCKED);
}

/** Its group was programmed before we heard of the device: it has had the same entries since then. */
function join(world: World, context: Context, state: RidState, sibling: RidState): void {
  for (const [pasid, entry] of sibling.entries) {
    if (!takesPasid(state, pasid) && pasid !== 0) continue;
    const own = isTranslating(entry) ? entryFor(world, context, state.traits.instance, entry.hwptId) : entry;
    state.entries.set(pasid, own);
  }
}

function unbind(world: World, event: EventOf<'DeviceUnbound'>): void {
  const { hardware } = world;
  const { groupKey } = mustBe(contextOf(world, event.context), event.id, 'device').traits;
  const states = ridsOfGroup(hardware, groupKey);
  for (const state of states) if (state.deviceId === event.id) state.deviceId = 0;
  if (states.some((state) => state.deviceId !== 0)) return;
  for (const state of states) release(hardware, state);
}

/** The kernel's own drivers get the device back. */
function release(hardware: Hardware, state: RidState): void {
  for (const pasid of [...state.entries.keys()]) if (pasid !== 0) program(hardware, state, pasid, BLOCKED);
  if (!state.traits.noIommu) program(hardware, state, 0, DEFAULT);
  hardware.rids.delete(state.rid);
  drop(hardware.groups, state.groupKey, state.rid);
  drop(hardware.contexts, state.context, state.rid);
}

function drop<Key>(lists: Map<Key, string[]>, key: Key, rid: string): void {
  const left = (lists.get(key) ?? []).filter((one) => one !== rid);
  if (left.length > 0) lists.set(key, left);
  else lists.delete(key);
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
const transitions: { readonly [T in EventType]?: (world: World, event: EventOf<T>) => void } = {
  DeviceBound: bind,
  DeviceUnbound: unbind,
  DeviceAttached: programGroup,
  HwptReplaced: programGroup,
  DeviceDetached: detach,
  AreaUnmapped: unmapArea,
  DmabufRevoked: revoke,
  DirtyTrackingSet: track,
  IotlbInvalidated: (world, event) =>
    flushStage1(world, event.context, (entry) => entry.kind === 'nested' && entry.hwptId === event.id),
  CacheInvalidated: (world, event) =>
    flushStage1(world, event.context, (_entry, state) => state.deviceId === event.deviceId),
};

/** The recipe for the hardware; called before the reducer of the objects. */
export function reduceHardware(world: World, event: Event): void {
  const reduce = transitions[event.type] as ((world: World, event: Event) => void) | undefined;
  reduce?.(world, event);
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

/** Called after the reducer of the objects: devices of contexts that ended go back to the kernel's own drivers. */
export function settleHardware(world: World, event: Event): void {
  const { hardware } = world;
  if (hardware.contexts.size === 0 || !endings.has(event.type)) return;
  for (const [context, rids] of [...hardware.contexts]) {
    if (world.contexts.has(context)) continue;
    for (const rid of rids) release(hardware, hardware.rids.get(rid) as RidState);
  }
}
