/** Events that several proposals make in the same way: whole groups move between the host, nothing and a space. */
import { reaches } from './attachments.ts';
import type { DesignEvent } from './design-event.ts';
import type { DesignState } from './design-state.ts';
import type { Decision, Refusal } from './proposal.ts';
import { type Ground, matesOf, traitsOf } from './setup.ts';

/** The slots of the whole group of a device meet nothing: block-DMA. */
export function blockGroup(ground: Ground, device: number): DesignEvent[] {
  return matesOf(ground, device).map((mate) => ({ type: 'SlotBlocked', rid: mate, pasid: undefined }));
}

export function releaseGroup(ground: Ground, device: number): DesignEvent[] {
  return matesOf(ground, device).map((mate) => ({ type: 'SlotReleased', rid: mate }));
}

export function routeGroup(ground: Ground, device: number, space: number): DesignEvent[] {
  return matesOf(ground, device).map((mate) => ({ type: 'SlotRouted', rid: mate, pasid: undefined, space }));
}

/** The other members of its group that a context has. */
export function boundMates(state: DesignState, ground: Ground, device: number): number[] {
  return matesOf(ground, device).filter((mate) => mate !== device && state.device.get(mate) === 'bound');
}

/** Whether every member is without a driver of the host that does DMA. */
export function isViable(state: DesignState, ground: Ground, device: number): boolean {
  return !matesOf(ground, device).some((mate) => state.hostDriver.has(mate));
}

/** Whether any device is attached to a space: on its route, below it, or with a PASID. */
export function isAttached(state: DesignState, ground: Ground, space: number): boolean {
  return ground.devices.some((device) => reaches(state, ground, device, space));
}

/** Whether another space lies over this one. */
export function hasChild(state: DesignState, space: number): boolean {
  return state.parent.includes(space);
}

export function isLive(state: DesignState, space: number): boolean {
  return state.space.get(space) !== 'free';
}

/** The numbers on the bus that some slot of this RID has. */
export function isWireFree(state: DesignState, ground: Ground, rid: number, wire: number): boolean {
  if (state.pasidRoute.get(rid, wire) !== undefined || state.parked.has(wire)) return false;
  if (state.sva.get(rid) === wire) return false;
  return !ground.devices.some(
    (device) => traitsOf(ground, device).rid === rid && state.defPasid.get(device) === wire,
  );
}

/** A space and all that lie over it: every cache drops what it holds of a page of them. */
export function dropWithChildren(
  state: DesignState,
  ground: Ground,
  space: number,
  page: number,
): DesignEvent[] {
  const children = ground.spaces.filter((child) => state.parent.get(child) === space);
  return [
    { type: 'TranslationsDropped', space, page },
    ...children.flatMap((child) => dropWithChildren(state, ground, child, page)),
  ];
}

/** A driver of the host comes to a device; `owned` is what follows where user space owns the group. */
export function probeDriver(
  state: DesignState,
  ground: Ground,
  device: number,
  answers: Readonly<{ used: Refusal; owned: Decision }>,
): Decision {
  if (state.hostDriver.has(device) || state.device.get(device) !== 'closed') return answers.used;
  const isOwned = boundMates(state, ground, device).length > 0;
  return isOwned ? answers.owned : [{ type: 'DriverProbed', device }];
}

/** The probe cannot be refused any more: BUG_ON(). */
export const CRASH: Decision = [{ type: 'KernelCrashed' }];
