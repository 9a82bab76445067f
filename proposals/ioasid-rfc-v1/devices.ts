/** Commands on the descriptor of a device: VFIO_BIND_IOASID_FD to VFIO_DETACH_IOASID without a PASID. */
import { isHeldByPasid, isTooNarrow, reaches } from '../attachments.ts';
import { closeContext, endContexts } from '../contexts.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { type Ground, traitsOf } from '../setup.ts';
import { boundMates, isWireFree } from '../slots.ts';
import { attachEvents, detachEvents, leaveEverything } from './attach.ts';
import * as rules from './rules.ts';

function whyNotBind(
  state: DesignState,
  ground: Ground,
  device: number,
  context: number,
): Refusal | undefined {
  if (state.device.get(device) === 'bound') return rules.ALREADY_BOUND;
  if (state.device.get(device) !== 'open') return rules.NOT_OPEN;
  if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
  const mates = boundMates(state, ground, device);
  return mates.some((mate) => state.boundTo.get(mate) !== context) ? rules.OTHER_OWNER : undefined;
}

/** Whether a device may go to a space at all, by whatever way. */
export function whyNotReach(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
): Refusal | undefined {
  if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
  if (state.space.get(space) === 'free' || state.home.get(space) !== state.boundTo.get(device))
    return rules.NO_IOASID;
  const parent = state.parent.get(space);
  if (parent !== undefined && !reaches(state, ground, device, parent)) return rules.NOT_ON_PARENT;
  return isTooNarrow(state, ground, device, space) ? rules.INCOMPATIBLE : undefined;
}

const freed = (space: number): DesignEvent[] => [{ type: 'SpaceFreed', space }];

export const DEVICE_COMMANDS: readonly DesignCommand[] = [
  command('close-context', {
    name: 'close ioasid',
    on: 'iommu',
    source: 'V1 section 3, ioasid_ctx_fdget() [D]: a bound device holds the descriptor',
    decide: (state, { context }, ground) => {
      if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
      return closeContext(state, ground, context, freed);
    },
  }),
  command('bind', {
    name: 'VFIO_BIND_IOASID_FD',
    on: 'device',
    source: 'V1 section 2',
    decide: (state, { device, context }, ground) => {
      const { kind } = traitsOf(ground, device);
      if (kind === 'mdev') return rules.IS_MEDIATED;
      return whyNotBind(state, ground, device, context) ?? [{ type: 'DeviceBound', device, context }];
    },
  }),
  command('bind-mdev', {
    name: 'VFIO_BIND_IOASID_FD',
    on: 'device',
    source: 'V1 sections 1 and 4: routed by the RID of the parent and a default PASID',
    decide: (state, { device, context, wire }, ground) => {
      const { kind, rid } = traitsOf(ground, device);
      if (kind !== 'mdev') return rules.NOT_MEDIATED;
      if (!isWireFree(state, ground, rid, wire) || state.allocated.has(wire)) return rules.WIRE_TAKEN;
      return (
        whyNotBind(state, ground, device, context) ?? [
          { type: 'DeviceBound', device, context },
          { type: 'DefaultPasidTaken', device, wire },
        ]
      );
    },
  }),
  command('unbind', {
    name: 'VFIO_UNBIND_IOASID_FD',
    on: 'device',
    source: 'V1 section 2',
    decide: (state, { device }, ground) => {
      if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
      if (ground.spaces.some((space) => reaches(state, ground, device, space))) return rules.STILL_ATTACHED;
      return [{ type: 'DeviceUnbound', device }, ...endContexts(state, ground, device, freed)];
    },
  }),
  command('close-device', {
    name: 'close device',
    on: 'device',
    source: 'V1 section 2 [D]: closing detaches and unbinds',
    decide: (state, { device }, ground) => {
      if (state.device.get(device) === 'closed') return rules.NOT_OPEN;
      return [
        ...leaveEverything(state, ground, device),
        { type: 'DeviceClosed', device },
        ...endContexts(state, ground, device, freed),
      ];
    },
  }),
  command('touch', {
    name: 'read or mmap of the device',
    on: 'device',
    source: 'V1 section 2: access is not tied to binding',
    decide: (state, { device }) => (state.device.get(device) === 'closed' ? rules.NOT_OPEN : []),
  }),
  command('attach', {
    name: 'VFIO_ATTACH_IOASID',
    on: 'device',
    source: 'V1 section 2',
    decide: (state, { device, space }, ground) => {
      const refused = whyNotReach(state, ground, device, space);
      if (refused !== undefined) return refused;
      // The route may only go up, from a parent to its child: the slot is one (17.3).
      if (state.attached.get(device) !== state.parent.get(space)) return rules.SLOT_TAKEN;
      return attachEvents(state, ground, device, space);
    },
  }),
  command('detach', {
    name: 'VFIO_DETACH_IOASID',
    on: 'device',
    source: 'V1 section 2',
    decide: (state, { device }, ground) => {
      const space = state.attached.get(device);
      if (space === undefined) return rules.NOT_ATTACHED;
      // What was recorded while the guest had the table was never written: it cannot outlive that.
      const recorded =
        state.delegated.has(device) &&
        ground.pasids.some((pasid) => state.attachedAt.get(device, pasid) !== undefined);
      if (recorded || isHeldByPasid(state, ground, device, space)) return rules.CHILD_ATTACHED;
      return detachEvents(state, ground, device);
    },
  }),
  command('probe-driver', {
    name: 'bind a host driver',
    on: 'host',
    source: 'V1 section 3: only a group that is attached as a whole can be used; nothing keeps drivers away',
    decide: (state, { device }) =>
      state.hostDriver.has(device) || state.device.get(device) !== 'closed'
        ? rules.HAS_DRIVER
        : [{ type: 'DriverProbed', device }],
  }),
];
