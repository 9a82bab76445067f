/** Properties of PASIDs and of who owns their numbers and their table: P35, P40, P42 to P46. */
import { dmaOutcome } from '../design-hardware.ts';
import type { Look, PropertySpec } from '../property.ts';
import type { Proposal } from '../proposal.ts';
import { traitsOf } from '../setup.ts';
import type { Verb } from '../verb.ts';
import {
  everyDevice,
  hasPasids,
  isAttachedAnywhere,
  isBoundPdev,
  isBoundTogether,
  isFreeHere,
  someDevice,
  someSpace,
  usesWire,
} from './look.ts';

const TABLE_OF_GUEST = 'the PASID table is in guest memory, and the guest writes it';

export const pasidProperties: readonly PropertySpec[] = [
  {
    id: 'P35',
    kind: 'state',
    says: 'on a device with a RID of its own the number of the guest is the one on the bus',
    source: 'V1 4; V2 1.4.1',
    standing: 'asserted',
    outcome: 'holds: the PASID of the user is used as it is',
    setups: ['pasids'],
    needs: [['attach-pasid', 'alloc-table', 'bind-pasid-table']],
    arises: (look) =>
      someDevice(look, (device) => isBoundPdev(look, device) && hasEnabledPasid(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => !isBoundPdev(look, device) || numbersAreKept(look, device)),
  },
  {
    id: 'P40',
    kind: 'shape',
    says: 'pPASIDs are never visible to the user (V2); Jason: whoever programs a PCI device must know the number',
    source: 'V2 1.2; S0 thread',
    standing: 'questioned',
    outcome: 'the user supplies the number that is on the bus',
    judge: (proposal) => {
      const [seen] = mentioning(proposal, 'ppasid');
      if (seen !== undefined) return { verdict: 'violated', why: `${seen} has the number on the bus` };
      return mentioning(proposal, 'vpasid').length > 0
        ? { verdict: 'holds', why: 'no command has a number of the bus' }
        : { verdict: 'not-expressible', why: 'it has no PASIDs' };
    },
  },
  {
    id: 'P42',
    kind: 'state',
    says: 'on Intel every PASID is enabled by a call to the kernel: the PASID table is in host memory',
    source: 'S0',
    standing: 'asserted',
    outcome: 'holds',
    setups: ['pasids'],
    needs: [['attach-pasid', 'alloc-table', 'bind-pasid-table']],
    unreached: { arm: TABLE_OF_GUEST, amd: TABLE_OF_GUEST },
    arises: (look) =>
      look.ground.platform === 'intel' &&
      someDevice(look, (device) => isBoundPdev(look, device) && hasEnabledPasid(look, device)),
    holds: (look) =>
      look.ground.platform !== 'intel' ||
      everyDevice(look, (device) => !isBoundPdev(look, device) || isEnabledByCalls(look, device)),
  },
  {
    id: 'P43',
    kind: 'state',
    says: 'on Arm and AMD no call for each PASID is needed, or taken, once the PASID table of the guest is bound',
    source: 'S0; V2 4.5',
    standing: 'asserted',
    outcome: 'holds: the STE or DTE of the guest names the table',
    setups: ['pasids'],
    needs: [['alloc-table', 'bind-pasid-table']],
    unreached: { intel: 'the PASID table is in host memory: no guest can be given it' },
    arises: (look) => someDevice(look, (device) => hasGuestTable(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => !hasGuestTable(look, device) || isEnabledByGuest(look, device)),
  },
  {
    id: 'P44',
    kind: 'state',
    says: 'a kernel-managed space can be attached with a PASID on every IOMMU that has PASIDs, without a table of the user',
    source: 'S0 thread <20210923133037.GP964074@...>',
    standing: 'questioned',
    outcome: 'holds: ATTACH_PASID takes any paging HWPT that may be used with PASIDs',
    setups: ['pasids'],
    needs: [['attach-pasid']],
    arises: (look) => someDevice(look, (device) => someSpace(look, canTake(look, device))),
    holds: (look) =>
      everyDevice(look, (device) =>
        look.ground.spaces
          .filter(canTake(look, device))
          .every((space) =>
            look.ground.pasids.every((pasid) => look.accepts('attach-pasid', { device, space, pasid })),
          ),
      ),
  },
  {
    id: 'P45',
    kind: 'state',
    says: 'the vPASID belongs to the attach, not to the space: one space may have different ones on different devices',
    source: 'V1T Kevin, 1 Jun 2021',
    standing: 'asserted',
    outcome: 'holds',
    setups: ['pasids', 'mediated', 'parents'],
    needs: [['attach-pasid', 'attach-vpasid']],
    arises: (look) => someRepeat(look, () => true),
    holds: (look) =>
      !someRepeat(look, (device, space, pasid) => {
        const plain = look.accepts('attach-pasid', { device, space, pasid });
        return (
          !plain &&
          !look.ground.pasids.some((wire) => look.accepts('attach-vpasid', { device, space, pasid, wire }))
        );
      }),
  },
  {
    id: 'P46',
    kind: 'shape',
    says: 'the iommu descriptor needs pPASIDs only: a vPASID is told to the driver of the device, which mediates',
    source: 'S2',
    standing: 'asserted',
    outcome: 'attach is an ioctl of the device; there are no vPASIDs',
    judge: (proposal) => {
      const told = proposal.commands.filter(({ mentions }) => mentions?.includes('vpasid') ?? false);
      // Whoever has the guest's PASID table speaks of its entries when they change.
      const wrong = told.find(({ on, verb }) => on === 'iommu' && !INVALIDATING.includes(verb));
      if (wrong !== undefined) return { verdict: 'violated', why: `${wrong.name} tells the iommu a vPASID` };
      return told.some(({ on }) => on === 'device')
        ? { verdict: 'holds', why: 'vPASIDs are told to the device, and to the CPU' }
        : { verdict: 'not-expressible', why: 'it has no vPASIDs' };
    },
  },
];

const INVALIDATING: readonly Verb[] = ['invalidate', 'invalidate-device'];

function mentioning(proposal: Proposal, number: 'vpasid' | 'ppasid'): string[] {
  return proposal.commands.filter(({ mentions }) => mentions?.includes(number)).map(({ name }) => name);
}

/** A pdev reaches a space with a PASID, by a call or by the guest's own table. */
function hasEnabledPasid({ state, ground }: Look, device: number): boolean {
  return ground.pasids.some(
    (pasid) => state.attachedAt.get(device, pasid) !== undefined || state.guestEntry.has(device, pasid),
  );
}

/** Where a number on the bus leads is what the guest attached with this number. */
function numbersAreKept({ state, ground }: Look, device: number): boolean {
  return ground.pasids.every((pasid) => {
    const kept = [undefined, pasid].includes(state.wire.get(device, pasid));
    const routed = state.pasidRoute.get(device, pasid);
    return kept && (routed === undefined || routed === state.attachedAt.get(device, pasid));
  });
}

/** What a RID reaches with a PASID was said by a call, and the guest can add nothing. */
function isEnabledByCalls(look: Look, device: number): boolean {
  const { state, ground } = look;
  return ground.pasids.every((pasid) => {
    if (state.guestEntry.has(device, pasid) || look.accepts('guest-enables-pasid', { device, pasid }))
      return false;
    return state.pasidRoute.get(device, pasid) === undefined || usesWire(look, device, pasid);
  });
}

function hasGuestTable(look: Look, device: number): boolean {
  return isBoundPdev(look, device) && look.state.delegated.has(device);
}

/** Every PASID works as soon as the guest has written its entry, and no call speaks of one. */
function isEnabledByGuest(look: Look, device: number): boolean {
  const { state, ground } = look;
  return ground.pasids.every((pasid) => {
    const works = state.guestEntry.has(device, pasid)
      ? dmaOutcome(state, device, pasid, 0).reaches === 'memory'
      : look.accepts('guest-enables-pasid', { device, pasid });
    return works && !someSpace(look, (space) => look.accepts('attach-pasid', { device, space, pasid }));
  });
}

/** A device that is bound and has no address space yet, and a space of its context that no user's table is in. */
function canTake(look: Look, device: number): (space: number) => boolean {
  const { state } = look;
  const ready = isBoundPdev(look, device) && hasPasids(look, device) && !isAttachedAnywhere(look, device);
  return (space) => {
    const kind = state.space.get(space);
    const plain = kind === 'kernel' || kind === 'empty' || kind === 'inert';
    const ours = state.parent.get(space) === undefined && state.home.get(space) === state.boundTo.get(device);
    return ready && plain && ours;
  };
}

/** A device with a RID of its own needs no other number than the guest's; a mediated one needs one that is free. */
function hasNumberLeft(look: Look, device: number): boolean {
  return (
    traitsOf(look.ground, device).kind === 'pdev' ||
    look.ground.pasids.some((wire) => isFreeHere(look, device, wire))
  );
}

/** A space that one device reaches with a PASID, another device that has none yet, and another number. */
function someRepeat(look: Look, holds: (device: number, space: number, pasid: number) => boolean): boolean {
  const { state, ground } = look;
  return someDevice(look, (one) =>
    ground.pasids.some((taken) => {
      const space = state.attachedAt.get(one, taken);
      // A child may ask for its parent to be attached first.
      if (space === undefined || state.parent.get(space) !== undefined) return false;
      return someDevice(
        look,
        (device) =>
          isBoundTogether(look, one, device) &&
          hasPasids(look, device) &&
          !isAttachedAnywhere(look, device) &&
          hasNumberLeft(look, device) &&
          ground.pasids.some((pasid) => pasid !== taken && holds(device, space, pasid)),
      );
    }),
  );
}
