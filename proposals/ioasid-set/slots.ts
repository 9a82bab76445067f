/** What moves when devices and numbers come to a space or leave it. */
import { blockOwnNumber, devicesOn, isWireShared, mappedPages, routeOwnSlot } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { type Ground, traitsOf } from '../setup.ts';
import { blockGroup, boundMates, routeGroup } from '../slots.ts';

function isMediated(ground: Ground, device: number): boolean {
  return traitsOf(ground, device).kind !== 'pdev';
}

export function routed(state: DesignState, ground: Ground, device: number, space: number): DesignEvent[] {
  if (isMediated(ground, device)) return routeOwnSlot(state, ground, device, space);
  const { rid } = traitsOf(ground, device);
  const delegated: DesignEvent[] =
    state.space.get(space) === 'table' ? [{ type: 'TableDelegated', rid }] : [];
  return [...routeGroup(ground, device, space), { type: 'DeviceCacheDropped', rid }, ...delegated];
}

/** The device's own part of it: a mediated one is off the bus with its number. */
function leaveRoute(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const { rid } = traitsOf(ground, device);
  const reclaimed = !isMediated(ground, device) && state.delegated.has(rid);
  return [
    { type: 'Detached', device },
    ...blockOwnNumber(state, ground, device),
    ...(reclaimed ? [{ type: 'TableReclaimed', rid } as const] : []),
  ];
}

/** Nothing is left of the device's default space; the slots of a group are blocked with its last member. */
export function leaveDefault(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const space = state.attached.get(device);
  if (space === undefined) return [];
  const stays = boundMates(state, ground, device).some((mate) => state.attached.get(mate) !== undefined);
  const flushed = devicesOn(state, ground, space).every((one) => one === device);
  return [
    ...leaveRoute(state, ground, device),
    ...(stays || isMediated(ground, device) ? [] : blockGroup(ground, device)),
    ...(flushed ? [{ type: 'TranslationsDropped', space, page: undefined } as const] : []),
  ];
}

export function leavePasid(state: DesignState, ground: Ground, device: number, pasid: number): DesignEvent[] {
  const wire = state.wire.get(device, pasid);
  if (wire === undefined) return [];
  const { rid } = traitsOf(ground, device);
  const shared = isWireShared(state, ground, device, wire);
  return [
    { type: 'PasidDetached', device, pasid },
    ...(shared ? [] : [{ type: 'SlotBlocked', rid, pasid: wire } as const]),
  ];
}

export function leaveAll(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  return [
    ...ground.pasids.flatMap((pasid) => leavePasid(state, ground, device, pasid)),
    ...leaveDefault(state, ground, device),
  ];
}

export function freed(state: DesignState, ground: Ground, space: number): DesignEvent[] {
  return [
    ...mappedPages(state, ground, space).map((page): DesignEvent => ({ type: 'PageUncharged', page })),
    { type: 'TranslationsDropped', space, page: undefined },
    { type: 'SpaceFreed', space },
  ];
}

/** Every device leaves a space: DMA is blocked at once (the refcount rule of 31 March 2021). */
export function emptied(state: DesignState, ground: Ground, space: number): DesignEvent[] {
  const onRoute = ground.devices.filter((device) => state.attached.get(device) === space);
  return [
    ...devicesOn(state, ground, space).flatMap((device) =>
      ground.pasids
        .filter((pasid) => state.attachedAt.get(device, pasid) === space)
        .flatMap((pasid) => leavePasid(state, ground, device, pasid)),
    ),
    ...onRoute.flatMap((device) => leaveRoute(state, ground, device)),
    ...onRoute
      .filter((device) => !isMediated(ground, device))
      .filter((device) => boundMates(state, ground, device).every((mate) => isOffOr(state, mate, space)))
      .flatMap((device) => blockGroup(ground, device)),
  ];
}

/** The device is attached to nothing, or to this space. */
function isOffOr(state: DesignState, device: number, space: number): boolean {
  const attached = state.attached.get(device);
  return attached === undefined || attached === space;
}
