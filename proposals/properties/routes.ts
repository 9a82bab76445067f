/** Properties of routes, ids and lifetimes: P01, P48, P49, P59. */
import type { Look, PropertySpec } from '../property.ts';
import { traitsOf } from '../setup.ts';
import {
  everyDevice,
  everySpace,
  isBound,
  isBoundTo,
  isLiveSpace,
  isReferenced,
  someDevice,
  someSpace,
  usesWire,
} from './look.ts';

export const routeProperties: readonly PropertySpec[] = [
  {
    id: 'P01',
    kind: 'state',
    says: 'a slot, (RID) or (RID, PASID), leads to at most one address space and belongs to at most one device object',
    source: 'V2T <20210715175336.GH543781@...>',
    standing: 'asserted',
    outcome: 'holds: EBUSY in the core for a slot that is used',
    setups: ['routes', 'pasids', 'mediated', 'enqcmd'],
    needs: [['attach', 'attach-pasid', 'attach-vpasid']],
    arises: (look) => someDevice(look, (device) => hasSlot(look, device)),
    holds: (look) =>
      everyDevice(look, (one) => everyDevice(look, (other) => one >= other || !shareSlot(look, one, other))),
  },
  {
    id: 'P48',
    kind: 'state',
    says: 'a space cannot be destroyed while a device or a child refers to it',
    source: 'R20-11',
    standing: 'asserted',
    outcome: 'holds: EBUSY',
    setups: ['routes', 'pasids', 'nesting'],
    needs: [['destroy']],
    arises: (look) => someSpace(look, (space) => isReferenced(look, space)),
    holds: (look) =>
      everySpace(look, (space) => !isReferenced(look, space) || !look.accepts('destroy', { space })),
  },
  {
    id: 'P49',
    kind: 'state',
    says: 'closing the iommu descriptor neither unblocks an attached device nor leaves it without its owner',
    source: 'R20-07',
    standing: 'asserted',
    outcome: 'holds: the file lives until the device descriptors are closed',
    setups: ['routes'],
    needs: [['close-context']],
    arises: (look) =>
      someDevice(look, (device) => {
        const context = look.state.boundTo.get(device);
        return context !== undefined && look.state.contextGone.has(context);
      }),
    holds: (look) =>
      everyDevice(look, (device) => {
        const context = look.state.boundTo.get(device);
        if (context === undefined) return true;
        const owned = look.state.contextOpen.has(context) || look.state.contextGone.has(context);
        const attached = look.state.attached.get(device) !== undefined;
        return owned && !(attached && look.state.onDefault.has(device));
      }),
  },
  {
    id: 'P59',
    kind: 'state',
    says: 'ids are local to a descriptor: an id of one never means anything in another',
    source: 'V1; V1T after S3',
    standing: 'asserted',
    outcome: 'holds',
    setups: ['routes'],
    needs: [['attach']],
    arises: (look) =>
      someDevice(look, (device) => someSpace(look, (space) => isForeign(look, device, space))),
    holds: (look) =>
      everyDevice(look, (device) =>
        everySpace(
          look,
          (space) => !isForeign(look, device, space) || !look.accepts('attach', { device, space }),
        ),
      ),
  },
];

function isForeign(look: Look, device: number, space: number): boolean {
  return (
    isBound(look, device) && isLiveSpace(look, space) && !isBoundTo(look, device, look.state.home.get(space))
  );
}

function hasSlot({ state, ground }: Look, device: number): boolean {
  return (
    state.attached.get(device) !== undefined ||
    ground.pasids.some((pasid) => state.wire.get(device, pasid) !== undefined)
  );
}

/** Both say that the same (RID, PASID) is theirs; members of a group share their domain, not their slot. */
function shareSlot(look: Look, one: number, other: number): boolean {
  if (traitsOf(look.ground, one).rid !== traitsOf(look.ground, other).rid) return false;
  return look.ground.pasids.some((wire) => usesWire(look, one, wire) && usesWire(look, other, wire));
}
