/** VFIO_DEVICE_ATTACH_IOMMUFD_PT and VFIO_DEVICE_DETACH_IOMMUFD_PT, with and without a PASID. */
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { fitsPasid, type Ground, matesOf, traitsOf } from '../setup.ts';
import * as rules from './rules.ts';
import {
  attachedMates,
  enterRid,
  gained,
  groupSpace,
  hasRid,
  leaveDefault,
  leavePasid,
  lost,
  pasidMates,
  usesOf,
} from './slots.ts';

/** What every call on the descriptor of a device needs. */
function unusable(state: DesignState, device: number): Refusal | undefined {
  if (state.device.get(device) === 'closed') return rules.BAD_DESCRIPTOR;
  return state.device.get(device) === 'bound' ? undefined : rules.UNBOUND;
}

function refusesSpace(state: DesignState, device: number, space: number): Refusal | undefined {
  return (
    unusable(state, device) ??
    (state.home.get(space) === state.boundTo.get(device) ? undefined : rules.NO_PAGE_TABLE)
  );
}

/** Whether another slot of the group, whichever member asked for it, is on this HWPT already. */
function hasPasids(state: DesignState, ground: Ground, device: number): boolean {
  return ground.pasids.some((pasid) => groupSpace(state, ground, device, pasid) !== undefined);
}

/** Whether a device of the same abilities is attached: then a HWPT is there that suits this one. */
function hasHwptFor(state: DesignState, ground: Ground, device: number, space: number): boolean {
  const { narrow, forceSnoop } = traitsOf(ground, device);
  return ground.devices.some((other) => {
    const traits = traitsOf(ground, other);
    return (
      traits.narrow === narrow && traits.forceSnoop === forceSnoop && usesOf(state, ground, space, other) > 0
    );
  });
}

/** A HWPT with a smaller aperture takes the IOVAs beyond it away, which must not be in use (iopt_table_add_domain()). */
function refusesAperture(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
): Refusal | undefined {
  if (!traitsOf(ground, device).narrow || state.space.get(space) !== 'kernel') return undefined;
  if (hasHwptFor(state, ground, device, space)) return undefined;
  const last = ground.pages.length - 1;
  return state.mapped.has(space, last) ? rules.OUT_OF_REACH : undefined;
}

/** A HWPT with a fault queue goes only to devices that send page requests. */
function refusesFaults(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
): Refusal | undefined {
  if (!hasFaultQueue(state, ground, space)) return undefined;
  if (matesOf(ground, device).every((mate) => traitsOf(ground, mate).pri)) return undefined;
  return ground.platform === 'intel' ? rules.NO_PRI_VTD : rules.NO_PRI;
}

/** Arm: every member of the group needs a vDEVICE for a table of the guest, and only a bound device can have one. */
function refusesMates(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
): Refusal | undefined {
  if (ground.platform !== 'arm' || state.space.get(space) !== 'table') return undefined;
  const bound = matesOf(ground, device).every((mate) => state.device.get(mate) === 'bound');
  return bound ? undefined : rules.MATE_WITHOUT_VDEVICE;
}

/** Nested HWPTs get one where page requests are looked at. */
function hasFaultQueue(state: DesignState, { setup }: Ground, space: number): boolean {
  const kind = state.space.get(space);
  return setup.verbs.includes('fault') && (kind === 'user' || kind === 'table');
}

/** vfio_iommufd_emulated_attach_ioas(): only an IOAS can be accessed. */
function attachAccess(state: DesignState, device: number, space: number): DesignEvent[] | Refusal {
  return state.space.get(space) === 'kernel' ? [{ type: 'Attached', device, space }] : rules.NO_IOAS;
}

function attachRid(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
): DesignEvent[] | Refusal {
  const former = state.attached.get(device);
  if (former === space) return [];
  if (!hasRid(ground, device)) return attachAccess(state, device, space);
  const occupied = groupSpace(state, ground, device, undefined);
  if (occupied === space) return [{ type: 'Attached', device, space }];
  const beyond = refusesAperture(state, ground, device, space);
  if (beyond !== undefined) return beyond;
  if (former === undefined && occupied !== undefined) return rules.MATE_ELSEWHERE;
  if (state.untagged.has(space) && hasPasids(state, ground, device)) return rules.PASIDS_ATTACHED;
  const refused = refusesFaults(state, ground, device, space) ?? refusesMates(state, ground, device, space);
  if (refused !== undefined) return refused;
  const moving = attachedMates(state, ground, device).length;
  return [
    ...gained(state, ground, space),
    ...enterRid(state, ground, device, space),
    ...(former === undefined ? [] : lost(state, ground, former, moving)),
  ];
}

type PasidAttach = Readonly<{ device: number; space: number; pasid: number }>;

function attachPasid(
  state: DesignState,
  ground: Ground,
  { device, space, pasid }: PasidAttach,
): DesignEvent[] | Refusal {
  if (!hasRid(ground, device)) return rules.NO_PASID_OP;
  const former = state.attachedAt.get(device, pasid);
  if (former === space) return [];
  const joined: DesignEvent = { type: 'PasidAttached', device, space, pasid, wire: pasid };
  const occupied = groupSpace(state, ground, device, pasid);
  if (occupied === space) return [joined];
  const refused = refusesPasid(state, ground, { device, space, pasid });
  if (refused !== undefined) return refused;
  const moving = matesOf(ground, device).filter((mate) => state.attachedAt.get(mate, pasid) !== undefined);
  const members = former === undefined ? [device] : moving;
  return [
    ...gained(state, ground, space),
    ...members.map(
      (mate): DesignEvent => ({ type: 'PasidAttached', device: mate, space, pasid, wire: pasid }),
    ),
    ...pasidMates(ground, device).map((rid): DesignEvent => ({ type: 'SlotRouted', rid, pasid, space })),
    ...(former === undefined ? [] : lost(state, ground, former, members.length)),
  ];
}

/** iommufd_hwpt_pasid_compat(), then the core and the driver. */
function refusesPasid(
  state: DesignState,
  ground: Ground,
  { device, space, pasid }: PasidAttach,
): Refusal | undefined {
  const tagged = !state.untagged.has(space);
  if (tagged && state.space.get(space) === 'kernel' && !traitsOf(ground, device).iommuPasid)
    return rules.NO_PASIDS;
  const beyond = refusesAperture(state, ground, device, space);
  if (beyond !== undefined) return beyond;
  if (
    state.attachedAt.get(device, pasid) === undefined &&
    groupSpace(state, ground, device, pasid) !== undefined
  )
    return rules.MATE_ELSEWHERE;
  if (!tagged) return rules.NOT_FOR_PASIDS;
  const onRid = groupSpace(state, ground, device, undefined);
  if (onRid !== undefined && state.untagged.has(onRid)) return rules.RID_NOT_FOR_PASIDS;
  if (!pasidMates(ground, device).every((mate) => fitsPasid(ground, mate, pasid))) return rules.BEYOND_WIDTH;
  return refusesFaults(state, ground, device, space);
}

export const routeCommands: readonly DesignCommand[] = [
  command('attach', {
    name: 'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
    on: 'device',
    source: 'vfio_iommufd_physical_attach_ioas(), iommufd_device_attach(), iommufd_device_replace()',
    decide: (state, { device, space }, ground) =>
      refusesSpace(state, device, space) ?? attachRid(state, ground, device, space),
  }),
  command('detach', {
    name: 'VFIO_DEVICE_DETACH_IOMMUFD_PT',
    on: 'device',
    source: 'vfio_iommufd_physical_detach_ioas(), iommufd_device_detach()',
    decide: (state, { device }, ground) => {
      const refused = unusable(state, device);
      if (refused !== undefined) return refused;
      const space = state.attached.get(device);
      return space === undefined
        ? []
        : [...leaveDefault(state, ground, device), ...lost(state, ground, space, 1)];
    },
  }),
  command('attach-pasid', {
    name: 'VFIO_DEVICE_ATTACH_IOMMUFD_PT with a PASID',
    on: 'device',
    source: 'vfio_iommufd_physical_pasid_attach_ioas(), iommu_attach_device_pasid()',
    mentions: ['ppasid'],
    decide: (state, args, ground) =>
      refusesSpace(state, args.device, args.space) ?? attachPasid(state, ground, args),
  }),
  command('detach-pasid', {
    name: 'VFIO_DEVICE_DETACH_IOMMUFD_PT with a PASID',
    on: 'device',
    source: 'vfio_iommufd_physical_pasid_detach_ioas()',
    mentions: ['ppasid'],
    decide: (state, { device, pasid }, ground) => {
      const refused = unusable(state, device);
      if (refused !== undefined) return refused;
      const space = state.attachedAt.get(device, pasid);
      if (space === undefined) return [];
      return [...leavePasid(state, ground, device, pasid), ...lost(state, ground, space, 1)];
    },
  }),
];
