/** What attach and detach leave behind in V1. */
import {
  blockOwnNumber,
  devicesOn,
  hasWire,
  isWireShared,
  mappedPages,
  reaches,
  routeOwnSlot,
} from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { type Ground, traitsOf } from '../setup.ts';

/** A first device makes the space's table live. */
export function activate(state: DesignState, space: number): DesignEvent[] {
  return state.space.get(space) === 'inert' ? [{ type: 'SpaceActivated', space }] : [];
}

/** The route goes to a child of where it went: the device stays attached to what is below (5.3, 5.4), by reference. */
export function attachEvents(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
): DesignEvent[] {
  const below = state.attached.get(device);
  return [
    { type: 'Attached', device, space },
    ...(below === undefined ? [] : [{ type: 'AttachedUnder', device, space: below } as const]),
    ...activate(state, space),
    ...routeOwnSlot(state, ground, device, space),
    ...delegate(state, ground, device, space),
  ];
}

/** On a space that stands for a guest's PASID table, the RID takes its entries from there. */
export function delegate(state: DesignState, ground: Ground, device: number, space: number): DesignEvent[] {
  const { kind, rid } = traitsOf(ground, device);
  return kind === 'pdev' && state.space.get(space) === 'table' ? [{ type: 'TableDelegated', rid }] : [];
}

/** The device leaves the space that its route leads to, for the one below, or for what it had before it was attached at all. */
export function detachEvents(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const space = state.attached.get(device);
  if (space === undefined) return [];
  const below = state.parent.get(space);
  return [
    { type: 'Detached', device },
    ...(below === undefined ? leaveAll(state, ground, device) : fallBack(state, ground, device, below)),
    ...reclaim(state, ground, device),
    ...deactivate(state, ground, device, space),
  ];
}

/** V1 has no blocking domain: a device that is attached to nothing does DMA as the host lets it. */
function leaveAll(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const { kind, rid } = traitsOf(ground, device);
  return kind === 'pdev' ? [{ type: 'SlotReleased', rid }] : blockOwnNumber(state, ground, device);
}

function fallBack(state: DesignState, ground: Ground, device: number, below: number): DesignEvent[] {
  const further = ground.spaces.filter((one) => one !== below && state.under.has(device, one));
  return [
    { type: 'Attached', device, space: below },
    ...further.map((one): DesignEvent => ({ type: 'AttachedUnder', device, space: one })),
    ...routeOwnSlot(state, ground, device, below),
  ];
}

function reclaim(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const { rid, kind } = traitsOf(ground, device);
  return kind === 'pdev' && state.delegated.has(rid) ? [{ type: 'TableReclaimed', rid }] : [];
}

/** The number leads nowhere any more; a global one goes back when no device has it. */
function releaseNumber(state: DesignState, ground: Ground, device: number, pasid: number): DesignEvent[] {
  const wire = state.wire.get(device, pasid);
  if (wire === undefined) return [];
  const { rid } = traitsOf(ground, device);
  const isRouted = state.pasidRoute.get(rid, wire) !== undefined;
  const others = ground.devices.some((other) => other !== device && hasWire(state, ground, other, wire));
  return [
    { type: 'PasidDetached', device, pasid },
    ...(isRouted && !isWireShared(state, ground, device, wire)
      ? [{ type: 'SlotBlocked', rid, pasid: wire } as const]
      : []),
    ...(state.global.has(wire) && !others ? [{ type: 'PasidFreed', pasid: wire } as const] : []),
  ];
}

export function detachPasidEvents(
  state: DesignState,
  ground: Ground,
  device: number,
  pasid: number,
): DesignEvent[] {
  const space = state.attachedAt.get(device, pasid);
  if (space === undefined) return [];
  return [...releaseNumber(state, ground, device, pasid), ...deactivate(state, ground, device, space, pasid)];
}

/** The space is inert, and empty, once its last device has left by this way. */
function deactivate(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
  pasid?: number,
): DesignEvent[] {
  const others = devicesOn(state, ground, space).some((other) => other !== device);
  if (others || hasOtherWay(state, ground, device, space, pasid)) return [];
  return [...emptied(state, ground, space), { type: 'SpaceDeactivated', space }];
}

/** Besides the PASID, or the route if there is none. */
function hasOtherWay(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
  pasid: number | undefined,
): boolean {
  const byPasid = ground.pasids.some(
    (other) => other !== pasid && state.attachedAt.get(device, other) === space,
  );
  const byRoute = pasid !== undefined && reachesByRoute(state, device, space);
  return byPasid || byRoute;
}

function reachesByRoute(state: DesignState, device: number, space: number): boolean {
  return state.attached.get(device) === space || state.under.has(device, space);
}

/** What was mapped or bound goes with the table. */
export function emptied(state: DesignState, ground: Ground, space: number): DesignEvent[] {
  const kind = state.space.get(space);
  const unbound: DesignEvent[] = kind === 'user' || kind === 'table' ? [{ type: 'TableUnbound', space }] : [];
  return [
    ...mappedPages(state, ground, space).flatMap((page) => unmapEvents(state, space, page)),
    ...unbound,
    { type: 'TranslationsDropped', space, page: undefined },
  ];
}

export function unmapEvents(state: DesignState, space: number, page: number): DesignEvent[] {
  return [
    { type: 'PageUnmapped', space, page },
    ...(isCharged(state, space, page) ? [{ type: 'PageUncharged', page } as const] : []),
  ];
}

/** Only roots are charged, and what is registered was charged then (section 2, 5.3). */
export function isCharged(state: DesignState, space: number, page: number): boolean {
  return state.parent.get(space) === undefined && !state.registered.has(page);
}

/** Everything that a device holds, from the top down, and at last its route: what unbinding by close means [D]. */
export function leaveEverything(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const route = state.attached.get(device);
  const spaces = ground.spaces.filter((space) => reaches(state, ground, device, space));
  return [
    ...ground.pasids.flatMap((pasid) => releaseNumber(state, ground, device, pasid)),
    ...(route === undefined
      ? []
      : [
          { type: 'Detached', device } as const,
          ...leaveAll(state, ground, device),
          ...reclaim(state, ground, device),
        ]),
    ...spaces
      .filter((space) => devicesOn(state, ground, space).every((other) => other === device))
      .flatMap((space): DesignEvent[] => [
        ...emptied(state, ground, space),
        { type: 'SpaceDeactivated', space },
      ]),
  ];
}
