/** Who is attached to what: what proposals with nesting and PASIDs ask in the same way. */
import type { DesignEvent } from './design-event.ts';
import type { DesignState } from './design-state.ts';
import { type Ground, matesOf, traitsOf } from './setup.ts';

/** Whether a device reaches a space, or is said to: on its route, below it, or with a PASID. */
export function reaches(state: DesignState, ground: Ground, device: number, space: number): boolean {
  return (
    state.attached.get(device) === space ||
    state.under.has(device, space) ||
    pasidsOn(state, ground, device, space).length > 0
  );
}

/** The numbers, as the user says them, with which a device reaches a space. */
function pasidsOn(state: DesignState, ground: Ground, device: number, space: number): number[] {
  return ground.pasids.filter((pasid) => state.attachedAt.get(device, pasid) === space);
}

export function devicesOn(state: DesignState, ground: Ground, space: number): number[] {
  return ground.devices.filter((device) => reaches(state, ground, device, space));
}

/** Some device of a group is attached to the space, and another one is not. */
export function isPartial(state: DesignState, ground: Ground, space: number): boolean {
  return devicesOn(state, ground, space).some((device) =>
    matesOf(ground, device).some((mate) => !reaches(state, ground, mate, space)),
  );
}

/** Whether `space` is `other` or lies over it. */
export function isOver(state: DesignState, space: number, other: number): boolean {
  if (space === other) return true;
  const parent = state.parent.get(space);
  return parent !== undefined && isOver(state, parent, other);
}

/** Whether a device reaches with a PASID a space that lies over this one, or this one itself. */
export function isHeldByPasid(state: DesignState, ground: Ground, device: number, space: number): boolean {
  return ground.pasids.some((pasid) => {
    const held = state.attachedAt.get(device, pasid);
    return held !== undefined && isOver(state, held, space);
  });
}

/** A space that nothing but PASIDs of this device holds: `pasid` is its only way to it. */
export function isOnlyWay(state: DesignState, ground: Ground, device: number, pasid: number): boolean {
  const space = state.attachedAt.get(device, pasid);
  if (space === undefined) return false;
  const direct = state.attached.get(device) === space || state.under.has(device, space);
  return !direct && pasidsOn(state, ground, device, space).length === 1;
}

/** Both the device and the IOMMU behind it have PASIDs. */
export function hasPasids(ground: Ground, device: number): boolean {
  const { pasid, iommuPasid } = traitsOf(ground, device);
  return pasid && iommuPasid;
}

/** The device's own slot leads to a space: its RID, or its number behind the RID that it shares. Software has none. */
export function routeOwnSlot(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
): DesignEvent[] {
  const { kind, rid } = traitsOf(ground, device);
  if (kind === 'swmdev') return [];
  if (kind === 'mdev') return [{ type: 'SlotRouted', rid, pasid: state.defPasid.get(device), space }];
  return [
    { type: 'SlotRouted', rid, pasid: undefined, space },
    { type: 'DeviceCacheDropped', rid },
  ];
}

/** A mediated device without an address space: its number leads nowhere. */
export function blockOwnNumber(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const { kind, rid } = traitsOf(ground, device);
  return kind === 'mdev' ? [{ type: 'SlotBlocked', rid, pasid: state.defPasid.get(device) }] : [];
}

/** Whether another device behind the same RID is known by this number as well. */
export function isWireShared(state: DesignState, ground: Ground, device: number, wire: number): boolean {
  const { rid } = traitsOf(ground, device);
  return ground.devices.some(
    (other) => other !== device && traitsOf(ground, other).rid === rid && hasWire(state, ground, other, wire),
  );
}

/** Whether a device has this number on the bus for one of its PASIDs. */
export function hasWire(state: DesignState, ground: Ground, device: number, wire: number): boolean {
  return ground.pasids.some((pasid) => state.wire.get(device, pasid) === wire);
}

/** No device anywhere is known by the number, and nobody else has it. */
export function isWireUnused(state: DesignState, ground: Ground, wire: number): boolean {
  if (state.allocated.has(wire) || state.taken.has(wire) || state.parked.has(wire)) return false;
  return !ground.devices.some(
    (device) => state.defPasid.get(device) === wire || hasWire(state, ground, device, wire),
  );
}

export function mappedPages(state: DesignState, ground: Ground, space: number): number[] {
  return ground.pages.filter((page) => state.mapped.has(space, page));
}

/** The last page is beyond what some device on the space can address. */
export function isBeyondReach(state: DesignState, ground: Ground, space: number, page: number): boolean {
  const last = ground.pages.length - 1;
  return page === last && devicesOn(state, ground, space).some((device) => traitsOf(ground, device).narrow);
}

/** The device cannot reach all that the space may hold, or holds already. */
export function isTooNarrow(state: DesignState, ground: Ground, device: number, space: number): boolean {
  const last = ground.pages.length - 1;
  const wider = devicesOn(state, ground, space).some((other) => !traitsOf(ground, other).narrow);
  return traitsOf(ground, device).narrow && (wider || state.mapped.has(space, last));
}
