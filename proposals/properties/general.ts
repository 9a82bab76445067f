/** What every design has to keep, whoever proposed it: G01 to G12. Nobody claims these in a mail; breaking one is a mistake. */
import type { Look, PropertySpec, StateProperty } from '../property.ts';
import { matesOf, traitsOf } from '../setup.ts';
import type { SetupId } from '../setups.ts';
import type { Verb } from '../verb.ts';
import {
  everyDevice,
  everySpace,
  isAttachedTo,
  isBound,
  isGroupOwned,
  isKernelManaged,
  isLiveSpace,
  someDevice,
  someSpace,
} from './look.ts';

type Parts = Readonly<{
  id: StateProperty['id'];
  says: string;
  setups: readonly SetupId[];
  needs?: readonly (readonly Verb[])[];
  arises: (look: Look) => boolean;
  holds: (look: Look) => boolean;
}>;

function general({ needs = [], ...parts }: Parts): PropertySpec {
  return {
    ...parts,
    needs,
    kind: 'state',
    source: 'any design',
    standing: 'mainline',
    outcome: 'holds',
  };
}

const isOpenContext = ({ state }: Look, context: number): boolean =>
  state.contextOpen.has(context) || state.contextGone.has(context);

const hasUser = (look: Look, space: number): boolean =>
  someDevice(look, (device) => isAttachedTo(look, device, space));

/** For every mapped, or every unmapped, page of spaces that the kernel manages. */
function everyPage(look: Look, mapped: boolean, holds: (space: number, page: number) => boolean): boolean {
  return everySpace(look, (space) =>
    look.ground.pages.every(
      (page) =>
        !isKernelManaged(look, space) || look.state.mapped.has(space, page) !== mapped || holds(space, page),
    ),
  );
}

const isSomethingMapped = (look: Look): boolean =>
  someSpace(look, (space) => look.state.mapped.size(space) > 0);

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
        (context) => !look.state.contextGone.has(context) || look.state.boundTo.includes(context),
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
            (isBound(look, device) && look.state.home.get(space) === look.state.boundTo.get(device)),
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
    says: 'a device is bound when it is open, to a context that is open, and only once',
    setups: ['routes', 'groups'],
    needs: [['bind']],
    arises: (look) => someDevice(look, (device) => isBound(look, device)),
    holds: (look) =>
      everyDevice(look, (device) =>
        look.ground.contexts.every(
          (context) =>
            !look.accepts('bind', { device, context }) ||
            (look.state.device.get(device) === 'open' && look.state.contextOpen.has(context)),
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
    says: 'only what is attached can be detached, and it can',
    setups: ['routes', 'groups'],
    needs: [['detach']],
    arises: (look) => someDevice(look, (device) => look.state.attached.get(device) !== undefined),
    holds: (look) =>
      everyDevice(
        look,
        (device) => look.accepts('detach', { device }) === (look.state.attached.get(device) !== undefined),
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
    id: 'G10',
    says: 'a page that is mapped cannot be mapped again, and can be unmapped',
    setups: ['nesting'],
    needs: [['map'], ['unmap']],
    arises: isSomethingMapped,
    holds: (look) =>
      everyPage(
        look,
        true,
        (space, page) =>
          !look.accepts('map', { space, page }) &&
          !look.accepts('map-all', { space }) &&
          (!hasUser(look, space) || look.state.joined.has(space) || look.accepts('unmap', { space, page })),
      ),
  }),
  general({
    id: 'G11',
    says: 'a page that is not mapped can be mapped where a device is attached, and cannot be unmapped',
    setups: ['nesting'],
    needs: [['map'], ['unmap']],
    arises: (look) => someSpace(look, (space) => isKernelManaged(look, space) && hasUser(look, space)),
    holds: (look) =>
      everyPage(look, false, (space, page) => !look.accepts('unmap', { space, page })) &&
      everySpace(look, (space) => look.state.mapped.size(space) > 0 || !look.accepts('unmap-all', { space })),
  }),
  general({
    id: 'G12',
    says: 'no command is taken on a space that is not there, and none is made twice',
    setups: ['routes', 'nesting'],
    needs: [['alloc', 'alloc-enforced']],
    arises: (look) => someSpace(look, (space) => isLiveSpace(look, space)),
    holds: (look) =>
      everySpace(look, (space) =>
        isLiveSpace(look, space)
          ? look.ground.contexts.every(
              (context) => !accepts(look, ['alloc', 'alloc-enforced'], space, context),
            )
          : !accepts(look, ['destroy', 'map-all', 'unmap-all', 'invalidate'], space, 0),
      ),
  }),
];

/** Whether some of these words is taken for a space, or for the id of one. */
function accepts(
  look: Look,
  words: readonly ('alloc' | 'alloc-enforced' | 'destroy' | 'map-all' | 'unmap-all' | 'invalidate')[],
  space: number,
  context: number,
): boolean {
  return words.some((word) => look.accepts(word, { space, context }));
}

function isUnused(look: Look, device: number): boolean {
  return (
    traitsOf(look.ground, device).kind === 'pdev' &&
    !isGroupOwned(look, device) &&
    look.state.device.get(device) === 'closed' &&
    !look.state.hostDriver.has(device)
  );
}
