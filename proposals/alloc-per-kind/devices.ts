/** Commands on devices: whole groups are blocked at the first bind, as the plan of 28 June 2021 has it. */
import { hasPasids, isTooNarrow, reaches } from '../attachments.ts';
import { closeContext, endContexts } from '../contexts.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { fitsPasid, type Ground, matesOf, traitsOf } from '../setup.ts';
import { blockGroup, boundMates, CRASH, isViable, probeDriver, releaseGroup, routeGroup } from '../slots.ts';
import { isLegal } from './matrix.ts';
import * as rules from './rules.ts';
import { freeEvents } from './spaces.ts';

const PLAN = 'PLAN Kevin Tian, 28 Jun 2021';

/** Page faults of what lies below are faults of the space too. */
function takesDevice(
  state: DesignState,
  operation: 'attach' | 'attach-pasid',
  space: number,
  pri: boolean,
): boolean {
  if (!isLegal(operation, state.space.get(space), pri)) return false;
  const parent = state.parent.get(space);
  return parent === undefined || takesDevice(state, 'attach', parent, pri);
}

export function whyNotReach(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
  operation: 'attach' | 'attach-pasid',
): Refusal | undefined {
  if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
  if (state.space.get(space) === 'free' || state.home.get(space) !== state.boundTo.get(device))
    return rules.NO_IOASID;
  const { pri } = traitsOf(ground, device);
  if (!takesDevice(state, operation, space, true)) return rules.NOT_LEGAL;
  if (!takesDevice(state, operation, space, pri)) return rules.NEEDS_PRI;
  return isTooNarrow(state, ground, device, space) ? rules.INCOMPATIBLE : undefined;
}

/** The first attach moves the whole group; a child takes the route over from its parent, which stays attached by reference. */
function attachEvents(state: DesignState, ground: Ground, device: number, space: number): DesignEvent[] {
  const below = state.attached.get(device);
  return [
    { type: 'Attached', device, space },
    ...(below === undefined ? [] : [{ type: 'AttachedUnder', device, space: below } as const]),
    ...moved(ground, device, space),
  ];
}

function moved(ground: Ground, device: number, space: number): DesignEvent[] {
  return [
    ...routeGroup(ground, device, space),
    ...matesOf(ground, device).map((rid): DesignEvent => ({ type: 'DeviceCacheDropped', rid })),
  ];
}

/** Back to what is below, or, with the last member, to nothing. */
function detachEvents(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const below = ground.spaces.find((space) => state.under.has(device, space));
  if (below !== undefined)
    return [
      { type: 'Detached', device },
      { type: 'Attached', device, space: below },
      ...moved(ground, device, below),
    ];
  const last = !boundMates(state, ground, device).some((mate) => state.attached.get(mate) !== undefined);
  return [{ type: 'Detached', device }, ...(last ? blockGroup(ground, device) : [])];
}

/** With everything that it was attached to, whatever is below. */
function leaveAll(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const { rid } = traitsOf(ground, device);
  const pasids = ground.pasids.filter((pasid) => state.attachedAt.get(device, pasid) !== undefined);
  const isOther = boundMates(state, ground, device).some((mate) => state.attached.get(mate) !== undefined);
  const detached: DesignEvent[] =
    state.attached.get(device) === undefined ? [] : [{ type: 'Detached', device }];
  return [
    ...pasids.flatMap((pasid): DesignEvent[] => [
      { type: 'PasidDetached', device, pasid },
      { type: 'SlotBlocked', rid, pasid },
    ]),
    ...detached,
    ...(detached.length > 0 && !isOther ? blockGroup(ground, device) : []),
  ];
}

/** The last member of a group gives it back to the host, and the last device ends a context without a descriptor. */
function left(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  if (state.boundTo.get(device) === undefined) return [];
  return [
    ...(boundMates(state, ground, device).length === 0 ? releaseGroup(ground, device) : []),
    ...endContexts(state, ground, device, (space) => freeEvents(state, ground, space)),
  ];
}

export const DEVICE_COMMANDS: readonly DesignCommand[] = [
  command('close-context', {
    name: 'close ioasid',
    on: 'iommu',
    source: 'V1 section 3 [D]: a bound device holds the descriptor',
    decide: (state, { context }, ground) => {
      if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
      return closeContext(state, ground, context, (space) => freeEvents(state, ground, space));
    },
  }),
  command('bind', {
    name: 'VFIO_BIND_IOASID_FD',
    on: 'device',
    source: PLAN,
    decide: (state, { device, context }, ground) => {
      if (state.device.get(device) === 'bound') return rules.ALREADY_BOUND;
      if (state.device.get(device) !== 'open') return rules.NOT_OPEN;
      if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
      if (traitsOf(ground, device).kind !== 'pdev') return rules.MEDIATED;
      const mates = boundMates(state, ground, device);
      if (mates.some((mate) => state.boundTo.get(mate) !== context)) return rules.OTHER_OWNER;
      if (!isViable(state, ground, device)) return rules.NOT_VIABLE;
      return [
        { type: 'DeviceBound', device, context },
        ...(mates.length === 0 ? blockGroup(ground, device) : []),
      ];
    },
  }),
  command('unbind', {
    name: 'VFIO_UNBIND_IOASID_FD',
    on: 'device',
    source: `${PLAN}: one member may leave, the group stays blocked until the last`,
    decide: (state, { device }, ground) => {
      if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
      if (ground.spaces.some((space) => reaches(state, ground, device, space))) return rules.STILL_ATTACHED;
      return [{ type: 'DeviceUnbound', device }, ...left(state, ground, device)];
    },
  }),
  command('touch', {
    name: 'read or mmap of the device',
    on: 'device',
    source: PLAN,
    decide: (state, { device }) => (state.device.get(device) === 'bound' ? [] : rules.NOT_BOUND),
  }),
  command('close-device', {
    name: 'close device',
    on: 'device',
    source: PLAN,
    decide: (state, { device }, ground) =>
      state.device.get(device) === 'closed'
        ? rules.NOT_OPEN
        : [
            ...leaveAll(state, ground, device),
            { type: 'DeviceClosed', device },
            ...left(state, ground, device),
          ],
  }),
  command('attach', {
    name: 'VFIO_ATTACH_IOASID',
    on: 'device',
    source: 'S3; PLAN: the first attach of a group moves all of it',
    decide: (state, { device, space }, ground) => {
      const refused = whyNotReach(state, ground, device, space, 'attach');
      if (refused !== undefined) return refused;
      const elsewhere = boundMates(state, ground, device).some((mate) => {
        const other = state.attached.get(mate);
        return other !== undefined && other !== space;
      });
      if (elsewhere) return rules.MATE_ELSEWHERE;
      const current = state.attached.get(device);
      if (current !== undefined && current !== state.parent.get(space)) return rules.SLOT_TAKEN;
      return attachEvents(state, ground, device, space);
    },
  }),
  command('detach', {
    name: 'VFIO_DETACH_IOASID',
    on: 'device',
    source: PLAN,
    decide: (state, { device }, ground) =>
      state.attached.get(device) === undefined ? rules.NOT_ATTACHED : detachEvents(state, ground, device),
  }),
  command('attach-pasid', {
    name: 'VFIO_ATTACH_IOASID with IOASID_ATTACH_USER_PASID',
    on: 'device',
    source: 'V1 5.5; S0 thread: any kind, on every IOMMU that has PASIDs',
    mentions: ['vpasid'],
    decide: (state, { device, space, pasid }, ground) => {
      const refused = whyNotReach(state, ground, device, space, 'attach-pasid');
      if (refused !== undefined) return refused;
      const { rid } = traitsOf(ground, device);
      if (!hasPasids(ground, device)) return rules.NO_PASID;
      if (!fitsPasid(ground, device, pasid)) return rules.BEYOND_WIDTH;
      if (state.attachedAt.get(device, pasid) !== undefined) return rules.SLOT_TAKEN;
      return [
        { type: 'PasidAttached', device, space, pasid, wire: pasid },
        { type: 'SlotRouted', rid, pasid, space },
      ];
    },
  }),
  command('detach-pasid', {
    name: 'VFIO_DETACH_IOASID with IOASID_ATTACH_USER_PASID',
    on: 'device',
    source: 'V1 section 2',
    mentions: ['vpasid'],
    decide: (state, { device, pasid }, ground) =>
      state.attachedAt.get(device, pasid) === undefined
        ? rules.NOT_ATTACHED
        : [
            { type: 'PasidDetached', device, pasid },
            { type: 'SlotBlocked', rid: traitsOf(ground, device).rid, pasid },
          ],
  }),
  command('probe-driver', {
    name: 'bind a host driver',
    on: 'host',
    source: 'PLAN: viability is watched as in VFIO, which has BUG_ON()',
    decide: (state, { device }, ground) =>
      probeDriver(state, ground, device, { used: rules.HAS_DRIVER, owned: CRASH }),
  }),
];
