/** Properties of ownership and groups: P20 to P28. */
import type { PropertySpec } from '../property.ts';
import { matesOf, traitsOf } from '../setup.ts';
import {
  everyDevice,
  isBound,
  isBoundPdev,
  isGroupOwned,
  isLiveSpace,
  someDevice,
  someSpace,
} from './look.ts';

export const groupProperties: readonly PropertySpec[] = [
  {
    id: 'P20',
    kind: 'state',
    says: 'a device is never in the default domain between its bind and the last unbind of its group',
    source: 'V2 1.3; R20-06',
    standing: 'asserted',
    outcome: 'holds: iommu_group_claim_dma_owner() puts the group on the blocking domain',
    setups: ['routes', 'groups'],
    needs: [['bind']],
    arises: (look) => someDevice(look, (device) => isBoundPdev(look, device)),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          !isBoundPdev(look, device) ||
          matesOf(look.ground, device).every((mate) => !look.state.onDefault.has(mate)),
      ),
  },
  {
    id: 'P21',
    kind: 'state',
    says: 'detach returns the device (or its group) to blocked, never to the default domain',
    source: 'V2; R20-13',
    standing: 'asserted',
    outcome: 'holds',
    setups: ['routes', 'groups'],
    needs: [['detach']],
    arises: (look) => someDevice(look, (device) => isBoundPdev(look, device) && isUnattached(look, device)),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          !isBoundPdev(look, device) ||
          !isUnattached(look, device) ||
          (look.state.route.get(device) === undefined && !look.state.onDefault.has(device)),
      ),
  },
  {
    id: 'P22',
    kind: 'state',
    says: 'no access to the device before its group is blocked and owned',
    source: 'V2; R20-05',
    standing: 'asserted',
    outcome: 'holds: EINVAL until bind (access_granted)',
    setups: ['routes'],
    needs: [['touch']],
    arises: (look) => someDevice(look, (device) => look.state.device.get(device) === 'open'),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          !look.accepts('touch', { device }) ||
          (isBound(look, device) && !look.state.onDefault.has(traitsOf(look.ground, device).rid)),
      ),
  },
  {
    id: 'P23',
    kind: 'state',
    says: 'all members of a group are owned by one security context',
    source: 'V1T <20210614140711.GI1002214@...>; R20T 29 Sep 2021',
    standing: 'asserted',
    outcome: 'holds: EPERM for another owner',
    setups: ['groups'],
    needs: [['bind']],
    arises: (look) => someDevice(look, (device) => isBound(look, device) && hasMate(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => {
        const owner = look.state.boundTo.get(device);
        return matesOf(look.ground, device).every((mate) => {
          const other = look.state.boundTo.get(mate);
          return owner === undefined || other === undefined || other === owner;
        });
      }),
  },
  {
    id: 'P24',
    kind: 'state',
    says: 'a group stays viable while it is owned: no driver of the host can bind to a member',
    source: 'V2; R20-06; R20T 21 Sep 2021',
    standing: 'asserted',
    outcome: 'holds: the probe fails with EBUSY; the RFC had BUG_ON',
    setups: ['groups'],
    needs: [['bind']],
    arises: (look) => someDevice(look, (device) => isGroupOwned(look, device) && hasMate(look, device)),
    holds: (look) =>
      !look.state.crashed.get() &&
      everyDevice(look, (device) => !isGroupOwned(look, device) || !look.state.hostDriver.has(device)),
  },
  {
    id: 'P25',
    kind: 'state',
    says: 'members of a group use one address space per PASID slot',
    source: 'PLAN 28 Jun 2021; R20-13',
    standing: 'asserted',
    outcome: 'holds: EINVAL for another HWPT',
    setups: ['groups'],
    needs: [['attach']],
    arises: (look) => someDevice(look, (device) => isAttachedWithMate(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => {
        const space = look.state.attached.get(device);
        return matesOf(look.ground, device).every((mate) => {
          const other = look.state.attached.get(mate);
          return space === undefined || other === undefined || other === space;
        });
      }),
  },
  {
    id: 'P26',
    kind: 'state',
    says: 'members are counted: the group leaves its address space only with the last one',
    source: 'R20-13; <20211025233602.GN2744544@...>',
    standing: 'asserted',
    outcome: 'holds',
    setups: ['groups'],
    needs: [['attach'], ['detach']],
    arises: (look) => someDevice(look, (device) => isAttachedWithMate(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => {
        const space = look.state.attached.get(device);
        return space === undefined || look.state.route.get(device) === space;
      }),
  },
  {
    id: 'P27',
    kind: 'state',
    says: 'with another member attached, one that was detached cannot be attached elsewhere',
    source: '<YXfJCrvtaXHV+qs/@yekko>',
    standing: 'asserted',
    outcome: 'holds: EINVAL; a replace of the whole group is the way out',
    setups: ['groups'],
    needs: [['attach']],
    arises: (look) =>
      someDevice(look, (device) => isDetachedBesideMate(look, device) && hasElsewhere(look, device)),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          !isDetachedBesideMate(look, device) ||
          !someSpace(
            look,
            (space) => space !== mateSpace(look, device) && look.accepts('attach', { device, space }),
          ),
      ),
  },
  {
    id: 'P28',
    kind: 'state',
    says: 'a switch of address spaces opens no window in which DMA meets the default domain',
    source: 'V1T Alex Williamson, 16 Jun 2021',
    standing: 'questioned',
    outcome: 'holds: replace is one step of the driver',
    setups: ['routes', 'groups'],
    needs: [['attach']],
    arises: (look) =>
      someDevice(look, (device) => look.state.attached.get(device) !== undefined) &&
      look.ground.spaces.every((space) => isLiveSpace(look, space)),
    holds: (look) =>
      everyDevice(
        look,
        (device) => look.state.attached.get(device) === undefined || !look.state.onDefault.has(device),
      ),
  },
];

type Looked = Parameters<typeof isBound>[0];

function hasMate(look: Looked, device: number): boolean {
  return matesOf(look.ground, device).length > 1;
}

/** No member of its group has a default address space. */
function isUnattached(look: Looked, device: number): boolean {
  return matesOf(look.ground, device).every((mate) => look.state.attached.get(mate) === undefined);
}

/** Both are bound, and one at least is attached. */
function isAttachedWithMate(look: Looked, device: number): boolean {
  return (
    look.state.attached.get(device) !== undefined &&
    matesOf(look.ground, device).some((mate) => mate !== device && isBound(look, mate))
  );
}

function mateSpace(look: Looked, device: number): number | undefined {
  return matesOf(look.ground, device)
    .filter((mate) => mate !== device)
    .map((mate) => look.state.attached.get(mate))
    .find((space) => space !== undefined);
}

function isDetachedBesideMate(look: Looked, device: number): boolean {
  return (
    isBound(look, device) &&
    look.state.attached.get(device) === undefined &&
    mateSpace(look, device) !== undefined
  );
}

/** A space of the same context that its mates are not on. */
function hasElsewhere(look: Looked, device: number): boolean {
  return someSpace(
    look,
    (space) =>
      isLiveSpace(look, space) &&
      space !== mateSpace(look, device) &&
      look.state.home.get(space) === look.state.boundTo.get(device),
  );
}
