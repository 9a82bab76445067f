/** The iommufd RFC of 19 September 2021: 20 patches, what type1 can do, on device descriptors. */
import { mappedPages } from '../attachments.ts';
import { closeContext, endContexts } from '../contexts.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { boundUntilClosed } from '../device-machines.ts';
import { command, type Proposal } from '../proposal.ts';
import { type Ground, matesOf, traitsOf } from '../setup.ts';
import {
  blockGroup,
  boundMates,
  CRASH,
  dropWithChildren,
  isAttached,
  isViable,
  probeDriver,
  releaseGroup,
  routeGroup,
} from '../slots.ts';
import { spaceMachine } from './machines.ts';
import * as rules from './rules.ts';

/** The first bind takes the whole group from its default domain to blocking; R20-06, iommu_device_init_user_dma(). */
function bindEvents(state: DesignState, ground: Ground, device: number, context: number): DesignEvent[] {
  const first = boundMates(state, ground, device).length === 0;
  return [{ type: 'DeviceBound', device, context }, ...(first ? blockGroup(ground, device) : [])];
}

/** R20-13: members are counted; only the last one takes the group off its domain. */
function detachEvents(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const last = !boundMates(state, ground, device).some((mate) => state.attached.get(mate) !== undefined);
  return [{ type: 'Detached', device }, ...(last ? blockGroup(ground, device) : [])];
}

/** A descriptor that is closed detaches and unbinds its device; the last one of a group gives it back to the host. */
function closeEvents(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  if (state.boundTo.get(device) === undefined) return [{ type: 'DeviceClosed', device }];
  const detached = state.attached.get(device) === undefined ? [] : detachEvents(state, ground, device);
  const last = boundMates(state, ground, device).length === 0;
  return [
    ...detached,
    { type: 'DeviceClosed', device },
    ...(last ? releaseGroup(ground, device) : []),
    ...endContexts(state, ground, device, (space) => freeEvents(state, ground, space)),
  ];
}

function freeEvents(state: DesignState, ground: Ground, space: number): DesignEvent[] {
  const pages = mappedPages(state, ground, space);
  return [
    ...pages.map((page): DesignEvent => ({ type: 'PageUncharged', page })),
    { type: 'SpaceFreed', space },
  ];
}

export const iommufdRfc: Proposal = {
  id: 'iommufd-rfc-2021-09',
  title: 'iommufd RFC, 20 patches',
  date: '2021-09-19',
  source: '<20210919063848.1476776-1-yi.l.liu@intel.com>',
  file: 'proposals/iommufd-rfc-2021-09/proposal.ts',
  // R20-07: only closing the descriptor of a device ends what binding it began.
  device: boundUntilClosed,
  space: spaceMachine,
  claims: [
    'P01',
    'P11',
    'P20',
    'P21',
    'P22',
    'P23',
    'P24',
    'P25',
    'P26',
    'P27',
    'P48',
    'P49',
    'P50',
    'P57',
    'P59',
  ],
  lacks: {
    'attach-pasid': 'one IOASID per device: several are left to a later series (R20 cover letter)',
    'alloc-user': 'the only type is IOMMU_IOASID_TYPE_KERNEL_TYPE1V2 (R20-11)',
    P60: 'only vfio-pci gives out descriptors of devices (R20-05)',
    'bind-mdev': 'only PCI devices with a RID of their own have such a descriptor (R20-05)',
    alloc: 'flags must be just IOMMU_IOASID_ENFORCE_SNOOP (R20-11)',
  },
  report: (state, device) =>
    state.device.get(device) === 'bound' ? { pasid: false, iommuPasid: undefined } : undefined,
  commands: [
    command('close-context', {
      name: 'close iommu',
      on: 'iommu',
      source: 'R20-07',
      decide: (state, { context }, ground) =>
        state.contextOpen.has(context)
          ? closeContext(state, ground, context, (space) => freeEvents(state, ground, space))
          : rules.NO_CONTEXT,
    }),
    command('bind', {
      name: 'VFIO_DEVICE_BIND_IOMMUFD',
      on: 'device',
      source: 'R20-06, R20-07, R20-08',
      decide: (state, { device, context }, ground) => {
        if (traitsOf(ground, device).kind !== 'pdev') return rules.NOT_PCI;
        if (state.device.get(device) === 'bound') return rules.ALREADY_BOUND;
        if (state.device.get(device) !== 'open') return rules.NOT_OPEN;
        if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
        const mates = boundMates(state, ground, device);
        if (mates.some((mate) => state.boundTo.get(mate) !== context)) return rules.OTHER_OWNER;
        return isViable(state, ground, device)
          ? bindEvents(state, ground, device, context)
          : rules.NOT_VIABLE;
      },
    }),
    command('touch', {
      name: 'read or mmap of the device',
      on: 'device',
      source: 'R20-05',
      decide: (state, { device }) => (state.device.get(device) === 'bound' ? [] : rules.BLOCKED_ACCESS),
    }),
    command('close-device', {
      name: 'close device',
      on: 'device',
      source: 'R20-07',
      decide: (state, { device }, ground) =>
        state.device.get(device) === 'closed' ? rules.NOT_OPEN : closeEvents(state, ground, device),
    }),
    command('alloc-enforced', {
      name: 'IOMMU_IOASID_ALLOC',
      on: 'iommu',
      source: 'R20-11',
      decide: (state, { space, context }) => {
        if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
        if (state.space.get(space) !== 'free') return rules.IS_USED;
        return [{ type: 'SpaceAllocated', space, context, as: 'kernel', enforced: true }];
      },
    }),
    command('destroy', {
      name: 'IOMMU_IOASID_FREE',
      on: 'iommu',
      source: 'R20-11',
      decide: (state, { space }, ground) => {
        if (state.space.get(space) === 'free') return rules.NO_SPACE;
        if (isAttached(state, ground, space)) return rules.IN_USE;
        return freeEvents(state, ground, space);
      },
    }),
    command('attach', {
      name: 'VFIO_DEVICE_ATTACH_IOASID',
      on: 'device',
      source: 'R20-13, R20-14, R20-15',
      decide: (state, { device, space }, ground) => {
        if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
        if (state.attached.get(device) !== undefined) return rules.ALREADY_ATTACHED;
        if (state.space.get(space) === 'free' || state.home.get(space) !== state.boundTo.get(device))
          return rules.NO_SPACE;
        const { forceSnoop, narrow } = traitsOf(ground, device);
        if (!forceSnoop || narrow) return rules.INCOMPATIBLE;
        const elsewhere = matesOf(ground, device).some((mate) => {
          const other = state.attached.get(mate);
          return other !== undefined && other !== space;
        });
        if (elsewhere) return rules.MATE_ELSEWHERE;
        return [{ type: 'Attached', device, space }, ...routeGroup(ground, device, space)];
      },
    }),
    command('detach', {
      name: 'VFIO_DEVICE_DETACH_IOASID',
      on: 'device',
      source: 'R20-13, R20-15',
      decide: (state, { device }, ground) =>
        state.attached.get(device) === undefined ? rules.NOT_ATTACHED : detachEvents(state, ground, device),
    }),
    command('map', {
      name: 'IOMMU_MAP_DMA',
      on: 'iommu',
      source: 'R20-18',
      decide: (state, { space, page }, ground) => {
        if (state.space.get(space) === 'free') return rules.NO_SPACE;
        if (!isAttached(state, ground, space)) return rules.NO_DEVICE;
        if (state.mapped.has(space, page)) return rules.OVERLAPS;
        return [
          { type: 'PageCharged', page },
          { type: 'PageMapped', space, page },
        ];
      },
    }),
    command('map-all', {
      name: 'IOMMU_MAP_DMA of a longer range',
      on: 'iommu',
      source: 'R20-18',
      decide: (state, { space }, ground) => {
        if (state.space.get(space) === 'free') return rules.NO_SPACE;
        if (!isAttached(state, ground, space)) return rules.NO_DEVICE;
        if (state.mapped.size(space) > 0) return rules.OVERLAPS;
        return [
          ...ground.pages.map((page): DesignEvent => ({ type: 'PageCharged', page })),
          { type: 'PagesMappedAtOnce', space },
        ];
      },
    }),
    command('unmap', {
      name: 'IOMMU_UNMAP_DMA',
      on: 'iommu',
      source: 'R20-18',
      decide: (state, { space, page }, ground) => {
        if (state.space.get(space) === 'free') return rules.NO_SPACE;
        if (!isAttached(state, ground, space)) return rules.NO_DEVICE;
        if (!state.mapped.has(space, page) || state.joined.has(space)) return rules.NOT_MAPPED;
        return [
          { type: 'PageUnmapped', space, page },
          { type: 'PageUncharged', page },
          ...dropWithChildren(state, ground, space, page),
        ];
      },
    }),
    command('unmap-all', {
      name: 'IOMMU_UNMAP_DMA of a longer range',
      on: 'iommu',
      source: 'R20-18',
      decide: (state, { space }, ground) => {
        if (state.space.get(space) === 'free') return rules.NO_SPACE;
        if (!isAttached(state, ground, space)) return rules.NO_DEVICE;
        const pages = mappedPages(state, ground, space);
        if (pages.length === 0) return rules.NOT_MAPPED;
        return pages.flatMap((page): DesignEvent[] => [
          { type: 'PageUnmapped', space, page },
          { type: 'PageUncharged', page },
          ...dropWithChildren(state, ground, space, page),
        ]);
      },
    }),
    command('probe-driver', {
      name: 'bind a host driver',
      on: 'host',
      source: 'R20-06',
      decide: (state, { device }, ground) =>
        probeDriver(state, ground, device, { used: rules.ALREADY_BOUND, owned: CRASH }),
    }),
  ],
};
