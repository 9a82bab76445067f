/** One entry of the IOMMU: what a HWPT makes of it, and writing it. */
import { BLOCKED, type Entry, type Hardware, isTranslating, type RidState } from '../machines/hardware.ts';
import { type Hwpt, objectAt, pagingOf } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import { follow, requiredByEntry } from './hardware-caches.ts';
import { domainIdFor, releaseDomainId } from './hardware-domain-ids.ts';

/** The devices of a group that are known, in its order. */
export function ridsOfGroup(hardware: Hardware, groupKey: string): RidState[] {
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
export function program(hardware: Hardware, state: RidState, pasid: number, to: Entry): void {
  const from = state.entries.get(pasid) ?? BLOCKED;
  if (pasid === 0) state.leftBlocked = false;
  if (sameEntry(from, to)) return;
  if (pasid !== 0 && to.kind === 'blocked') state.entries.delete(pasid);
  else state.entries.set(pasid, to);
  const { rid, traits } = state;
  const { instance } = traits;
  const required = requiredByEntry({ instance, rid, pasid }, from);
  follow(hardware, { kind: 'entry', rid, pasid, instance, from, to, required });
  releaseDomainId(hardware, instance, from);
}

/** Which devices of a group have an entry for this PASID at all. */
export function takesPasid(state: RidState, pasid: number): boolean {
  return !state.traits.noIommu && (pasid === 0 || state.traits.maxPasids > 0);
}

/** The entry for a HWPT behind one IOMMU instance; takes a domain id for each entry. */
export function entryFor(world: World, context: Context, instance: string, hwptId: number): Entry {
  const hwpt = objectAt(context, hwptId) as Hwpt;
  const paging = pagingOf(context, hwpt);
  const domainId = domainIdFor(world.hardware, instance, context.id, hwptId);
  if (hwpt.kind === 'hwpt-paging') {
    return {
      kind: 'paging',
      context: context.id,
      hwptId,
      ioasId: paging.ioasId,
      domainId,
      faultId: hwpt.faultId,
      dirty: paging.dirtyTracking,
    };
  }
  return {
    kind: 'nested',
    context: context.id,
    hwptId,
    ioasId: paging.ioasId,
    domainId,
    faultId: hwpt.faultId,
    dirty: paging.dirtyTracking,
    parentId: paging.id,
    parentDomainId: domainIdFor(world.hardware, instance, context.id, paging.id),
    viommuId: hwpt.viommuId,
  };
}
