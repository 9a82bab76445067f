/** Commands on IOASIDs: one call to make each kind, one to destroy any, and what S3 allows on which. */
import { isBeyondReach, mappedPages } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState, SpaceState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import type { Ground } from '../setup.ts';
import { dropWithChildren, hasChild, isAttached } from '../slots.ts';
import { isLegal, type Operation } from './matrix.ts';
import * as rules from './rules.ts';

const S3 = 'S3 <20210602232352.GL1002214@...>';

function allocating(verb: 'alloc' | 'alloc-mm' | 'alloc-kvm', name: string, as: SpaceState): DesignCommand {
  return command(verb, {
    name,
    on: 'iommu',
    source: S3,
    decide: (state, { space, context }) => {
      if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
      if (state.space.get(space) !== 'free') return rules.IS_USED;
      return [{ type: 'SpaceAllocated', space, context, as }];
    },
  });
}

/** What the table of operations and kinds says. */
function whyNot(state: DesignState, operation: Operation, space: number): Refusal | undefined {
  if (state.space.get(space) === 'free') return rules.NO_IOASID;
  return isLegal(operation, state.space.get(space), true) ? undefined : rules.NOT_LEGAL;
}

function unmapEvents(state: DesignState, ground: Ground, space: number, page: number): DesignEvent[] {
  return [
    { type: 'PageUnmapped', space, page },
    { type: 'PageUncharged', page },
    ...dropWithChildren(state, ground, space, page),
  ];
}

export function freeEvents(state: DesignState, ground: Ground, space: number): DesignEvent[] {
  return [
    ...mappedPages(state, ground, space).flatMap((page) => unmapEvents(state, ground, space, page)),
    { type: 'SpaceFreed', space },
  ];
}

export const SPACE_COMMANDS: readonly DesignCommand[] = [
  allocating('alloc', 'ALLOC_IOASID', 'kernel'),
  allocating('alloc-mm', 'ALLOC_IOASID_SVA', 'mm'),
  allocating('alloc-kvm', 'ALLOC_IOASID_KVM', 'kvm'),
  command('alloc-user', {
    name: 'ALLOC_IOASID_NESTED, ALLOC_IOASID_USER_PAGE_TABLE',
    on: 'iommu',
    source: `${S3}; V1T Jason Gunthorpe, 2 Jun 2021: a table in the user’s memory lies over an SVA parent`,
    decide: (state, { space, parent }) => {
      const refused = whyNot(state, 'parent', parent);
      if (refused !== undefined) return refused;
      const context = state.home.get(parent);
      if (context === undefined || !state.contextOpen.has(context)) return rules.NO_CONTEXT;
      if (state.space.get(space) !== 'free') return rules.IS_USED;
      return [{ type: 'SpaceAllocated', space, context, as: 'user', parent }];
    },
  }),
  command('destroy', {
    name: 'DESTROY_IOASID',
    on: 'iommu',
    source: `${S3}: one for all kinds`,
    decide: (state, { space }, ground) => {
      const refused = whyNot(state, 'destroy', space);
      if (refused !== undefined) return refused;
      if (isAttached(state, ground, space) || hasChild(state, space)) return rules.IN_USE;
      return freeEvents(state, ground, space);
    },
  }),
  command('map', {
    name: 'IOASID_MAP_DMA',
    on: 'iommu',
    source: S3,
    decide: (state, { space, page }, ground) => {
      const refused = whyNot(state, 'map', space);
      if (refused !== undefined) return refused;
      if (state.mapped.has(space, page)) return rules.OVERLAPS;
      if (isBeyondReach(state, ground, space, page)) return rules.BEYOND;
      return [
        { type: 'PageCharged', page },
        { type: 'PageMapped', space, page },
      ];
    },
  }),
  command('map-all', {
    name: 'IOASID_MAP_DMA of a longer range',
    on: 'iommu',
    source: S3,
    decide: (state, { space }, ground) => {
      const refused = whyNot(state, 'map', space);
      if (refused !== undefined) return refused;
      if (state.mapped.size(space) > 0) return rules.OVERLAPS;
      if (ground.pages.some((page) => isBeyondReach(state, ground, space, page))) return rules.BEYOND;
      return [
        ...ground.pages.map((page): DesignEvent => ({ type: 'PageCharged', page })),
        { type: 'PagesMappedAtOnce', space },
      ];
    },
  }),
  command('unmap', {
    name: 'IOASID_UNMAP_DMA',
    on: 'iommu',
    source: S3,
    decide: (state, { space, page }, ground) => {
      const refused = whyNot(state, 'map', space);
      if (refused !== undefined) return refused;
      if (!state.mapped.has(space, page) || state.joined.has(space)) return rules.NOT_MAPPED;
      return unmapEvents(state, ground, space, page);
    },
  }),
  command('unmap-all', {
    name: 'IOASID_UNMAP_DMA of a longer range',
    on: 'iommu',
    source: S3,
    decide: (state, { space }, ground) => {
      const refused = whyNot(state, 'map', space);
      if (refused !== undefined) return refused;
      // The size must be that of the map.
      if (!state.joined.has(space)) return rules.NOT_MAPPED;
      return ground.pages.flatMap((page) => unmapEvents(state, ground, space, page));
    },
  }),
  command('invalidate', {
    name: 'IOASID_INVALIDATE_CACHE',
    on: 'iommu',
    source: S3,
    decide: (state, { space }) =>
      whyNot(state, 'invalidate', space) ?? [
        { type: 'SpaceInvalidated', space },
        { type: 'TranslationsDropped', space, page: undefined },
      ],
  }),
  command('report-fault', {
    name: 'report a page fault',
    on: 'iommu',
    source: `${S3}: to whoever provides the table; the device is named (V1T 28 May 2021)`,
    decide: (state, { device, other }) => {
      const space = state.attached.get(device);
      if (space === undefined || state.fault.get(device) !== 'raised') return rules.NO_FAULT;
      const refused = whyNot(state, 'report-fault', space);
      if (refused !== undefined) return refused;
      return other === device ? [{ type: 'FaultReported', device, blamed: device }] : rules.NOT_ITS_FAULT;
    },
  }),
  command('respond', {
    name: 'answer a page fault',
    on: 'iommu',
    source: 'V1T Jason Gunthorpe, 28 May 2021 [D]: the answer names the device as well',
    decide: (state, { device }) =>
      state.attached.get(device) === undefined || state.fault.get(device) !== 'reported'
        ? rules.NO_FAULT
        : [{ type: 'FaultCompleted', device, by: device }],
  }),
];
