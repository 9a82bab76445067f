/** IOMMU_IOASID_ALLOC with each of its attributes, and FREE. */
import type { DesignEvent } from '../design-event.ts';
import type { DesignState, SpaceState } from '../design-state.ts';
import { command, type Decision, type DesignCommand } from '../proposal.ts';
import type { Ground } from '../setup.ts';
import { hasChild, isAttached, isLive } from '../slots.ts';
import { isReachable } from './reach.ts';
import * as rules from './rules.ts';

const ALLOC = { name: 'IOMMU_IOASID_ALLOC', on: 'iommu' } as const;

/** Over which kinds each kind may lie. V2 1.1: nesting has no limit in concept; a table of the user is a child always. */
const PARENTS: Readonly<Partial<Record<SpaceState, readonly SpaceState[]>>> = {
  shadow: ['kernel', 'shadow', 'root'],
  user: ['kernel', 'shadow', 'user'],
  table: ['kernel', 'shadow'],
};

function allocRoot(
  state: DesignState,
  { space, context }: Readonly<{ space: number; context: number }>,
  as: SpaceState,
  enforced = false,
): Decision {
  if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
  if (isLive(state, space)) return rules.IS_USED;
  return [{ type: 'SpaceAllocated', space, context, as, enforced }];
}

function allocChild(
  state: DesignState,
  { space, parent }: Readonly<{ space: number; parent: number }>,
  as: SpaceState,
): Decision {
  if (isLive(state, space)) return rules.IS_USED;
  const context = state.home.get(parent);
  if (context === undefined || !isReachable(state, parent)) return rules.NO_SPACE;
  if (!PARENTS[as]?.includes(state.space.get(parent))) return rules.NO_PARENT;
  return [{ type: 'SpaceAllocated', space, context, as, parent, enforced: state.enforced.has(parent) }];
}

/** Memory is accounted at roots: what lies over one counts nothing. */
export function freeEvents(state: DesignState, ground: Ground, space: number): DesignEvent[] {
  const isRoot = state.parent.get(space) === undefined;
  const charged = ground.pages.filter((page) => isRoot && state.mapped.has(space, page));
  return [
    ...charged.map((page): DesignEvent => ({ type: 'PageUncharged', page })),
    { type: 'SpaceFreed', space },
  ];
}

export const spaceCommands: readonly DesignCommand[] = [
  command('alloc', {
    ...ALLOC,
    source: 'V2 2.1: kernel-managed, enforce-snoop disabled',
    decide: (state, args) => allocRoot(state, args, 'kernel'),
  }),
  command('alloc-enforced', {
    ...ALLOC,
    source: 'V2 2.1, 1.5: kernel-managed, enforce-snoop enabled',
    decide: (state, args) => allocRoot(state, args, 'kernel', true),
  }),
  command('alloc-root', {
    ...ALLOC,
    source: 'V2 1.1: dummy root, HVA to HVA',
    decide: (state, args) => allocRoot(state, args, 'root'),
  }),
  command('alloc-shadow', {
    ...ALLOC,
    source: 'V2 4.3: kernel-managed with a parent, nested by software',
    decide: (state, args) => allocChild(state, args, 'shadow'),
  }),
  command('alloc-user', {
    ...ALLOC,
    source: 'V2 4.4: user page table, with a parent',
    decide: (state, args) => allocChild(state, args, 'user'),
  }),
  command('alloc-table', {
    ...ALLOC,
    source: 'V2 4.5: user PASID table, with a parent',
    decide: (state, args, ground) =>
      ground.platform === 'intel' ? rules.NO_FORMAT : allocChild(state, args, 'table'),
  }),
  command('destroy', {
    name: 'IOMMU_IOASID_FREE',
    on: 'iommu',
    source: 'V2 2.1',
    decide: (state, { space }, ground) => {
      if (!isReachable(state, space)) return rules.NO_SPACE;
      if (isAttached(state, ground, space) || hasChild(state, space)) return rules.IN_USE;
      return freeEvents(state, ground, space);
    },
  }),
];
