/** IOAS_ALLOC, HWPT_ALLOC, VIOMMU_ALLOC and DESTROY. HWPTs of an IOAS come and go with what is attached to them. */
import type { DesignEvent } from '../design-event.ts';
import type { DesignState, SpaceState } from '../design-state.ts';
import { command, type Decision, type DesignCommand, type Refusal } from '../proposal.ts';
import type { Ground } from '../setup.ts';
import { hasChild, isAttached } from '../slots.ts';
import * as rules from './rules.ts';
import { gained, hasDomain, uncharged, usesOf } from './slots.ts';

function allocIoas(state: DesignState, space: number, context: number, untagged: boolean): Decision {
  if (state.space.get(space) !== 'free') return rules.IS_USED;
  if (!state.contextOpen.has(context)) return rules.BAD_DESCRIPTOR;
  return [{ type: 'SpaceAllocated', space, context, as: 'kernel', untagged }];
}

/** HWPT_ALLOC on a HWPT: only VT-d nests that way. */
function refusesUser(state: DesignState, { platform }: Ground, parent: number): Refusal | undefined {
  if (state.space.get(parent) !== 'kernel') return rules.NOT_A_PARENT;
  return platform === 'intel' ? undefined : rules.NO_NESTING;
}

/** VIOMMU_ALLOC on a HWPT: VT-d has no vIOMMU. */
function refusesTable(state: DesignState, { platform }: Ground, parent: number): Refusal | undefined {
  if (platform === 'intel') return rules.NO_VIOMMU;
  return state.space.get(parent) === 'kernel' ? undefined : rules.NO_HWPT;
}

type Nesting = Readonly<{ as: SpaceState; untagged: boolean }>;

/** HWPT_ALLOC asks a device of the context; its IOAS gets a NEST_PARENT below the first nested one. */
function allocNested(
  state: DesignState,
  ground: Ground,
  { space, parent }: Readonly<{ space: number; parent: number }>,
  { as, untagged }: Nesting,
): Decision {
  if (state.space.get(space) !== 'free') return rules.IS_USED;
  const context = state.home.get(parent);
  if (context === undefined) return state.contextOpen.size() === 0 ? rules.BAD_DESCRIPTOR : rules.NO_DEVICE;
  if (!state.contextOpen.has(context)) return rules.BAD_DESCRIPTOR;
  if (!state.boundTo.includes(context)) return rules.NO_DEVICE;
  const refused = as === 'user' ? refusesUser(state, ground, parent) : refusesTable(state, ground, parent);
  if (refused !== undefined) return refused;
  return [...gained(state, ground, parent), { type: 'SpaceAllocated', space, context, as, parent, untagged }];
}

function destroyEvents(state: DesignState, ground: Ground, space: number): DesignEvent[] {
  const parent = state.parent.get(space);
  const others = ground.spaces.some((other) => other !== space && state.parent.get(other) === parent);
  const pinsEnd =
    parent !== undefined &&
    !others &&
    usesOf(state, ground, parent) === 0 &&
    hasDomain(state, ground, parent);
  return [
    { type: 'TranslationsDropped', space, page: undefined },
    { type: 'SpaceFreed', space },
    ...(pinsEnd ? uncharged(state, ground, parent) : []),
  ];
}

export const spaceCommands: readonly DesignCommand[] = [
  command('alloc', {
    name: 'IOMMU_IOAS_ALLOC',
    on: 'iommu',
    source: 'iommufd_ioas_alloc_ioctl()',
    decide: (state, { space, context }) => allocIoas(state, space, context, false),
  }),
  command('alloc-automatic', {
    name: 'IOMMU_IOAS_ALLOC, to be attached itself',
    on: 'iommu',
    source: 'iommufd_ioas_alloc_ioctl(), iommufd_device_auto_get_domain()',
    decide: (state, { space, context }) => allocIoas(state, space, context, true),
  }),
  command('alloc-user', {
    name: 'IOMMU_HWPT_ALLOC, nested',
    on: 'iommu',
    source: 'iommufd_hwpt_nested_alloc(), intel_iommu_domain_alloc_nested()',
    decide: (state, args, ground) => allocNested(state, ground, args, { as: 'user', untagged: false }),
  }),
  command('alloc-table', {
    name: 'IOMMU_VIOMMU_ALLOC, IOMMU_HWPT_ALLOC, nested',
    on: 'iommu',
    source: 'iommufd_viommu_alloc_hwpt_nested(), arm_vsmmu_alloc_domain_nested()',
    decide: (state, args, ground) => allocNested(state, ground, args, { as: 'table', untagged: true }),
  }),
  command('destroy', {
    name: 'IOMMU_DESTROY',
    on: 'iommu',
    source: 'iommufd_destroy()',
    decide: (state, { space }, ground) => {
      const context = state.home.get(space);
      if (context === undefined)
        return state.contextOpen.size() === 0 ? rules.BAD_DESCRIPTOR : rules.NO_OBJECT;
      if (!state.contextOpen.has(context)) return rules.BAD_DESCRIPTOR;
      if (isAttached(state, ground, space) || hasChild(state, space)) return rules.IN_USE;
      return destroyEvents(state, ground, space);
    },
  }),
];
