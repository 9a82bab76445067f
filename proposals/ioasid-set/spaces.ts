/** IOASIDs: made, attached, mapped, given a table, destroyed. */
import { devicesOn, isBeyondReach, isOver, mappedPages } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type Decision, type DesignCommand, type Refusal } from '../proposal.ts';
import { type Ground, matesOf, traitsOf } from '../setup.ts';
import { dropWithChildren, hasChild, isLive } from '../slots.ts';
import * as rules from './rules.ts';
import { emptied, freed, leaveDefault, routed } from './slots.ts';

export function whyNotReach(state: DesignState, device: number, space: number): Refusal | undefined {
  if (state.device.get(device) !== 'bound') return rules.NOT_JOINED;
  const known = isLive(state, space) && state.home.get(space) === state.boundTo.get(device);
  return known ? undefined : rules.NO_SPACE;
}

function attach(state: DesignState, ground: Ground, device: number, space: number): Decision {
  const refused = whyNotReach(state, device, space);
  if (refused !== undefined) return refused;
  const former = state.attached.get(device);
  if (former === space || (former !== undefined && !isOver(state, space, former)))
    return rules.ALREADY_ATTACHED;
  const elsewhere = matesOf(ground, device).some((mate) => {
    const other = state.attached.get(mate);
    return mate !== device && other !== undefined && !isOver(state, space, other);
  });
  if (elsewhere) return rules.ALREADY_ATTACHED;
  const { narrow, kind } = traitsOf(ground, device);
  if (narrow && state.mapped.has(space, ground.pages.length - 1)) return rules.INCOMPATIBLE;
  if (kind === 'parent') return rules.NOT_JOINED;
  return [{ type: 'Attached', device, space }, ...routed(state, ground, device, space)];
}

/** A space takes commands once it is attached; one of a group's devices is not enough to map (8 May 2021). */
function whyNotMap(state: DesignState, ground: Ground, space: number): Refusal | undefined {
  if (!isLive(state, space)) return rules.NO_SPACE;
  if (state.space.get(space) !== 'kernel') return rules.NOT_KERNEL;
  const devices = devicesOn(state, ground, space);
  if (devices.length === 0) return rules.NOT_ATTACHED;
  const partial = devices.some((device) => matesOf(ground, device).some((mate) => !devices.includes(mate)));
  return partial ? rules.UNATTACHED_GROUP : undefined;
}

function mapEvents(state: DesignState, ground: Ground, space: number, pages: readonly number[]): Decision {
  const refused = whyNotMap(state, ground, space);
  if (refused !== undefined) return refused;
  if (pages.some((page) => isBeyondReach(state, ground, space, page))) return rules.INCOMPATIBLE;
  if (pages.some((page) => state.mapped.has(space, page))) return rules.OVERLAPS;
  const charged = pages.map((page): DesignEvent => ({ type: 'PageCharged', page }));
  const [first] = pages;
  if (pages.length === 1 && first !== undefined)
    return [...charged, { type: 'PageMapped', space, page: first }];
  return [...charged, { type: 'PagesMappedAtOnce', space }];
}

function unmapEvents(state: DesignState, ground: Ground, space: number, page: number): DesignEvent[] {
  return [
    { type: 'PageUnmapped', space, page },
    { type: 'PageUncharged', page },
    ...dropWithChildren(state, ground, space, page),
  ];
}

/** Why no table can be set for a nested one. */
function whyNotTable(state: DesignState, ground: Ground, space: number): Refusal | undefined {
  if (!isLive(state, space)) return rules.NO_SPACE;
  if (state.space.get(space) !== 'empty') return rules.NOT_EMPTY;
  return devicesOn(state, ground, space).length === 0 ? rules.NOT_ATTACHED : undefined;
}

export const spaceCommands: readonly DesignCommand[] = [
  command('alloc', {
    name: 'CREATE_IOASID',
    on: 'iommu',
    source: 'SET <20210422121020.GT1370958@...>',
    decide: (state, { space, context }) => {
      if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
      return isLive(state, space)
        ? rules.IS_USED
        : [{ type: 'SpaceAllocated', space, context, as: 'kernel' }];
    },
  }),
  command('create-nesting', {
    name: 'CREATE_NESTED_IOASID',
    on: 'iommu',
    source: 'SET <20210422121020.GT1370958@...>',
    decide: (state, { space, parent }) => {
      const context = state.home.get(parent);
      if (context === undefined || !isLive(state, parent)) return rules.NO_SPACE;
      if (isLive(state, space)) return rules.IS_USED;
      if (state.space.get(parent) !== 'kernel') return rules.NOT_KERNEL;
      return [{ type: 'SpaceAllocated', space, context, as: 'empty', parent }];
    },
  }),
  command('bind-table', {
    name: 'IOASID_BIND_PGTABLE',
    on: 'iommu',
    source: 'SET <MWHPR11MB1886E22D03B14EE0D5725CE08C539@...>',
    decide: (state, { space }, ground) =>
      whyNotTable(state, ground, space) ?? [{ type: 'TableBound', space }],
  }),
  command('bind-pasid-table', {
    name: 'IOASID_SET_PASID_TABLE',
    on: 'iommu',
    source: 'SET <MWHPR11MB1886E22D03B14EE0D5725CE08C539@...>',
    decide: (state, { space }, ground) => {
      const refused = whyNotTable(state, ground, space);
      if (refused !== undefined) return refused;
      if (ground.platform === 'intel') return rules.HOST_TABLE;
      const rids = ground.devices.filter((device) => state.attached.get(device) === space);
      const busy = rids.some((rid) =>
        ground.pasids.some((pasid) => state.wire.get(rid, pasid) !== undefined),
      );
      if (rids.length === 0 || busy) return rules.HOST_TABLE;
      return [
        { type: 'PasidTableBound', space },
        ...rids.map((rid): DesignEvent => ({ type: 'TableDelegated', rid })),
      ];
    },
  }),
  command('destroy', {
    name: 'destroy of an IOASID',
    on: 'iommu',
    source: 'SET <20210331173148.GN1463678@...>: DMA is blocked at once, nothing waits for the devices',
    decide: (state, { space }, ground) => {
      if (!isLive(state, space)) return rules.NO_SPACE;
      if (hasChild(state, space)) return rules.HAS_CHILD;
      return [...emptied(state, ground, space), ...freed(state, ground, space)];
    },
  }),
  command('attach', {
    name: 'ATTACH_IOASID',
    on: 'device',
    source: 'SET <20210422121020.GT1370958@...>: match the RID',
    decide: (state, { device, space }, ground) => attach(state, ground, device, space),
  }),
  command('detach', {
    name: 'detach of an IOASID',
    on: 'device',
    source: 'SET Kevin Tian, 8 May 2021',
    decide: (state, { device }, ground) =>
      state.attached.get(device) === undefined ? rules.NOT_ATTACHED : leaveDefault(state, ground, device),
  }),
  command('map', {
    name: 'map',
    on: 'iommu',
    source: 'SET Kevin Tian, 8 May 2021: type1v2 for each IOASID',
    decide: (state, { space, page }, ground) => mapEvents(state, ground, space, [page]),
  }),
  command('map-all', {
    name: 'map of a longer range',
    on: 'iommu',
    source: 'SET Kevin Tian, 8 May 2021: type1v2 for each IOASID',
    decide: (state, { space }, ground) => mapEvents(state, ground, space, ground.pages),
  }),
  command('unmap', {
    name: 'unmap',
    on: 'iommu',
    source: 'SET Kevin Tian, 8 May 2021: type1v2 for each IOASID',
    decide: (state, { space, page }, ground) => {
      const refused = whyNotMap(state, ground, space);
      if (refused !== undefined) return refused;
      const exact = state.mapped.has(space, page) && (!state.joined.has(space) || ground.pages.length === 1);
      return exact ? unmapEvents(state, ground, space, page) : rules.NOT_MAPPED;
    },
  }),
  command('unmap-all', {
    name: 'unmap of a longer range',
    on: 'iommu',
    source: 'SET Kevin Tian, 8 May 2021: type1v2 for each IOASID',
    decide: (state, { space }, ground) => {
      const refused = whyNotMap(state, ground, space);
      if (refused !== undefined) return refused;
      const pages = mappedPages(state, ground, space);
      if (pages.length === 0) return rules.NOT_MAPPED;
      return pages.flatMap((page) => unmapEvents(state, ground, space, page));
    },
  }),
  command('invalidate', {
    name: 'CACHE_INVLD',
    on: 'iommu',
    source: 'SET Yi Liu, 1 Apr 2021',
    decide: (state, { space }) => {
      const kind = state.space.get(space);
      if (kind !== 'user' && kind !== 'table') return rules.NOT_USER;
      return [
        { type: 'SpaceInvalidated', space },
        { type: 'TranslationsDropped', space, page: undefined },
      ];
    },
  }),
];
