/** Descriptors, ownership of groups, and what is told of a device. */
import { hasPasids } from '../attachments.ts';
import { closeContext, endContexts } from '../contexts.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type DeviceReport } from '../proposal.ts';
import { type Ground, matesOf, traitsOf } from '../setup.ts';
import { blockGroup, boundMates, isViable, probeDriver, releaseGroup } from '../slots.ts';
import * as rules from './rules.ts';
import { hasDomain, hasRid, leaveDefault, leavePasid, lost, uncharged, usesOf } from './slots.ts';

/** The object of a context ends with it; `going` are the uses that a closing device takes along. */
function freed(state: DesignState, ground: Ground, space: number, going: number): DesignEvent[] {
  const settled = going > 0 && lost(state, ground, space, going).length > 1;
  const pinned = hasDomain(state, ground, space) && !settled;
  return [
    ...(pinned ? uncharged(state, ground, space) : []),
    { type: 'TranslationsDropped', space, page: undefined },
    { type: 'SpaceFreed', space },
  ];
}

/** vfio_df_unbind_iommufd(): PASIDs, the RID, the binding; with the last of a group the host has it back. */
function closeEvents(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  if (state.boundTo.get(device) === undefined) return [{ type: 'DeviceClosed', device }];
  const going = (space: number): number => usesOf(state, ground, space, device);
  const last = boundMates(state, ground, device).length === 0 && hasRid(ground, device);
  return [
    ...ground.pasids
      .filter((pasid) => state.attachedAt.get(device, pasid) !== undefined)
      .flatMap((pasid) => leavePasid(state, ground, device, pasid)),
    ...(state.attached.get(device) === undefined ? [] : leaveDefault(state, ground, device)),
    ...ground.spaces.flatMap((space) => lost(state, ground, space, going(space))),
    { type: 'DeviceClosed', device },
    ...(last ? releaseGroup(ground, device) : []),
    ...endContexts(state, ground, device, (space) => freed(state, ground, space, going(space))),
  ];
}

/** IOMMU_GET_HW_INFO: the PASID width is of the device behind this IOMMU, the driver's own data of the IOMMU. */
export function report(state: DesignState, device: number, ground: Ground): DeviceReport | undefined {
  const context = state.boundTo.get(device);
  if (context === undefined || !state.contextOpen.has(context)) return undefined;
  return { pasid: hasPasids(ground, device), iommuPasid: traitsOf(ground, device).iommuPasid };
}

export const deviceCommands: readonly DesignCommand[] = [
  command('close-context', {
    name: 'close iommu',
    on: 'iommu',
    source: 'iommufd_fops_release()',
    decide: (state, { context }, ground) => {
      if (!state.contextOpen.has(context)) return rules.BAD_DESCRIPTOR;
      return closeContext(state, ground, context, (space) => freed(state, ground, space, 0));
    },
  }),
  command('bind', {
    name: 'VFIO_DEVICE_BIND_IOMMUFD',
    on: 'device',
    source: 'vfio_df_ioctl_bind_iommufd(), iommu_device_claim_dma_owner()',
    decide: (state, { device, context }, ground) => {
      if (state.device.get(device) === 'closed') return rules.BAD_DESCRIPTOR;
      if (state.device.get(device) === 'bound') return rules.ALREADY_BOUND;
      if (!state.contextOpen.has(context)) return rules.BAD_DESCRIPTOR;
      // An emulated device claims no DMA: vfio_iommufd_emulated_bind().
      if (!hasRid(ground, device)) return [{ type: 'DeviceBound', device, context }];
      const mates = boundMates(state, ground, device);
      if (mates.some((mate) => state.boundTo.get(mate) !== context)) return rules.OTHER_OWNER;
      if (!isViable(state, ground, device) || matesOf(ground, device).some((mate) => state.process.has(mate)))
        return rules.HOST_DRIVER;
      return [
        { type: 'DeviceBound', device, context },
        ...(mates.length === 0 ? blockGroup(ground, device) : []),
      ];
    },
  }),
  command('touch', {
    name: 'read or mmap of the device',
    on: 'device',
    source: 'vfio_device_fops_read(): access_granted',
    decide: (state, { device }) => {
      if (state.device.get(device) === 'closed') return rules.BAD_DESCRIPTOR;
      return state.device.get(device) === 'bound' ? [] : rules.UNBOUND;
    },
  }),
  command('close-device', {
    name: 'close device',
    on: 'device',
    source: 'vfio_device_fops_release()',
    decide: (state, { device }, ground) =>
      state.device.get(device) === 'closed' ? rules.BAD_DESCRIPTOR : closeEvents(state, ground, device),
  }),
  command('probe-driver', {
    name: 'bind a host driver',
    on: 'host',
    source: 'iommu_device_use_default_domain()',
    decide: (state, { device }, ground) =>
      probeDriver(state, ground, device, { used: rules.HAS_USER, owned: rules.PROBE_OWNED }),
  }),
  command('freeze-viommu', {
    name: 'IOMMU_GET_HW_INFO, and the guest starts',
    on: 'vmm',
    source: '<Z92wIQGa8RcJb2T/@Asurada-Nvidia>',
    decide: (state, { device }, ground) => {
      if (state.frozen.get() !== 'no') return rules.FROZEN;
      const context = state.boundTo.get(device);
      if (context === undefined ? state.contextOpen.size() === 0 : !state.contextOpen.has(context))
        return rules.BAD_DESCRIPTOR;
      const told = report(state, device, ground);
      return told === undefined ? rules.NOT_TOLD : [{ type: 'ViommuFrozen', withPasid: told.pasid }];
    },
  }),
];
