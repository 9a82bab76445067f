/** Questions that several properties ask of a state. */
import { hasPasids as hasBothPasids, reaches } from '../attachments.ts';
import { isBoundTo as isContextOf } from '../contexts.ts';
import type { Look } from '../property.ts';
import { matesOf, siblingsOf, traitsOf } from '../setup.ts';

export function isBound({ state }: Look, device: number): boolean {
  return state.device.get(device) === 'bound';
}

/** Bound, and with a RID of its own. */
export function isBoundPdev(look: Look, device: number): boolean {
  return isBound(look, device) && traitsOf(look.ground, device).kind === 'pdev';
}

export function someDevice(look: Look, holds: (device: number) => boolean): boolean {
  return look.ground.devices.some(holds);
}

export function everyDevice(look: Look, holds: (device: number) => boolean): boolean {
  return look.ground.devices.every(holds);
}

export function someSpace(look: Look, holds: (space: number) => boolean): boolean {
  return look.ground.spaces.some(holds);
}

export function everySpace(look: Look, holds: (space: number) => boolean): boolean {
  return look.ground.spaces.every(holds);
}

/** Some member of the device's group is bound. */
export function isGroupOwned(look: Look, device: number): boolean {
  return matesOf(look.ground, device).some((mate) => isBound(look, mate));
}

export function isLiveSpace({ state }: Look, space: number): boolean {
  return state.space.get(space) !== 'free';
}

/** Spaces on which the kernel keeps the mappings. */
export function isKernelManaged({ state }: Look, space: number): boolean {
  const kind = state.space.get(space);
  return kind === 'kernel' || kind === 'shadow' || kind === 'root';
}

export function isUserManaged({ state }: Look, space: number): boolean {
  const kind = state.space.get(space);
  return kind === 'user' || kind === 'table';
}

/** Whether a device reaches a space: by its RID, below it, or with a PASID. */
export function isAttachedTo({ state, ground }: Look, device: number, space: number): boolean {
  return reaches(state, ground, device, space);
}

export function isReferenced(look: Look, space: number): boolean {
  return look.state.parent.includes(space) || someDevice(look, (device) => isAttachedTo(look, device, space));
}

/** Bound, and one of several behind a RID. */
export function isBoundMdev(look: Look, device: number): boolean {
  return isBound(look, device) && traitsOf(look.ground, device).kind === 'mdev';
}

/** Bound to the same context. */
export function isBoundTogether({ state }: Look, one: number, other: number): boolean {
  const context = state.boundTo.get(one);
  return context !== undefined && context === state.boundTo.get(other);
}

/** A number on the bus that stands for the device, by default or for one of its PASIDs. */
export function usesWire({ state, ground }: Look, device: number, wire: number): boolean {
  return (
    state.defPasid.get(device) === wire ||
    ground.pasids.some((pasid) => state.wire.get(device, pasid) === wire)
  );
}

/** No device is known by this number on the bus, at its RID or at any. */
export function isWireUnused(look: Look, wire: number): boolean {
  return !someDevice(look, (device) => usesWire(look, device, wire));
}

/** Whether a device has any address space, by default or with a PASID. */
export function isAttachedAnywhere({ state, ground }: Look, device: number): boolean {
  return (
    state.attached.get(device) !== undefined ||
    ground.pasids.some((pasid) => state.attachedAt.get(device, pasid) !== undefined)
  );
}

/** Both the device and the IOMMU behind it have PASIDs. */
export function hasPasids({ ground }: Look, device: number): boolean {
  return hasBothPasids(ground, device);
}

/** Some device is attached to the space. */
export function hasUser(look: Look, space: number): boolean {
  return someDevice(look, (device) => isAttachedTo(look, device, space));
}

/** No device behind the RID of this one has the number. */
export function isFreeHere(look: Look, device: number, wire: number): boolean {
  return ![device, ...siblingsOf(look.ground, device)].some((one) => usesWire(look, one, wire));
}

/** Whether a context has the device, alone or among others. */
export function isBoundTo({ state }: Look, device: number, context: number | undefined): boolean {
  return context !== undefined && isContextOf(state, device, context);
}
