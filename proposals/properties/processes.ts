/** Properties of what a VMM owes, of processes and their number, and of migration: P29 to P32, P41. */
import type { Look, PropertySpec, ShapeJudgement } from '../property.ts';
import type { Proposal } from '../proposal.ts';
import { traitsOf } from '../setup.ts';
import { everyDevice, isBound, isKernelManaged, someDevice, someSpace } from './look.ts';

/** A VMM shows the groups, no command does: all that a proposal can do is to tell of them. */
function judgeGroups({ commands }: Proposal): ShapeJudgement {
  const telling = commands.find(({ mentions }) => mentions?.includes('group'));
  const shown = 'which groups a guest sees is the choice of its VMM';
  const told = telling === undefined ? 'no command tells of groups' : `${telling.name} tells of groups`;
  return { verdict: 'not-expressible', why: `${shown}; ${told}` };
}

export const processProperties: readonly PropertySpec[] = [
  {
    id: 'P29',
    kind: 'shape',
    says: 'the groups that a guest sees are those of the host, or coarser',
    source: 'V1T David Gibson, 24 Jun 2021',
    standing: 'asserted',
    outcome: 'a duty of the VMM; the uAPI has no groups',
    judge: judgeGroups,
  },
  {
    id: 'P30',
    kind: 'state',
    says: 'the PASID in the MSR of a process is valid on every device that it binds, and on those that it binds later',
    source: 'SET Ashok Raj, 5 and 7 May 2021',
    standing: 'asserted',
    outcome: 'holds: one number for each process, from one allocator of the whole kernel',
    setups: ['processes'],
    needs: [['bind-process']],
    arises: (look) => someDevice(look, (device) => look.state.process.has(device)),
    holds: (look) => {
      const wire = look.state.msr.get();
      if (wire === undefined || !someDevice(look, (device) => look.state.process.has(device))) return true;
      return everyDevice(look, (device) =>
        look.state.process.has(device)
          ? look.state.sva.get(device) === wire
          : !canBeBound(look, device) || look.accepts('bind-process', { device, wire }),
      );
    },
  },
  {
    id: 'P31',
    kind: 'state',
    says: 'a number that is used on more than one device was asked for as valid on all',
    source: 'SET <20210507182050.GX1370958@nvidia.com>',
    standing: 'asserted',
    outcome:
      'holds for processes: their number is from the allocator of all devices; user space cannot ask for one',
    setups: ['processes'],
    needs: [['bind-process']],
    arises: (look) => look.ground.devices.filter((device) => look.state.process.has(device)).length > 1,
    holds: (look) => {
      const bound = look.ground.devices.filter((device) => look.state.process.has(device));
      return bound.length < 2 || bound.every((device) => isGlobal(look, look.state.sva.get(device)));
    },
  },
  {
    id: 'P32',
    kind: 'state',
    says: 'a number that is valid everywhere grants nothing: a device reaches the page table only where it was bound',
    source: 'SET Ashok Raj, 7 May 2021; V1T 28 May 2021',
    standing: 'asserted',
    outcome: 'holds: each RID has a PASID table of its own',
    setups: ['processes'],
    needs: [['bind-process']],
    arises: (look) =>
      look.state.global.size() > 0 && someDevice(look, (device) => !look.state.process.has(device)),
    holds: (look) =>
      everyDevice(look, (device) =>
        look.ground.pasids.every(
          (wire) => !isGlobal(look, wire) || !hasEntry(look, device, wire) || isUser(look, device, wire),
        ),
      ),
  },
  {
    id: 'P41',
    kind: 'state',
    says: 'a guest that moved finds the numbers that it uses free, whatever others use on the new host',
    source: 'V2 1.4; SET <20210510123729.GA1002214@nvidia.com>',
    standing: 'asserted',
    outcome: 'holds: the numbers of a RID are its user’s alone',
    setups: ['migration'],
    needs: [['attach-pasid', 'attach-vpasid']],
    arises: (look) => look.state.taken.size() > 0 && someOffer(look, () => true),
    holds: (look) =>
      look.state.taken.size() === 0 ||
      !someOffer(look, (device, space) =>
        look.ground.pasids.some(
          (pasid) => isFree(look, device, pasid) && !canAttach(look, device, space, pasid),
        ),
      ),
  },
];

/** It has PASIDs and takes page faults, and no user has it. */
function canBeBound(look: Look, device: number): boolean {
  const { pasid, iommuPasid, pri } = traitsOf(look.ground, device);
  return pasid && iommuPasid && pri && !isBound(look, device);
}

function isGlobal({ state }: Look, wire: number | undefined): boolean {
  return wire !== undefined && state.global.has(wire);
}

/** Something is in the PASID table of this RID at the number. */
function hasEntry({ state }: Look, rid: number, wire: number): boolean {
  return state.sva.get(rid) === wire || state.pasidRoute.get(rid, wire) !== undefined;
}

function isUser({ state, ground }: Look, device: number, wire: number): boolean {
  if (state.process.has(device) && state.sva.get(device) === wire) return true;
  return ground.pasids.some((pasid) => state.wire.get(device, pasid) === wire);
}

/** A device, and a space that would take any free number of it. */
function someOffer(look: Look, holds: (device: number, space: number) => boolean): boolean {
  return someDevice(
    look,
    (device) =>
      isBound(look, device) &&
      someSpace(
        look,
        (space) =>
          isKernelManaged(look, space) &&
          !look.state.untagged.has(space) &&
          look.ground.pasids.some(
            (pasid) =>
              isFree(look, device, pasid) &&
              !look.state.taken.has(pasid) &&
              canAttach(look, device, space, pasid),
          ) &&
          holds(device, space),
      ),
  );
}

/** A number that neither the guest nor its host-wide ones use. */
function isFree({ state }: Look, device: number, pasid: number): boolean {
  return state.attachedAt.get(device, pasid) === undefined && !state.allocated.has(pasid);
}

function canAttach(look: Look, device: number, space: number, pasid: number): boolean {
  return (
    look.accepts('attach-pasid', { device, space, pasid }) ||
    look.ground.pasids.some((wire) => look.accepts('attach-vpasid', { device, space, pasid, wire }))
  );
}
