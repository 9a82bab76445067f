/** Mapping, invalidation and page faults: the kernel's tables take the one, the user's the others. */
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { type Ground, traitsOf } from '../setup.ts';
import { dropWithChildren, hasChild } from '../slots.ts';
import { isBeyond, isKernelManaged, isReachable, isUserManaged } from './reach.ts';
import * as rules from './rules.ts';

/** Why a page cannot be mapped; undefined where it can. */
function mapRefusal(state: DesignState, ground: Ground, space: number, page: number): Refusal | undefined {
  if (state.mapped.has(space, page)) return rules.OVERLAPS;
  const parent = state.parent.get(space);
  if (parent !== undefined && !state.mapped.has(parent, page)) return rules.NOT_BELOW;
  const beyond = ground.devices.some(
    (device) => state.attached.get(device) === space && isBeyond(ground, device, page),
  );
  return beyond ? rules.OUT_OF_RANGE : undefined;
}

/** What a cache took to be absent above it is dropped, as iommu_map() ends with a sync of the IOTLB [D]. */
function mapEvents(state: DesignState, ground: Ground, space: number, page: number): DesignEvent[] {
  return [
    ...charge(state, space, [page]),
    { type: 'PageMapped', space, page },
    ...dropAbove(state, ground, space, page),
  ];
}

function dropAbove(state: DesignState, ground: Ground, space: number, page: number): DesignEvent[] {
  return hasChild(state, space) ? dropWithChildren(state, ground, space, page) : [];
}

/** V2 4.2, 4.3: a root is accounted, whatever lies over it is not. */
function charge(state: DesignState, space: number, pages: readonly number[]): DesignEvent[] {
  if (state.parent.get(space) !== undefined) return [];
  return pages.map((page) => ({ type: 'PageCharged', page }));
}

function unmapEvents(state: DesignState, ground: Ground, space: number, page: number): DesignEvent[] {
  return [
    { type: 'PageUnmapped', space, page },
    ...(state.parent.get(space) === undefined ? [{ type: 'PageUncharged', page } as const] : []),
    ...dropWithChildren(state, ground, space, page),
  ];
}

const MAP = { name: 'IOMMU_MAP_DMA', on: 'iommu', source: 'V2 2.1' } as const;
const UNMAP = { name: 'IOMMU_UNMAP_DMA', on: 'iommu', source: 'V2 2.1' } as const;

export const memoryCommands: readonly DesignCommand[] = [
  command('map', {
    ...MAP,
    decide: (state, { space, page }, ground) => {
      if (!isReachable(state, space)) return rules.NO_SPACE;
      if (!isKernelManaged(state, space)) return rules.NOT_KERNEL;
      const refusal = mapRefusal(state, ground, space, page);
      return refusal ?? mapEvents(state, ground, space, page);
    },
  }),
  command('map-all', {
    ...MAP,
    name: 'IOMMU_MAP_DMA of a longer range',
    decide: (state, { space }, ground) => {
      if (!isReachable(state, space)) return rules.NO_SPACE;
      if (!isKernelManaged(state, space)) return rules.NOT_KERNEL;
      const refusal = ground.pages.map((page) => mapRefusal(state, ground, space, page)).find((one) => one);
      return (
        refusal ?? [
          ...charge(state, space, ground.pages),
          { type: 'PagesMappedAtOnce', space },
          ...ground.pages.flatMap((page) => dropAbove(state, ground, space, page)),
        ]
      );
    },
  }),
  command('unmap', {
    ...UNMAP,
    decide: (state, { space, page }, ground) => {
      if (!isReachable(state, space)) return rules.NO_SPACE;
      if (!isKernelManaged(state, space)) return rules.NOT_KERNEL;
      if (!state.mapped.has(space, page) || state.joined.has(space)) return rules.NOT_MAPPED;
      return unmapEvents(state, ground, space, page);
    },
  }),
  command('unmap-all', {
    ...UNMAP,
    name: 'IOMMU_UNMAP_DMA of a longer range',
    decide: (state, { space }, ground) => {
      if (!isReachable(state, space)) return rules.NO_SPACE;
      if (!isKernelManaged(state, space)) return rules.NOT_KERNEL;
      const pages = ground.pages.filter((page) => state.mapped.has(space, page));
      if (pages.length === 0) return rules.NOT_MAPPED;
      return pages.flatMap((page) => unmapEvents(state, ground, space, page));
    },
  }),
  command('invalidate', {
    name: 'IOMMU_INVALIDATE_CACHE',
    on: 'iommu',
    source: 'V2 2.1: iotlb and devtlb of all, or of a range',
    mentions: ['vpasid'],
    decide: (state, { space }) => {
      if (!isReachable(state, space)) return rules.NO_SPACE;
      if (!isUserManaged(state, space)) return rules.NOT_USER;
      return [
        { type: 'SpaceInvalidated', space },
        { type: 'TranslationsDropped', space, page: undefined },
      ];
    },
  }),
  command('invalidate-device', {
    name: 'IOMMU_INVALIDATE_CACHE with a cookie',
    on: 'iommu',
    source: 'V2 2.1: devtlb of one device',
    mentions: ['device'],
    decide: (state, { device }, ground) => {
      const space = state.attached.get(device);
      if (space === undefined || !isReachable(state, space)) return rules.NOT_ATTACHED;
      if (!isUserManaged(state, space)) return rules.NOT_USER;
      const { rid } = traitsOf(ground, device);
      return [
        { type: 'DeviceInvalidated', device },
        { type: 'DeviceCacheDropped', rid },
      ];
    },
  }),
  command('report-fault', {
    name: 'read of {ioasid, cookie, addr}',
    on: 'iommu',
    source: 'V2 4.6',
    mentions: ['device'],
    decide: (state, { device, other }) => {
      const space = state.attached.get(device);
      if (state.fault.get(device) !== 'raised' || space === undefined || !isReachable(state, space))
        return rules.NO_FAULT;
      if (!isUserManaged(state, space)) return rules.NOT_USER;
      return other === device ? [{ type: 'FaultReported', device, blamed: device }] : rules.OTHER_COOKIE;
    },
  }),
  command('respond', {
    name: 'response {ioasid, cookie, code}',
    on: 'iommu',
    source: 'V2 4.6',
    mentions: ['device'],
    decide: (state, { device }) =>
      state.fault.get(device) === 'reported'
        ? [{ type: 'FaultCompleted', device, by: device }]
        : rules.NO_FAULT,
  }),
];
