/** Commands on memory: REGISTER_MEMORY, MAP_DMA, UNMAP_DMA, INVALIDATE_CACHE. */
import { isBeyondReach, mappedPages } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import type { Ground } from '../setup.ts';
import { dropWithChildren } from '../slots.ts';
import { isCharged, unmapEvents } from './attach.ts';
import * as rules from './rules.ts';
import { whyNotLive } from './spaces.ts';

/** The first MAP decides that it is the kernel's; a child's is a shadow over its parent's. */
function whyNotMap(state: DesignState, ground: Ground, space: number, page: number): Refusal | undefined {
  const refused = whyNotLive(state, ground, space);
  if (refused !== undefined) return refused;
  const kind = state.space.get(space);
  if (kind !== 'empty' && kind !== 'kernel') return rules.KIND_FIXED;
  if (isBeyondReach(state, ground, space, page)) return rules.BEYOND;
  if (state.registered.size() > 0 && !state.registered.has(page)) return rules.NOT_REGISTERED;
  return state.mapped.has(space, page) ? rules.OVERLAPS : undefined;
}

function whyNotUnmap(state: DesignState, ground: Ground, space: number): Refusal | undefined {
  const refused = whyNotLive(state, ground, space);
  if (refused !== undefined) return refused;
  return state.space.get(space) === 'kernel' ? undefined : rules.KIND_FIXED;
}

function charge(state: DesignState, space: number, page: number): DesignEvent[] {
  return isCharged(state, space, page) ? [{ type: 'PageCharged', page }] : [];
}

function unmapped(state: DesignState, ground: Ground, space: number, page: number): DesignEvent[] {
  return [...unmapEvents(state, space, page), ...dropWithChildren(state, ground, space, page)];
}

export const MEMORY_COMMANDS: readonly DesignCommand[] = [
  command('register', {
    name: 'IOASID_REGISTER_MEMORY',
    on: 'iommu',
    source: 'V1 section 2, 5.2',
    decide: (state, { page }, ground) => {
      if (state.contextOpen.size() === 0) return rules.NO_CONTEXT;
      if (state.registered.has(page)) return rules.REGISTERED;
      const before = ground.spaces.some((space) =>
        mappedPages(state, ground, space).some((one) => !state.registered.has(one)),
      );
      if (before) return rules.MAPPED_BEFORE;
      return [
        { type: 'MemoryRegistered', page },
        { type: 'PageCharged', page },
      ];
    },
  }),
  command('map', {
    name: 'IOASID_MAP_DMA',
    on: 'iommu',
    source: 'V1 section 2',
    decide: (state, { space, page }, ground) =>
      whyNotMap(state, ground, space, page) ?? [
        ...charge(state, space, page),
        { type: 'PageMapped', space, page },
      ],
  }),
  command('map-all', {
    name: 'IOASID_MAP_DMA of a longer range',
    on: 'iommu',
    source: 'V1 section 2',
    decide: (state, { space }, ground) => {
      for (const page of ground.pages) {
        const refused = whyNotMap(state, ground, space, page);
        if (refused !== undefined) return refused;
      }
      return [
        ...ground.pages.flatMap((page) => charge(state, space, page)),
        { type: 'PagesMappedAtOnce', space },
      ];
    },
  }),
  command('unmap', {
    name: 'IOASID_UNMAP_DMA',
    on: 'iommu',
    source: 'V1 section 2',
    decide: (state, { space, page }, ground) => {
      const refused = whyNotUnmap(state, ground, space);
      if (refused !== undefined) return refused;
      if (!state.mapped.has(space, page) || state.joined.has(space)) return rules.NOT_MAPPED;
      return unmapped(state, ground, space, page);
    },
  }),
  command('unmap-all', {
    name: 'IOASID_UNMAP_DMA of a longer range',
    on: 'iommu',
    source: 'V1 section 2',
    decide: (state, { space }, ground) => {
      const refused = whyNotUnmap(state, ground, space);
      if (refused !== undefined) return refused;
      // The size must be that of the map.
      if (!state.joined.has(space)) return rules.NOT_MAPPED;
      return ground.pages.flatMap((page) => unmapped(state, ground, space, page));
    },
  }),
  command('invalidate', {
    name: 'IOASID_INVALIDATE_CACHE',
    on: 'iommu',
    source: 'V1 section 2: all or a range, for every route of the IOASID; no device can be named',
    decide: (state, { space }, ground) => {
      const refused = whyNotLive(state, ground, space);
      if (refused !== undefined) return refused;
      const kind = state.space.get(space);
      if (kind !== 'user' && kind !== 'table') return rules.KIND_FIXED;
      return [
        { type: 'SpaceInvalidated', space },
        { type: 'TranslationsDropped', space, page: undefined },
      ];
    },
  }),
];
