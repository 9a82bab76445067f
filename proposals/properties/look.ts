/** Questions that several properties ask of a state. */
import type { Look } from '../property.ts';
import { matesOf, traitsOf } from '../setup.ts';

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
  return (
    state.attached.get(device) === space ||
    state.under.has(device, space) ||
    ground.pasids.some((pasid) => state.attachedAt.get(device, pasid) === space)
  );
}

export function isReferenced(look: Look, space: number): boolean {
  return look.state.parent.includes(space) || someDevice(look, (device) => isAttachedTo(look, device, space));
}
