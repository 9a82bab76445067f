/** Commands on IOASIDs: ALLOC, FREE, CREATE_NESTING and the binding of tables. */
import { devicesOn, hasPasids, isPartial } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { type Ground, traitsOf } from '../setup.ts';
import { hasChild, isAttached } from '../slots.ts';
import { delegate } from './attach.ts';
import * as rules from './rules.ts';

/** Every command but ATTACH and FREE wants all devices of each group to be there. */
export function whyNotLive(state: DesignState, ground: Ground, space: number): Refusal | undefined {
  const kind = state.space.get(space);
  if (kind === 'free') return rules.NO_IOASID;
  if (kind === 'inert') return rules.INERT;
  return isPartial(state, ground, space) ? rules.PARTIAL : undefined;
}

/** Hardware walks two levels: below a table of the user's lies a table of the kernel's, which itself may be nested by software. */
function canNest(state: DesignState, space: number): boolean {
  const kind = state.space.get(space);
  return kind === 'kernel' || (kind === 'empty' && state.parent.get(space) === undefined);
}

function whyNotBindTable(state: DesignState, ground: Ground, space: number): Refusal | undefined {
  const refused = whyNotLive(state, ground, space);
  if (refused !== undefined) return refused;
  if (state.space.get(space) !== 'empty') return rules.KIND_FIXED;
  return state.parent.get(space) === undefined ? rules.NOT_A_CHILD : undefined;
}

/** The devices whose default address space it is, which have a RID of their own. */
function rootDevices(state: DesignState, ground: Ground, space: number): number[] {
  return ground.devices.filter((device) => state.attached.get(device) === space);
}

function takesPasidTable(state: DesignState, ground: Ground, space: number): boolean {
  const devices = rootDevices(state, ground, space);
  return (
    ground.platform !== 'intel' &&
    devices.length > 0 &&
    devices.length === devicesOn(state, ground, space).length &&
    devices.every(
      (device) =>
        traitsOf(ground, device).kind === 'pdev' &&
        hasPasids(ground, device) &&
        ground.pasids.every((pasid) => state.attachedAt.get(device, pasid) === undefined),
    )
  );
}

/** No device on the table has PASIDs that were recorded for it. */
function isUnused(state: DesignState, ground: Ground, space: number): boolean {
  return rootDevices(state, ground, space).every((device) =>
    ground.pasids.every((pasid) => state.attachedAt.get(device, pasid) === undefined),
  );
}

export const SPACE_COMMANDS: readonly DesignCommand[] = [
  command('alloc', {
    name: 'IOASID_ALLOC',
    on: 'iommu',
    source: 'V1 section 2: inert until it is attached',
    decide: (state, { space, context }) => {
      if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
      if (state.space.get(space) !== 'free') return rules.IS_USED;
      return [{ type: 'SpaceAllocated', space, context, as: 'inert' }];
    },
  }),
  command('create-nesting', {
    name: 'IOASID_CREATE_NESTING',
    on: 'iommu',
    source: 'V1 section 2',
    decide: (state, { space, parent }, ground) => {
      const refused = whyNotLive(state, ground, parent);
      if (refused !== undefined) return refused;
      const context = state.home.get(parent);
      if (context === undefined || !state.contextOpen.has(context)) return rules.NO_CONTEXT;
      if (state.space.get(space) !== 'free') return rules.IS_USED;
      if (!canNest(state, parent)) return rules.CANNOT_NEST;
      return [{ type: 'SpaceAllocated', space, context, as: 'inert', parent }];
    },
  }),
  command('destroy', {
    name: 'IOASID_FREE',
    on: 'iommu',
    source: 'V1 section 2',
    decide: (state, { space }, ground) => {
      if (state.space.get(space) === 'free') return rules.NO_IOASID;
      if (isAttached(state, ground, space) || hasChild(state, space)) return rules.IN_USE;
      return [{ type: 'SpaceFreed', space }];
    },
  }),
  command('bind-table', {
    name: 'IOASID_BIND_PGTABLE',
    on: 'iommu',
    source: 'V1 section 2, 5.4',
    decide: (state, { space }, ground) => {
      const refused = whyNotBindTable(state, ground, space);
      if (refused !== undefined) return refused;
      return hasChild(state, space) ? rules.CANNOT_NEST : [{ type: 'TableBound', space }];
    },
  }),
  command('bind-pasid-table', {
    name: 'IOASID_BIND_PASID_TABLE',
    on: 'iommu',
    source: 'V1 section 2, 5.7',
    decide: (state, { space }, ground) => {
      const refused = whyNotBindTable(state, ground, space);
      if (refused !== undefined) return refused;
      if (hasChild(state, space)) return rules.CANNOT_NEST;
      if (!takesPasidTable(state, ground, space)) return rules.NO_FORMAT;
      return [
        { type: 'PasidTableBound', space },
        ...rootDevices(state, ground, space).map(
          (device): DesignEvent => ({ type: 'TableDelegated', rid: device }),
        ),
      ];
    },
  }),
  command('unbind-table', {
    name: 'IOASID_UNBIND_PGTABLE, IOASID_UNBIND_PASID_TABLE',
    on: 'iommu',
    source: 'V1 section 2',
    decide: (state, { space }, ground) => {
      const refused = whyNotLive(state, ground, space);
      if (refused !== undefined) return refused;
      const kind = state.space.get(space);
      if (kind !== 'user' && kind !== 'table') return rules.KIND_FIXED;
      if (!isUnused(state, ground, space)) return rules.CHILD_ATTACHED;
      return [
        { type: 'TableUnbound', space },
        ...rootDevices(state, ground, space).flatMap((device) => reclaimed(state, ground, device, space)),
        { type: 'TranslationsDropped', space, page: undefined },
      ];
    },
  }),
];

/** What was delegated when the table was bound, or when the device came to it. */
function reclaimed(state: DesignState, ground: Ground, device: number, space: number): DesignEvent[] {
  return delegate(state, ground, device, space).map(() => ({
    type: 'TableReclaimed',
    rid: traitsOf(ground, device).rid,
  }));
}
