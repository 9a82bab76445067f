/** Devices come under a context and leave it: which RIDs it owns, and what they are programmed with then. */
import type { DeviceTraits } from '../events/device.ts';
import type { EventOf } from '../events/event.ts';
import {
  BLOCKED,
  DEFAULT,
  type Hardware,
  IDENTITY,
  isTranslating,
  type RidState,
  ridOf,
} from '../machines/hardware.ts';
import { mustBe } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import { entryFor, program, ridsOfGroup, takesPasid } from './hardware-entries.ts';
import { contextOf } from './objects.ts';

/** The first device of a group takes all of it from the default domain to blocking; later ones find what is there. */
export function bind(world: World, event: EventOf<'DeviceBound'>): void {
  const { hardware } = world;
  const { traits } = event;
  const rid = ridOf(traits);
  const states = ridsOfGroup(hardware, traits.groupKey);
  const state = hardware.rids.get(rid) ?? own(hardware, event, rid, traits);
  // A member that was not bound was taken to be like its siblings.
  state.deviceId = event.id;
  if (traits.ats === false) hardware.withoutAts.add(rid);
  state.traits = traits;
  if (states.length > 0) {
    join(world, contextOf(world, event.context), state, states);
    return;
  }
  for (const member of traits.noIommu ? [] : traits.members)
    if (member !== rid) block(hardware, own(hardware, event, member, { ...traits, name: member }));
  if (traits.noIommu) state.entries.set(0, IDENTITY);
  else block(hardware, state);
}

function block(hardware: Hardware, state: RidState): void {
  state.entries.set(0, DEFAULT);
  program(hardware, state, 0, BLOCKED);
}

function own(
  hardware: Hardware,
  { context }: EventOf<'DeviceBound'>,
  rid: string,
  traits: DeviceTraits,
): RidState {
  const { groupKey, members } = traits;
  hardware.rids.set(rid, {
    rid,
    groupKey,
    context,
    deviceId: 0,
    traits,
    leftBlocked: false,
    entries: new Map(),
  });
  const known = [...(hardware.groups.get(groupKey) ?? []), rid];
  known.sort((one, other) => members.indexOf(one) - members.indexOf(other));
  hardware.groups.set(groupKey, known);
  hardware.contexts.set(context, [...(hardware.contexts.get(context) ?? []), rid]);
  // The map may hold a draft of the object just stored.
  return hardware.rids.get(rid) as RidState;
}

/** Its group was programmed before we heard of the device: it has had the same entries as its siblings since then. */
function join(world: World, context: Context, state: RidState, siblings: readonly RidState[]): void {
  const { hardware } = world;
  for (const pasid of [...state.entries.keys()])
    if (!takesPasid(state, pasid)) program(hardware, state, pasid, BLOCKED);
  const sibling = siblings.find(({ rid, leftBlocked }) => rid !== state.rid && !leftBlocked);
  for (const [pasid, entry] of sibling?.entries ?? []) {
    if (state.entries.has(pasid) || (pasid !== 0 && !takesPasid(state, pasid))) continue;
    const { instance } = state.traits;
    state.entries.set(pasid, isTranslating(entry) ? entryFor(world, context, instance, entry.hwptId) : entry);
  }
  if (state.entries.has(0)) return;
  state.entries.set(0, BLOCKED);
  state.leftBlocked = true;
}

export function unbind(world: World, event: EventOf<'DeviceUnbound'>): void {
  const { hardware } = world;
  const { groupKey } = mustBe(contextOf(world, event.context), event.id, 'device').traits;
  const states = ridsOfGroup(hardware, groupKey);
  for (const state of states) if (state.deviceId === event.id) state.deviceId = 0;
  if (states.some((state) => state.deviceId !== 0)) return;
  for (const state of states) release(hardware, state);
}

/** The kernel's own drivers get the device back. */
export function release(hardware: Hardware, state: RidState): void {
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
