/** What moves when a device, or its whole group, comes to a space or leaves it: slots, faults, pins. */
import { hasPasids, mappedPages } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { type Ground, matesOf, traitsOf } from '../setup.ts';
import { blockGroup, boundMates, hasChild, routeGroup } from '../slots.ts';

/** Devices without a RID of their own reach an IOAS by iommufd_access: no HWPT, nothing in the IOMMU. */
export function hasRid(ground: Ground, device: number): boolean {
  return traitsOf(ground, device).kind === 'pdev';
}

/** How often a space is attached: by RIDs, and by PASIDs. */
export function usesOf(state: DesignState, ground: Ground, space: number, only?: number): number {
  let uses = 0;
  for (const device of ground.devices) {
    if ((only !== undefined && device !== only) || !hasRid(ground, device)) continue;
    if (state.attached.get(device) === space) uses++;
    for (const pasid of ground.pasids) if (state.attachedAt.get(device, pasid) === space) uses++;
  }
  return uses;
}

/** Whether an IOAS has a HWPT: pages are pinned and charged as long as it does (iopt_table_add_domain()). */
export function hasDomain(state: DesignState, ground: Ground, space: number): boolean {
  return usesOf(state, ground, space) > 0 || hasChild(state, space);
}

/** The first HWPT of an IOAS pins what is mapped. */
export function gained(state: DesignState, ground: Ground, space: number): DesignEvent[] {
  if (state.space.get(space) !== 'kernel' || hasDomain(state, ground, space)) return [];
  return mappedPages(state, ground, space).map((page) => ({ type: 'PageCharged', page }));
}

/** With `going` of its uses a space may lose its last HWPT: nothing stays pinned, and its tag is flushed. */
export function lost(state: DesignState, ground: Ground, space: number, going: number): DesignEvent[] {
  if (usesOf(state, ground, space) > going || going === 0) return [];
  const flushed: DesignEvent = { type: 'TranslationsDropped', space, page: undefined };
  if (state.space.get(space) !== 'kernel' || hasChild(state, space)) return [flushed];
  return [flushed, ...uncharged(state, ground, space)];
}

export function uncharged(state: DesignState, ground: Ground, space: number): DesignEvent[] {
  return mappedPages(state, ground, space).map((page) => ({ type: 'PageUncharged', page }));
}

/** Members of the group that are attached without a PASID, the device itself among them. */
export function attachedMates(state: DesignState, ground: Ground, device: number): number[] {
  return matesOf(ground, device).filter((mate) => state.attached.get(mate) !== undefined);
}

/** The space on which the group is, without a PASID or with one. */
export function groupSpace(
  state: DesignState,
  ground: Ground,
  device: number,
  pasid: number | undefined,
): number | undefined {
  for (const mate of matesOf(ground, device)) {
    const space = pasid === undefined ? state.attached.get(mate) : state.attachedAt.get(mate, pasid);
    if (space !== undefined) return space;
  }
  return undefined;
}

/** Requests that came through a slot are answered when it changes hands (iommufd_auto_response_faults()). */
export function answered(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  return matesOf(ground, device)
    .filter((mate) => state.fault.get(mate) !== 'none')
    .map((mate) => ({ type: 'FaultCompleted', device: mate, by: undefined }));
}

/** The table of every member is the guest's from here on, or not any more. */
export function delegated(state: DesignState, ground: Ground, device: number, to: boolean): DesignEvent[] {
  return matesOf(ground, device).flatMap((rid): DesignEvent[] => {
    if (state.delegated.has(rid)) return to ? [] : [{ type: 'TableReclaimed', rid }];
    return to ? [{ type: 'TableDelegated', rid }] : [];
  });
}

/** The device lets go of its default space; the group leaves it with the last of its members. */
function leaveRid(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const stays = boundMates(state, ground, device).some((mate) => state.attached.get(mate) !== undefined);
  const left: DesignEvent = { type: 'Detached', device };
  if (stays) return [left];
  return [
    ...answered(state, ground, device),
    left,
    ...blockGroup(ground, device),
    ...delegated(state, ground, device, false),
  ];
}

export function leaveDefault(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  return hasRid(ground, device) ? leaveRid(state, ground, device) : [{ type: 'Detached', device }];
}

/** The group, or the device as its first member, comes to a space. */
export function enterRid(state: DesignState, ground: Ground, device: number, space: number): DesignEvent[] {
  const moving = attachedMates(state, ground, device);
  const members = moving.includes(device) ? moving : [...moving, device];
  return [
    ...answered(state, ground, device),
    ...members.map((mate): DesignEvent => ({ type: 'Attached', device: mate, space })),
    ...routeGroup(ground, device, space),
    ...matesOf(ground, device).map((rid): DesignEvent => ({ type: 'DeviceCacheDropped', rid })),
    ...delegated(state, ground, device, state.space.get(space) === 'table'),
  ];
}

/** Members of the group that have PASIDs at all; the core programs no other (iommu_attach_device_pasid()). */
export function pasidMates(ground: Ground, device: number): number[] {
  return matesOf(ground, device).filter((mate) => hasPasids(ground, mate));
}

export function leavePasid(state: DesignState, ground: Ground, device: number, pasid: number): DesignEvent[] {
  const stays = boundMates(state, ground, device).some(
    (mate) => state.attachedAt.get(mate, pasid) !== undefined,
  );
  const left: DesignEvent = { type: 'PasidDetached', device, pasid };
  if (stays) return [left];
  return [
    left,
    ...pasidMates(ground, device).map((rid): DesignEvent => ({ type: 'SlotBlocked', rid, pasid })),
  ];
}
