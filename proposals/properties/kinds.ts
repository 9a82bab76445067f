/** Properties of kinds of address space, and what may be done with each: P02 to P11. */
import type { Look, PropertySpec } from '../property.ts';
import type { Proposal } from '../proposal.ts';
import { lifecyclesOf } from '../proposal.ts';
import { matesOf, traitsOf } from '../setup.ts';
import type { Verb } from '../verb.ts';
import {
  everyDevice,
  everySpace,
  isAttachedTo,
  isBound,
  isKernelManaged,
  isLiveSpace,
  isUserManaged,
  someDevice,
  someSpace,
} from './look.ts';

/** Commands that make a space on which the kernel keeps no mappings. */
const OTHER_KINDS: readonly Verb[] = [
  'alloc-user',
  'alloc-table',
  'alloc-mm',
  'alloc-kvm',
  'bind-table',
  'bind-pasid-table',
];
const NESTING: readonly Verb[] = ['alloc-user', 'alloc-table', 'alloc-shadow', 'create-nesting'];
const TABLES: readonly Verb[] = ['alloc-user', 'alloc-table', 'bind-table', 'bind-pasid-table'];

export const kindProperties: readonly PropertySpec[] = [
  {
    id: 'P02',
    kind: 'state',
    says: 'map and unmap succeed only on spaces that the kernel manages',
    source: 'S3 <20210602232352.GL1002214@...>; V1T David Gibson, 2 Jun 2021',
    standing: 'asserted',
    outcome: 'holds: IOMMU_IOAS_MAP takes an IOAS only',
    setups: ['nesting', 'kinds'],
    needs: [['map'], OTHER_KINDS],
    arises: (look) => someSpace(look, (space) => isUserManaged(look, space) || isShared(look, space)),
    holds: (look) =>
      everySpace(
        look,
        (space) =>
          isKernelManaged(look, space) ||
          (!(takesMap(look, space) && !isUndecided(look, space)) && !takesUnmap(look, space)),
      ),
  },
  {
    id: 'P03',
    kind: 'state',
    says: 'invalidate succeeds only on spaces whose table is the user’s, or that software nests',
    source: 'S3; V1T <20210602160914.GX1002214@...>',
    standing: 'asserted',
    outcome: 'holds: a nested HWPT or a vIOMMU only',
    setups: ['nesting', 'kinds'],
    needs: [['invalidate']],
    arises: (look) => someSpace(look, (space) => isKernelManaged(look, space) || isShared(look, space)),
    holds: (look) =>
      everySpace(
        look,
        (space) =>
          isUserManaged(look, space) ||
          look.state.space.get(space) === 'shadow' ||
          !look.accepts('invalidate', { space }),
      ),
  },
  {
    id: 'P04',
    kind: 'shape',
    says: 'one command destroys spaces of every kind',
    source: 'S3',
    standing: 'asserted',
    outcome: 'holds: IOMMU_DESTROY',
    judge: judgeDestroy,
  },
  {
    id: 'P05',
    kind: 'state',
    says: 'page faults go to whoever provides the table: the user, the kernel’s mm, or KVM',
    source: 'S3; V1T Lu Baolu',
    standing: 'asserted',
    outcome: 'holds for tables of the user, which are the only ones that take page faults',
    setups: ['faults', 'kinds'],
    needs: [['report-fault']],
    arises: (look) => someDevice(look, (device) => look.state.fault.get(device) === 'raised'),
    holds: (look) => everyDevice(look, (device) => goesToProvider(look, device)),
  },
  {
    id: 'P06',
    kind: 'state',
    says: 'a space whose memory may be absent (a process’s, a VM’s) is attached only to devices with ATS and PRI',
    source: 'V1T <20210603125620.GX1002214@...>',
    standing: 'asserted',
    outcome: 'no shared space exists; a HWPT with a fault queue is refused for virtual functions with PRI',
    setups: ['kinds'],
    needs: [['alloc-mm', 'alloc-kvm'], ['attach']],
    arises: (look) =>
      someSpace(look, (space) => isFaultable(look, space)) &&
      someDevice(look, (device) => isBound(look, device) && !traitsOf(look.ground, device).pri),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          traitsOf(look.ground, device).pri ||
          !someSpace(
            look,
            (space) =>
              isFaultable(look, space) &&
              (isAttachedTo(look, device, space) || takesDevice(look, device, space)),
          ),
      ),
  },
  {
    id: 'P07',
    kind: 'state',
    says: 'under every table of the user lies a space that is not the user’s, which bounds what it can reach',
    source: 'V1 5.4; V2 1.1',
    standing: 'asserted',
    outcome: 'holds: a nested HWPT has a parent that pages',
    setups: ['nesting', 'kinds', 'pasids'],
    needs: [TABLES],
    arises: (look) => someSpace(look, (space) => isUserManaged(look, space)),
    holds: (look) => everySpace(look, (space) => !isUserManaged(look, space) || isBounded(look, space)),
  },
  {
    id: 'P08',
    kind: 'state',
    says: 'nesting has no cycles and stays inside one descriptor',
    source: 'V2; V1T Jason Gunthorpe, 1 Jun 2021',
    standing: 'asserted',
    outcome: 'holds: two levels',
    setups: ['nesting', 'kinds'],
    needs: [NESTING],
    arises: (look) => someSpace(look, (space) => look.state.parent.get(space) !== undefined),
    holds: (look) =>
      everySpace(look, (space) => {
        const parent = look.state.parent.get(space);
        if (parent === undefined) return true;
        return look.state.home.get(space) === look.state.home.get(parent) && !isBelow(look, parent, space);
      }),
  },
  {
    id: 'P09',
    kind: 'state',
    says: 'a device that is attached to a child is attached to its parent',
    source: 'V1 section 2, IOASID_CREATE_NESTING',
    standing: 'asserted',
    outcome: 'dropped: the nested domain holds its parent, the device need not',
    setups: ['nesting', 'kinds', 'pasids'],
    needs: [NESTING, ['attach']],
    arises: (look) =>
      someSpace(
        look,
        (space) =>
          look.state.parent.get(space) !== undefined &&
          someDevice(look, (device) => isAttachedTo(look, device, space)),
      ),
    holds: (look) =>
      everySpace(look, (space) => {
        const parent = look.state.parent.get(space);
        if (parent === undefined) return true;
        return everyDevice(
          look,
          (device) => !isAttachedTo(look, device, space) || isAttachedTo(look, device, parent),
        );
      }),
  },
  {
    id: 'P10',
    kind: 'state',
    says: 'a space with no device, or with part of a group, rejects every command',
    source: 'V1 section 2, IOASID_ALLOC; section 4.2',
    standing: 'asserted',
    outcome: 'dropped: an IOAS is mapped before any device is there',
    setups: ['nesting', 'groups'],
    needs: [['map']],
    arises: (look) => someSpace(look, (space) => isLiveSpace(look, space) && !isComplete(look, space)),
    holds: (look) =>
      everySpace(
        look,
        (space) => !isLiveSpace(look, space) || isComplete(look, space) || !takesAnything(look, space),
      ),
  },
  {
    id: 'P11',
    kind: 'state',
    says: 'unmap does not split what one map made',
    source: 'V1 section 2; V2; R20-18: as type1v2',
    standing: 'asserted',
    outcome: 'holds: ENOENT; a range that covers several mappings is fine',
    setups: ['nesting'],
    needs: [['map-all'], ['unmap']],
    arises: (look) => look.state.joined.size() > 0,
    holds: (look) =>
      everySpace(
        look,
        (space) =>
          !look.state.joined.has(space) ||
          !look.ground.pages.some((page) => look.accepts('unmap', { space, page })),
      ),
  },
];

function isShared({ state }: Look, space: number): boolean {
  const kind = state.space.get(space);
  return kind === 'mm' || kind === 'kvm';
}

/** Its memory may be absent: it is shared, or lies over what is. */
function isFaultable(look: Look, space: number, depth = 0): boolean {
  if (isShared(look, space)) return true;
  const parent = look.state.parent.get(space);
  return parent !== undefined && depth < look.ground.spaces.length && isFaultable(look, parent, depth + 1);
}

/** Live, and its first command decides what it is. */
function isUndecided({ state }: Look, space: number): boolean {
  return state.space.get(space) === 'empty';
}

function takesMap(look: Look, space: number): boolean {
  return (
    look.accepts('map-all', { space }) ||
    look.ground.pages.some((page) => look.accepts('map', { space, page }))
  );
}

function takesUnmap(look: Look, space: number): boolean {
  return (
    look.accepts('unmap-all', { space }) ||
    look.ground.pages.some((page) => look.accepts('unmap', { space, page }))
  );
}

function takesDevice(look: Look, device: number, space: number): boolean {
  return (
    look.accepts('attach', { device, space }) ||
    look.ground.pasids.some((pasid) => look.accepts('attach-pasid', { device, space, pasid }))
  );
}

function takesAnything(look: Look, space: number): boolean {
  return (
    takesMap(look, space) ||
    takesUnmap(look, space) ||
    look.accepts('bind-table', { space }) ||
    look.accepts('bind-pasid-table', { space }) ||
    look.accepts('unbind-table', { space }) ||
    look.accepts('invalidate', { space }) ||
    someSpace(look, (child) => look.accepts('create-nesting', { space: child, parent: space }))
  );
}

/** Some device is attached to it, and so are all members of its group. */
function isComplete(look: Look, space: number): boolean {
  const attached = look.ground.devices.filter((device) => isAttachedTo(look, device, space));
  return (
    attached.length > 0 &&
    attached.every((device) => matesOf(look.ground, device).every((mate) => isAttachedTo(look, mate, space)))
  );
}

/** A fault of a table of the user's is for the user, one of a shared table is not. */
function goesToProvider(look: Look, device: number): boolean {
  const { state, ground } = look;
  if (state.fault.get(device) !== 'raised') return true;
  const space = state.route.get(traitsOf(ground, device).rid);
  if (space === undefined) return true;
  const isReported = someDevice(look, (other) => look.accepts('report-fault', { device, other }));
  if (isUserManaged(look, space)) return isReported;
  return !isReported;
}

/** Following parents ends in a live space whose table is not the user's. */
function isBounded(look: Look, space: number, depth = 0): boolean {
  if (depth > look.ground.spaces.length || !isLiveSpace(look, space)) return false;
  if (!isUserManaged(look, space)) return look.state.space.get(space) !== 'inert';
  const parent = look.state.parent.get(space);
  return parent !== undefined && isBounded(look, parent, depth + 1);
}

/** Whether following parents from `space` leads to `other`, or round and round. */
function isBelow(look: Look, space: number, other: number, depth = 0): boolean {
  if (space === other || depth > look.ground.spaces.length) return true;
  const parent = look.state.parent.get(space);
  return parent !== undefined && isBelow(look, parent, other, depth + 1);
}

/** Every kind that its machine has must end by the same event. */
function judgeDestroy(proposal: Proposal): ReturnType<Extract<PropertySpec, { kind: 'shape' }>['judge']> {
  const found = proposal.commands.filter(({ verb }) => verb === 'destroy');
  const [destroy] = found;
  if (destroy === undefined) return { verdict: 'not-expressible', why: 'no command destroys a space' };
  const { next, initial } = lifecyclesOf(proposal).space;
  const kinds = [...next.keys()].filter((kind) => kind !== initial);
  const stuck = kinds.filter((kind) => next.get(kind)?.has('SpaceFreed') !== true);
  if (stuck.length > 0)
    return { verdict: 'violated', why: `${destroy.name} does not end: ${stuck.join(', ')}` };
  return { verdict: 'holds', why: `${destroy.name} ends: ${kinds.join(', ')}` };
}
