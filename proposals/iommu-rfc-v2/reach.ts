/** What several commands of the second RFC ask. */
import { hasPasids } from '../attachments.ts';
import { isBoundTo } from '../contexts.ts';
import type { DesignState } from '../design-state.ts';
import { type Ground, traitsOf } from '../setup.ts';

/** The space can be named in an ioctl: it is there, and the descriptor that has it is open. */
export function isReachable(state: DesignState, space: number): boolean {
  const home = state.home.get(space);
  return state.space.get(space) !== 'free' && home !== undefined && state.contextOpen.has(home);
}

/** A device can be attached to spaces of the descriptors that it is bound to. */
export function canName(state: DesignState, device: number, space: number): boolean {
  const home = state.home.get(space);
  return home !== undefined && isReachable(state, space) && isBoundTo(state, device, home);
}

export function isKernelManaged(state: DesignState, space: number): boolean {
  const kind = state.space.get(space);
  return kind === 'kernel' || kind === 'shadow' || kind === 'root';
}

export function isUserManaged(state: DesignState, space: number): boolean {
  const kind = state.space.get(space);
  return kind === 'user' || kind === 'table';
}

/** Whether `space` lies over `below`, directly or not. */
export function liesOver(state: DesignState, space: number, below: number): boolean {
  const parent = state.parent.get(space);
  return parent !== undefined && (parent === below || liesOver(state, parent, below));
}

/** A pdev of Arm and AMD has PASID_DELEGATED (types 4): its PASID table is the guest's. */
export function isDelegated(ground: Ground, device: number): boolean {
  return ground.platform !== 'intel' && traitsOf(ground, device).kind === 'pdev';
}

/** V2 1.4.1: types 4 to 8 have VFIO_DEVICE_INFO_CAP_PASID. */
export function hasPasidCap(ground: Ground, device: number): boolean {
  const { kind } = traitsOf(ground, device);
  return (kind === 'pdev' || kind === 'mdev') && hasPasids(ground, device);
}

/** A page that a device of a smaller address width does not reach. */
export function isBeyond(ground: Ground, device: number, page: number): boolean {
  return traitsOf(ground, device).narrow && page === ground.pages.length - 1;
}

/** Whether a device fits a space: snooping (V2 1.5), width, and that software isolation takes no table of the user. */
export function isCompatible(state: DesignState, ground: Ground, device: number, space: number): boolean {
  const { forceSnoop, narrow, kind } = traitsOf(ground, device);
  if (state.enforced.has(space) && !forceSnoop) return false;
  if (kind === 'swmdev' && isUserManaged(state, space)) return false;
  if (state.space.get(space) === 'table' && kind !== 'pdev') return false;
  if (!narrow) return true;
  const wider = ground.devices.some(
    (other) => state.attached.get(other) === space && !traitsOf(ground, other).narrow,
  );
  return (
    !wider && !ground.pages.some((page) => state.mapped.has(space, page) && isBeyond(ground, device, page))
  );
}
