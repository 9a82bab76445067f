/** Properties of devices that share a RID, or have none in the IOMMU: P34, P36, P60. */
import type { Look, StateProperty } from '../property.ts';
import { siblingsOf, traitsOf } from '../setup.ts';
import {
  everyDevice,
  isAttachedAnywhere,
  isBoundMdev,
  isBoundTogether,
  isFreeHere,
  someDevice,
  usesWire,
} from './look.ts';

const NO_SUB_DEVICES = {
  arm: 'sub-devices with PASIDs of their own are Intel’s (SIOV)',
  amd: 'sub-devices with PASIDs of their own are Intel’s (SIOV)',
} as const;

export const mediatedProperties: readonly StateProperty[] = [
  {
    id: 'P34',
    kind: 'state',
    says: 'without ENQCMD each RID has its own map from vPASIDs to pPASIDs: what another RID uses does not matter',
    source: 'V1 section 4; V2 1.4.1',
    standing: 'asserted',
    outcome: 'no vPASIDs in mainline; PASID tables are per RID',
    setups: ['parents'],
    needs: [['attach-vpasid']],
    unreached: NO_SUB_DEVICES,
    arises: (look) => someChoice(look, () => true),
    holds: (look) =>
      !someChoice(look, (device, space, pasid, wire) => {
        return !look.accepts('attach-vpasid', { device, space, pasid, wire });
      }),
  },
  {
    id: 'P36',
    kind: 'state',
    says: 'siblings share no pPASID, unless both have ENQCMD and it stands for vPASIDs of one VM',
    source: 'V2 1.4.1, 1.4.2',
    standing: 'asserted',
    outcome: 'no mediated devices with PASIDs in mainline',
    setups: ['mediated', 'enqcmd'],
    needs: [['attach-vpasid']],
    unreached: NO_SUB_DEVICES,
    arises: (look) =>
      someDevice(
        look,
        (device) =>
          hasWire(look, device) && siblingsOf(look.ground, device).some((one) => hasWire(look, one)),
      ),
    holds: (look) =>
      everyDevice(look, (device) =>
        siblingsOf(look.ground, device).every((other) =>
          look.ground.pasids.every(
            (wire) =>
              !usesWire(look, device, wire) ||
              !usesWire(look, other, wire) ||
              isShared(look, device, other, wire),
          ),
        ),
      ),
  },
  {
    id: 'P60',
    kind: 'state',
    says: 'attaching a device that only software isolates leaves the IOMMU, and the routes of its parent, as they are',
    source: 'V2 1.2; V2T Jason, 13 Jul 2021',
    standing: 'asserted',
    outcome: 'holds: iommufd_access',
    setups: ['software'],
    needs: [['attach']],
    arises: (look) =>
      someDevice(look, (device) => isSoftware(look, device) && isAttachedAnywhere(look, device)),
    holds: (look) => everyDevice(look, (device) => !isSoftware(look, device) || leavesIommu(look, device)),
  },
];

/** A mediated device without ENQCMD, a vPASID of it that is free, and a number that is free on its RID, though not on another's. */
function someChoice(
  look: Look,
  holds: (device: number, space: number, pasid: number, wire: number) => boolean,
): boolean {
  const { state, ground } = look;
  const ours = (device: number): boolean => isBoundMdev(look, device) && !traitsOf(ground, device).enqcmd;
  return someDevice(look, (device) =>
    someDevice(look, (other) => {
      const foreign = traitsOf(ground, other).rid !== traitsOf(ground, device).rid;
      if (!foreign || !ours(device) || !ours(other) || !isBoundTogether(look, device, other)) return false;
      return ground.pasids.some((pasid) => {
        const space = state.attachedAt.get(other, pasid);
        if (space === undefined || state.attachedAt.get(device, pasid) !== undefined) return false;
        return ground.pasids.some(
          (wire) => isFreeHere(look, device, wire) && holds(device, space, pasid, wire),
        );
      });
    }),
  );
}

function hasWire(look: Look, device: number): boolean {
  return isBoundMdev(look, device) && look.ground.pasids.some((wire) => usesWire(look, device, wire));
}

/** Two siblings of one guest reach spaces with it, and the CPU sends it. */
function isShared({ state, ground }: Look, one: number, other: number, wire: number): boolean {
  return [one, other].every(
    (device) =>
      traitsOf(ground, device).enqcmd &&
      state.boundTo.get(device) === state.boundTo.get(one) &&
      state.defPasid.get(device) !== wire,
  );
}

function isSoftware(look: Look, device: number): boolean {
  return traitsOf(look.ground, device).kind === 'swmdev';
}

/** Neither the parent's slots nor any of its own changed. */
function leavesIommu({ state, ground }: Look, device: number): boolean {
  const { rid } = traitsOf(ground, device);
  return (
    state.onDefault.has(rid) &&
    !state.delegated.has(rid) &&
    [rid, device].every(
      (one) =>
        state.route.get(one) === undefined &&
        ground.pasids.every((wire) => state.pasidRoute.get(one, wire) === undefined),
    )
  );
}
