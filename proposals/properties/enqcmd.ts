/** Properties of the CPU's own PASIDs, which ENQCMD puts on the bus: P33, P37 to P39, P47. */
import type { Look, StateProperty } from '../property.ts';
import { traitsOf } from '../setup.ts';
import { everyDevice, isBound, isBoundMdev, isBoundTogether, isWireUnused, someDevice } from './look.ts';

const NO_SUB_DEVICES = {
  arm: 'sub-devices with PASIDs of their own, and ENQCMD, are Intel’s (SIOV)',
  amd: 'sub-devices with PASIDs of their own, and ENQCMD, are Intel’s (SIOV)',
} as const;

export const enqcmdProperties: readonly StateProperty[] = [
  {
    id: 'P33',
    kind: 'state',
    says: 'in one VM a vPASID stands for one pPASID on all mediated devices with ENQCMD, also of different parents',
    source: 'V1 section 4; V2 1.4.2',
    standing: 'asserted',
    outcome: 'no vPASIDs in mainline',
    setups: ['enqcmd', 'enqcmd-parents'],
    needs: [['attach-vpasid']],
    unreached: NO_SUB_DEVICES,
    arises: (look) => somePair(look, (one, other) => look.ground.pasids.some(bothAttached(look, one, other))),
    holds: (look) =>
      !somePair(look, (one, other) =>
        look.ground.pasids
          .filter(bothAttached(look, one, other))
          .some((pasid) => look.state.wire.get(one, pasid) !== look.state.wire.get(other, pasid)),
      ),
  },
  {
    id: 'P37',
    kind: 'state',
    says: 'PASID translation of the CPU is one switch for a VM: devices that need it off are not given to a guest that has it on',
    source: 'V1 4.3; V2 1.4.3',
    standing: 'asserted',
    outcome: 'no virtual ENQCMD in mainline',
    setups: ['portal'],
    needs: [['enable-translation'], ['open-portal']],
    unreached: NO_SUB_DEVICES,
    arises: (look) =>
      someDevice(look, (device) => isBoundEnqcmd(look, device, 'pdev')) &&
      someDevice(look, (device) => isBoundEnqcmd(look, device, 'mdev')),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          !look.state.portal.has(device) ||
          !isBoundEnqcmd(look, device, 'pdev') ||
          !look.state.translation.get(),
      ),
  },
  {
    id: 'P38',
    kind: 'state',
    says: 'the portal of a mediated device with ENQCMD is out of the guest’s reach until KVM confirms translation',
    source: 'V2 1.4.2',
    standing: 'asserted',
    outcome: 'no virtual ENQCMD in mainline',
    setups: ['portal'],
    needs: [['enable-translation'], ['open-portal']],
    unreached: NO_SUB_DEVICES,
    arises: (look) =>
      !look.state.translation.get() && someDevice(look, (device) => isBoundEnqcmd(look, device, 'mdev')),
    holds: (look) =>
      look.state.translation.get() ||
      everyDevice(
        look,
        (device) =>
          !isBoundEnqcmd(look, device, 'mdev') ||
          !(look.state.portal.has(device) || look.accepts('open-portal', { device })),
      ),
  },
  {
    id: 'P39',
    kind: 'state',
    says: 'KVM maps a vPASID only to the pPASID of an address space that the caller can name; no pPASID comes from the user',
    source: 'V1; V1T 28 May and 3 Jun 2021',
    standing: 'asserted',
    outcome: 'no such command in mainline',
    setups: ['cpu'],
    needs: [['cpu-map']],
    unreached: NO_SUB_DEVICES,
    arises: (look) =>
      look.ground.spaces.some((space) => look.state.space.get(space) !== 'free' && !hasNumber(look, space)),
    holds: (look) =>
      !look.mentions('cpu-map').includes('ppasid') &&
      look.ground.spaces.every(
        (space) =>
          hasNumber(look, space) ||
          !look.ground.pasids.some((pasid) =>
            someDevice(look, (device) => look.accepts('cpu-map', { pasid, space, device })),
          ),
      ),
  },
  {
    id: 'P47',
    kind: 'state',
    says: 'a PASID that was given back is not given out again while KVM, a device or the IOMMU may still emit it',
    source: 'SET <20210331173148.GN1463678@...>, <20210331145056.760478ca@...>',
    standing: 'asserted',
    outcome: 'no virtual ENQCMD in mainline',
    setups: ['cpu'],
    needs: [['cpu-map']],
    unreached: NO_SUB_DEVICES,
    arises: (look) => look.ground.pasids.some((wire) => isStale(look, wire)),
    holds: (look) =>
      !look.state.misdelivered.get() &&
      !look.ground.pasids.some((wire) => isStale(look, wire) && isGivenOut(look, wire)),
  },
];

function isBoundEnqcmd(look: Look, device: number, kind: 'pdev' | 'mdev'): boolean {
  const traits = traitsOf(look.ground, device);
  return isBound(look, device) && traits.kind === kind && traits.enqcmd;
}

/** Some two mediated devices with ENQCMD in one guest. */
function somePair(look: Look, holds: (one: number, other: number) => boolean): boolean {
  return someDevice(look, (one) =>
    someDevice(
      look,
      (other) =>
        one < other &&
        isBoundEnqcmd(look, one, 'mdev') &&
        isBoundEnqcmd(look, other, 'mdev') &&
        isBoundTogether(look, one, other) &&
        holds(one, other),
    ),
  );
}

function bothAttached({ state }: Look, one: number, other: number): (pasid: number) => boolean {
  return (pasid) =>
    state.attachedAt.get(one, pasid) !== undefined && state.attachedAt.get(other, pasid) !== undefined;
}

/** Whether a space is attached with a PASID, so that there is a pPASID to look up. */
function hasNumber({ state, ground }: Look, space: number): boolean {
  return ground.devices.some((device) =>
    ground.pasids.some((pasid) => state.attachedAt.get(device, pasid) === space),
  );
}

/** Nobody's number, but the CPU may still send it, or has sent it. */
function isStale(look: Look, wire: number): boolean {
  const { state } = look;
  return (
    !state.allocated.has(wire) &&
    isWireUnused(look, wire) &&
    (state.inFlight.has(wire) || state.cpuMap.includes(wire) || state.parked.has(wire))
  );
}

function isGivenOut(look: Look, wire: number): boolean {
  const { ground } = look;
  if (look.accepts('alloc-pasid', { wire }) || look.accepts('alloc-global-pasid', { wire })) return true;
  return ground.devices.some(
    (device) =>
      isBoundMdev(look, device) &&
      ground.spaces.some((space) =>
        ground.pasids.some((pasid) => look.accepts('attach-vpasid', { device, space, pasid, wire })),
      ),
  );
}
