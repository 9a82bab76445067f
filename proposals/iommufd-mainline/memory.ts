/** IOAS_MAP, IOAS_UNMAP and HWPT_INVALIDATE. */
import { mappedPages } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { type Ground, traitsOf } from '../setup.ts';
import { dropWithChildren } from '../slots.ts';
import * as rules from './rules.ts';
import { hasDomain, usesOf } from './slots.ts';

/** Why a space takes no command of an IOAS. */
function refusesIoas(state: DesignState, space: number): Refusal | undefined {
  const context = state.home.get(space);
  if (context === undefined ? state.contextOpen.size() === 0 : !state.contextOpen.has(context))
    return rules.BAD_DESCRIPTOR;
  return state.space.get(space) === 'kernel' ? undefined : rules.NO_IOAS;
}

/** The IOVAs of an IOAS are what all of its HWPTs reach. */
function isReserved(state: DesignState, ground: Ground, space: number, page: number): boolean {
  if (page !== ground.pages.length - 1) return false;
  return ground.devices.some(
    (device) => traitsOf(ground, device).narrow && usesOf(state, ground, space, device) > 0,
  );
}

function charges(state: DesignState, ground: Ground, space: number, pages: readonly number[]): DesignEvent[] {
  return hasDomain(state, ground, space) ? pages.map((page) => ({ type: 'PageCharged', page })) : [];
}

function unmapEvents(state: DesignState, ground: Ground, space: number, page: number): DesignEvent[] {
  return [
    { type: 'PageUnmapped', space, page },
    ...(hasDomain(state, ground, space) ? [{ type: 'PageUncharged', page } as const] : []),
    ...dropWithChildren(state, ground, space, page),
  ];
}

/** A nested HWPT of VT-d, or the vIOMMU below one of Arm. */
function refusesInvalidation(state: DesignState, ground: Ground, space: number): Refusal | undefined {
  const context = state.home.get(space);
  if (context === undefined ? state.contextOpen.size() === 0 : !state.contextOpen.has(context))
    return rules.BAD_DESCRIPTOR;
  const kind = state.space.get(space);
  if (kind === 'free') return rules.NOT_INVALIDATED;
  if (kind === 'kernel') return rules.KERNEL_TABLE;
  return ground.platform === 'amd' ? rules.NO_INVALIDATION : undefined;
}

export const memoryCommands: readonly DesignCommand[] = [
  command('map', {
    name: 'IOMMU_IOAS_MAP',
    on: 'iommu',
    source: 'iopt_map_pages()',
    decide: (state, { space, page }, ground) => {
      const refused = refusesIoas(state, space);
      if (refused !== undefined) return refused;
      if (isReserved(state, ground, space, page)) return rules.RESERVED;
      if (state.mapped.has(space, page)) return rules.OVERLAPS;
      return [...charges(state, ground, space, [page]), { type: 'PageMapped', space, page }];
    },
  }),
  command('map-all', {
    name: 'IOMMU_IOAS_MAP of a longer range',
    on: 'iommu',
    source: 'iopt_map_pages()',
    decide: (state, { space }, ground) => {
      const refused = refusesIoas(state, space);
      if (refused !== undefined) return refused;
      if (ground.pages.some((page) => isReserved(state, ground, space, page))) return rules.RESERVED;
      if (state.mapped.size(space) > 0) return rules.OVERLAPS;
      return [...charges(state, ground, space, ground.pages), { type: 'PagesMappedAtOnce', space }];
    },
  }),
  command('unmap', {
    name: 'IOMMU_IOAS_UNMAP',
    on: 'iommu',
    source: 'iopt_unmap_iova_range()',
    decide: (state, { space, page }, ground) => {
      const refused = refusesIoas(state, space);
      if (refused !== undefined) return refused;
      if (!state.mapped.has(space, page)) return rules.NOT_MAPPED;
      if (state.joined.has(space) && ground.pages.length > 1) return rules.SPLITS;
      return unmapEvents(state, ground, space, page);
    },
  }),
  command('unmap-all', {
    name: 'IOMMU_IOAS_UNMAP of a longer range',
    on: 'iommu',
    source: 'iopt_unmap_iova_range()',
    decide: (state, { space }, ground) => {
      const refused = refusesIoas(state, space);
      if (refused !== undefined) return refused;
      const pages = mappedPages(state, ground, space);
      if (pages.length === 0) return rules.NOT_MAPPED;
      return pages.flatMap((page) => unmapEvents(state, ground, space, page));
    },
  }),
  command('invalidate', {
    name: 'IOMMU_HWPT_INVALIDATE',
    on: 'iommu',
    source: 'intel_nested_cache_invalidate_user(), arm_vsmmu_cache_invalidate()',
    decide: (state, { space }, ground) =>
      refusesInvalidation(state, ground, space) ?? [
        { type: 'SpaceInvalidated', space },
        { type: 'TranslationsDropped', space, page: undefined },
      ],
  }),
  command('invalidate-device', {
    name: 'IOMMU_HWPT_INVALIDATE of a vIOMMU, for one vDEVICE',
    on: 'iommu',
    source: 'arm_vsmmu_vsid_to_sid(): CFGI_CD_ALL and ATC_INV name the vSID',
    mentions: ['device'],
    decide: (state, { device }, ground) => {
      const context = state.boundTo.get(device);
      if (context === undefined ? state.contextOpen.size() === 0 : !state.contextOpen.has(context))
        return rules.BAD_DESCRIPTOR;
      if (ground.platform !== 'arm') return rules.NO_DEVICE_SCOPE;
      const space = state.attached.get(device);
      if (space === undefined || state.space.get(space) !== 'table') return rules.NO_VDEVICE;
      const { rid } = traitsOf(ground, device);
      return [
        { type: 'DeviceInvalidated', device },
        { type: 'DeviceCacheDropped', rid },
      ];
    },
  }),
];
