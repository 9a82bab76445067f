/** What every design has to keep, whoever proposed it: owners and routes. Nobody claims these in a mail; breaking one is a mistake. */
import type { Look, PropertySpec } from '../property.ts';
import { matesOf, traitsOf } from '../setup.ts';
import { general } from './any-design.ts';
import {
  everyDevice,
  everySpace,
  hasUser,
  isAttachedAnywhere,
  isAttachedTo,
  isBound,
  isBoundTo,
  isGroupOwned,
  isLiveSpace,
  someDevice,
  someSpace,
} from './look.ts';

const isOpenContext = ({ state }: Look, context: number): boolean =>
  state.contextOpen.has(context) || state.contextGone.has(context);

export const generalProperties: readonly PropertySpec[] = [
  general({
    id: 'G01',
    says: 'a group that no context owns is back on the default domain',
    setups: ['routes', 'groups'],
    arises: (look) => look.ground.contexts.some((context) => isOpenContext(look, context)),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          traitsOf(look.ground, device).kind !== 'pdev' ||
          isGroupOwned(look, device) ||
          (look.state.onDefault.has(device) && look.state.route.get(device) === undefined),
      ),
  }),
  general({
    id: 'G02',
    says: 'a space lives no longer than its context',
    setups: ['routes', 'groups'],
    needs: [['alloc', 'alloc-enforced']],
    arises: (look) => someSpace(look, (space) => isLiveSpace(look, space)),
    holds: (look) =>
      everySpace(look, (space) => {
        const home = look.state.home.get(space);
        return home === undefined || isOpenContext(look, home);
      }),
  }),
  general({
    id: 'G03',
    says: 'a context lives on after its descriptor was closed only as long as devices are bound to it',
    setups: ['routes'],
    needs: [['close-context']],
    arises: (look) => look.ground.contexts.some((context) => look.state.contextGone.has(context)),
    holds: (look) =>
      look.ground.contexts.every(
        (context) =>
          !look.state.contextGone.has(context) ||
          someDevice(look, (device) => isBoundTo(look, device, context)),
      ),
  }),
  general({
    id: 'G04',
    says: 'what is attached is bound, to the context of the space',
    setups: ['routes', 'groups', 'pasids', 'mediated'],
    needs: [['attach', 'attach-pasid', 'attach-vpasid']],
    arises: (look) => someSpace(look, (space) => hasUser(look, space)),
    holds: (look) =>
      everyDevice(look, (device) =>
        everySpace(
          look,
          (space) =>
            !isAttachedTo(look, device, space) ||
            (isBound(look, device) && isBoundTo(look, device, look.state.home.get(space))),
        ),
      ),
  }),
  general({
    id: 'G05',
    says: 'a RID leads nowhere but to the space that its device, or another of its group, is attached to',
    setups: ['routes', 'groups', 'nesting'],
    needs: [['attach']],
    arises: (look) => someDevice(look, (device) => look.state.route.get(device) !== undefined),
    holds: (look) =>
      everyDevice(look, (device) => {
        const space = look.state.route.get(device);
        return (
          space === undefined ||
          matesOf(look.ground, device).some((mate) => look.state.attached.get(mate) === space)
        );
      }),
  }),
  general({
    id: 'G06',
    says: 'a device is bound when it is open, to a context that is open, and to each only once',
    setups: ['routes', 'groups', 'mediated'],
    needs: [['bind', 'bind-mdev']],
    arises: (look) => someDevice(look, (device) => isBound(look, device)),
    holds: (look) =>
      everyDevice(look, (device) =>
        look.ground.contexts.every(
          (context) =>
            !takesBind(look, device, context) ||
            (look.state.device.get(device) !== 'closed' &&
              look.state.contextOpen.has(context) &&
              !isBoundTo(look, device, context)),
        ),
      ),
  }),
  general({
    id: 'G07',
    says: 'the host can have a device that nobody has',
    setups: ['groups'],
    needs: [['probe-driver']],
    arises: (look) => someDevice(look, (device) => isUnused(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => !isUnused(look, device) || look.accepts('probe-driver', { device })),
  }),
  general({
    id: 'G08',
    says: 'what is attached can be detached; on what is not, a detach does nothing',
    setups: ['routes', 'groups'],
    needs: [['detach']],
    arises: (look) => someDevice(look, (device) => look.state.attached.get(device) !== undefined),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          look.decides('detach', { device }).length > 0 === (look.state.attached.get(device) !== undefined),
      ),
  }),
  general({
    id: 'G09',
    says: 'only a bound device is attached',
    setups: ['routes', 'groups'],
    needs: [['attach']],
    arises: (look) => someDevice(look, (device) => look.state.device.get(device) === 'open'),
    holds: (look) =>
      everyDevice(look, (device) =>
        everySpace(
          look,
          (space) =>
            !look.accepts('attach', { device, space }) || (isBound(look, device) && isLiveSpace(look, space)),
        ),
      ),
  }),
  general({
    id: 'G13',
    says: 'what is taken has an effect: a device that is open can be closed, and one that is bound',
    setups: ['routes', 'groups'],
    arises: (look) => someDevice(look, (device) => look.state.device.get(device) === 'open'),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          (look.state.device.get(device) !== 'closed') ===
            look.decides('close-device', { device }).length > 0 &&
          look.accepts('probe-driver', { device }) === look.decides('probe-driver', { device }).length > 0,
      ),
  }),
  general({
    id: 'G14',
    says: 'a bound device can be attached to a space of its context where neither it nor its group is on another',
    setups: ['routes'],
    needs: [['attach']],
    arises: (look) =>
      someDevice(look, (device) => someSpace(look, (space) => isAttachable(look, device, space))),
    holds: (look) =>
      everyDevice(look, (device) =>
        everySpace(
          look,
          (space) => !isAttachable(look, device, space) || look.accepts('attach', { device, space }),
        ),
      ),
  }),
  {
    ...general({
      id: 'G16',
      says: 'a device that is attached is refused a second address space on the same route',
      setups: ['routes'],
      needs: [['attach']],
      arises: (look) =>
        someDevice(look, (device) => look.state.attached.get(device) !== undefined) &&
        everySpace(look, (space) => isLiveSpace(look, space)),
      holds: (look) =>
        everyDevice(look, (device) =>
          everySpace(
            look,
            (space) =>
              look.state.attached.get(device) === undefined || !look.accepts('attach', { device, space }),
          ),
        ),
    }),
    source: 'R20-15; X4',
    standing: 'questioned',
    outcome: 'given up: a second attach replaces the first in one step',
  },
  general({
    id: 'G17',
    says: 'a device has one driver: the host’s is bound only where there is none, and nothing else has the device open',
    setups: ['groups'],
    needs: [['probe-driver']],
    arises: (look) => someDevice(look, (device) => look.state.device.get(device) === 'open'),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          !look.accepts('probe-driver', { device }) ||
          (look.state.device.get(device) === 'closed' &&
            !look.state.hostDriver.has(device) &&
            (isGroupOwned(look, device) || !crashes(look, device))),
      ),
  }),
  general({
    id: 'G22',
    says: 'what is accepted happens to the device that it names: attach, detach, and both with a PASID',
    setups: ['routes', 'groups', 'pasids', 'mediated'],
    needs: [['attach', 'attach-pasid', 'attach-vpasid']],
    arises: (look) => someDevice(look, (device) => isAttachedAnywhere(look, device)),
    holds: (look) => everyDevice(look, (device) => isObeyed(look, device)),
  }),
];

function isAttachable(look: Look, device: number, space: number): boolean {
  return (
    isBound(look, device) &&
    matesOf(look.ground, device).every((mate) => look.state.attached.get(mate) === undefined) &&
    isLiveSpace(look, space) &&
    isNamed(look, space) &&
    isBoundTo(look, device, look.state.home.get(space))
  );
}

/** Its descriptor is open, so that a command can name both. */
function isNamed({ state }: Look, space: number): boolean {
  const home = state.home.get(space);
  return home !== undefined && state.contextOpen.has(home);
}

function isUnused(look: Look, device: number): boolean {
  return (
    traitsOf(look.ground, device).kind === 'pdev' &&
    !isGroupOwned(look, device) &&
    look.state.device.get(device) === 'closed' &&
    !look.state.hostDriver.has(device)
  );
}

/** An attach that says nothing of a device has to find it there already. */
function isObeyed(look: Look, device: number): boolean {
  const { state, ground } = look;
  const attaches = everySpace(look, (space) => {
    const events = look.decides('attach', { device, space });
    const named = events.some(
      (event) =>
        (event.type === 'Attached' || event.type === 'AttachedUnder') &&
        event.device === device &&
        event.space === space,
    );
    return named || events.length === 0 || isAttachedTo(look, device, space);
  });
  const leaves = look.decides('detach', { device });
  const detaches =
    leaves.length === 0 || leaves.some((event) => event.type === 'Detached' && event.device === device);
  const numbers = ground.pasids.every((pasid) => {
    const events = look.decides('detach-pasid', { device, pasid });
    const gone = events.some(
      (event) => event.type === 'PasidDetached' && event.device === device && event.pasid === pasid,
    );
    return gone || events.length === 0 || state.attachedAt.get(device, pasid) === undefined;
  });
  return attaches && detaches && numbers;
}

/** Whether the device can be bound to this context, by its RID or by a number behind that of its parent. */
function takesBind(look: Look, device: number, context: number): boolean {
  return (
    look.accepts('bind', { device, context }) ||
    look.ground.pasids.some((wire) => look.accepts('bind-mdev', { device, context, wire }))
  );
}

function crashes(look: Look, device: number): boolean {
  return look.decides('probe-driver', { device }).some(({ type }) => type === 'KernelCrashed');
}
