/** Binding devices, and their default address space. */
import { closeContext, endContexts, isBoundTo } from '../contexts.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type Decision, type DesignCommand, type Refusal } from '../proposal.ts';
import { type Ground, matesOf, traitsOf } from '../setup.ts';
import { blockGroup, boundMates, CRASH, isViable, probeDriver, releaseGroup, routeGroup } from '../slots.ts';
import { detachPasidEvents, isNumberFree } from './numbers.ts';
import { canName, isCompatible, liesOver } from './reach.ts';
import * as rules from './rules.ts';
import { freeEvents } from './spaces.ts';

/** V2 1.2: a pdev is routed by its RID, an mdev by its parent's RID and defPASID, a software mdev by nothing. */
function routeEvents(state: DesignState, ground: Ground, device: number, space: number): DesignEvent[] {
  const { kind, rid } = traitsOf(ground, device);
  if (kind === 'mdev') return [{ type: 'SlotRouted', rid, pasid: state.defPasid.get(device), space }];
  if (kind !== 'pdev') return [];
  const delegated = state.space.get(space) === 'table';
  return [
    ...routeGroup(ground, device, space),
    ...(delegated
      ? matesOf(ground, device).map((mate) => ({ type: 'TableDelegated', rid: mate }) as const)
      : []),
  ];
}

/** V2 1.3: back to block-DMA. Members of a group are counted, as the group has one domain [D]. */
function detachEvents(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  const space = state.attached.get(device);
  if (space === undefined) return [];
  const { kind, rid } = traitsOf(ground, device);
  const detached: DesignEvent = { type: 'Detached', device };
  if (kind === 'mdev') return [detached, { type: 'SlotBlocked', rid, pasid: state.defPasid.get(device) }];
  const last = !boundMates(state, ground, device).some((mate) => state.attached.get(mate) !== undefined);
  if (kind !== 'pdev' || !last) return [detached];
  const delegated = state.space.get(space) === 'table';
  return [
    detached,
    ...blockGroup(ground, device),
    ...(delegated
      ? matesOf(ground, device).map((mate) => ({ type: 'TableReclaimed', rid: mate }) as const)
      : []),
  ];
}

function closeEvents(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  if (state.device.get(device) !== 'bound') return [{ type: 'DeviceClosed', device }];
  const release = traitsOf(ground, device).kind === 'pdev' && boundMates(state, ground, device).length === 0;
  return [
    ...ground.pasids.flatMap((pasid) => detachPasidEvents(state, ground, device, pasid)),
    ...detachEvents(state, ground, device),
    { type: 'DeviceClosed', device },
    ...(release ? releaseGroup(ground, device) : []),
    ...endContexts(state, ground, device, (space) => freeEvents(state, ground, space)),
  ];
}

function bindRefusal(state: DesignState, device: number, context: number): Refusal | undefined {
  if (state.device.get(device) === 'closed') return rules.NOT_OPEN;
  if (isBoundTo(state, device, context)) return rules.ALREADY_BOUND;
  return state.contextOpen.has(context) ? undefined : rules.NO_CONTEXT;
}

/** One descriptor more for a device that has one. A group stays in one security context: X3 [D]. */
function bindAlso(ground: Ground, device: number, context: number): Decision {
  const alone = matesOf(ground, device).length === 1;
  return alone ? [{ type: 'DeviceBoundAlso', device, context }] : rules.OTHER_OWNER;
}

const BIND = { name: 'VFIO_BIND_IOMMU_FD', on: 'device', mentions: ['device'] } as const;

export const deviceCommands: readonly DesignCommand[] = [
  command('close-context', {
    name: 'close iommu',
    on: 'iommu',
    source: 'V2 says nothing; as R20-07 [D]',
    decide: (state, { context }, ground) => {
      if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
      return closeContext(state, ground, context, (space) => freeEvents(state, ground, space));
    },
  }),
  command('bind', {
    ...BIND,
    source: 'V2 1.3, 2.2',
    decide: (state, { device, context }, ground) => {
      const refusal = bindRefusal(state, device, context);
      if (refusal !== undefined) return refusal;
      if (state.device.get(device) === 'bound') return bindAlso(ground, device, context);
      const { kind } = traitsOf(ground, device);
      const bound: DesignEvent = { type: 'DeviceBound', device, context };
      // V2T, Jason on 13 July: the parent has no part in binding a software mdev.
      if (kind === 'swmdev') return [bound];
      if (kind !== 'pdev') return rules.WRONG_KIND;
      const mates = boundMates(state, ground, device);
      if (mates.some((mate) => state.boundTo.get(mate) !== context)) return rules.OTHER_OWNER;
      if (!isViable(state, ground, device)) return rules.NOT_VIABLE;
      return [bound, ...(mates.length === 0 ? blockGroup(ground, device) : [])];
    },
  }),
  command('bind-mdev', {
    ...BIND,
    source: 'V2 1.2, 1.4; V2T Kevin, 12 Jul 2021: a security context of its own for (RID, PASID)',
    decide: (state, { device, context, wire }, ground) => {
      const refusal = bindRefusal(state, device, context);
      if (refusal !== undefined) return refusal;
      if (traitsOf(ground, device).kind !== 'mdev') return rules.WRONG_KIND;
      if (state.device.get(device) === 'bound') return bindAlso(ground, device, context);
      if (!isNumberFree(state, ground, device, wire)) return rules.NUMBER_USED;
      return [
        { type: 'DeviceBound', device, context },
        { type: 'DefaultPasidTaken', device, wire },
      ];
    },
  }),
  command('close-device', {
    name: 'close device',
    on: 'device',
    source: 'V2 1.3',
    decide: (state, { device }, ground) =>
      state.device.get(device) === 'closed' ? rules.NOT_OPEN : closeEvents(state, ground, device),
  }),
  command('touch', {
    name: 'read or mmap of the device',
    on: 'device',
    source: 'V2 1.3, 2.2',
    decide: (state, { device }) => (state.device.get(device) === 'bound' ? [] : rules.BLOCKED_ACCESS),
  }),
  command('attach', {
    name: 'VFIO_ATTACH_IOASID',
    on: 'device',
    source: 'V2 1.3, 2.2',
    decide: (state, { device, space }, ground) => {
      if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
      if (!canName(state, device, space)) return rules.NO_SPACE;
      if (state.space.get(space) === 'root') return rules.ACCOUNTING_ONLY;
      const before = state.attached.get(device);
      if (before !== undefined && !liesOver(state, space, before)) return rules.ALREADY_ATTACHED;
      if (!isCompatible(state, ground, device, space)) return rules.INCOMPATIBLE;
      const elsewhere = boundMates(state, ground, device).some((mate) => {
        const other = state.attached.get(mate);
        return other !== undefined && other !== space;
      });
      if (elsewhere) return rules.MATE_ELSEWHERE;
      return [
        { type: 'Attached', device, space },
        // V2 4.3, 4.4: a device that moves to a child stays attached to the parent, by name.
        ...(before === undefined ? [] : [{ type: 'AttachedUnder', device, space: before } as const]),
        ...routeEvents(state, ground, device, space),
      ];
    },
  }),
  command('detach', {
    name: 'VFIO_DETACH_IOASID',
    on: 'device',
    source: 'V2 1.3, 2.2',
    decide: (state, { device }, ground) =>
      state.attached.get(device) === undefined ? rules.NOT_ATTACHED : detachEvents(state, ground, device),
  }),
  command('probe-driver', {
    name: 'bind a host driver',
    on: 'host',
    source: 'V2 1.3: the group is to stay viable, as VFIO has it (BUG_ON) [D]',
    decide: (state, { device }, ground) =>
      probeDriver(state, ground, device, { used: rules.HAS_DRIVER, owned: CRASH }),
  }),
];
