/** Properties of translations, caches and accounting: P12 to P16, P58. */
import type { DesignEvent } from '../design-event.ts';
import { translates } from '../design-hardware.ts';
import type { Look, PropertySpec } from '../property.ts';
import { traitsOf } from '../setup.ts';
import type { Verb } from '../verb.ts';
import {
  everyDevice,
  everySpace,
  isAttachedTo,
  isKernelManaged,
  isLiveSpace,
  isUserManaged,
  someDevice,
  someSpace,
} from './look.ts';

const TABLES: readonly Verb[] = ['alloc-user', 'alloc-table', 'bind-table', 'bind-pasid-table'];

export const memoryProperties: readonly PropertySpec[] = [
  {
    id: 'P12',
    kind: 'state',
    says: 'after an unmap on a parent no translation of a child to that range survives in a cache',
    source: 'V1 5.3; V2, IOMMU_UNMAP_DMA',
    standing: 'asserted',
    outcome: 'holds: flushing the parent flushes what is nested on it (VT-d: cache.c)',
    setups: ['caches', 'caches-moved'],
    needs: [
      ['unmap', 'unmap-all'],
      [...TABLES, 'alloc-shadow', 'create-nesting'],
    ],
    arises: (look) =>
      someSpace(look, (space) => someCell(look, space, (page) => lostItsParent(look, space, page))),
    holds: (look) =>
      everySpace(look, (space) =>
        look.ground.pages.every((page) => !isCached(look, space, page) || isBacked(look, space, page)),
      ),
  },
  {
    id: 'P13',
    kind: 'state',
    says: 'an entry that the guest clears may be served until the next INVALIDATE, and never after it',
    source: 'V2 1.1; V1T David Gibson, 8 Jun 2021',
    standing: 'asserted',
    outcome: 'holds: IOMMU_HWPT_INVALIDATE',
    setups: ['caches', 'caches-moved'],
    needs: [['invalidate'], TABLES],
    arises: (look) =>
      someSpace(look, (space) =>
        someCell(look, space, (page) => look.state.iotlb.has(space, page) && isCleared(look, space, page)),
      ),
    holds: (look) =>
      everySpace(
        look,
        (space) =>
          !look.state.clean.has(space) ||
          !someCell(look, space, (page) => look.state.iotlb.has(space, page) && isCleared(look, space, page)),
      ),
  },
  {
    id: 'P14',
    kind: 'state',
    says: 'an entry that the guest sets is used after INVALIDATE at the latest, even if caches hold that it was absent',
    source: 'V1T Kevin Tian and David Gibson, 2 to 9 Jun 2021',
    standing: 'questioned',
    outcome: 'holds: the guest’s vIOMMU decides when, the kernel acts on IOMMU_HWPT_INVALIDATE alone',
    setups: ['caches', 'caches-moved'],
    needs: [['invalidate'], TABLES],
    arises: (look) =>
      someSpace(look, (space) => someCell(look, space, (page) => isOverlooked(look, space, page))),
    holds: (look) =>
      everySpace(
        look,
        (space) =>
          !someCell(look, space, (page) => isOverlooked(look, space, page)) ||
          (!look.state.clean.has(space) && look.accepts('invalidate', { space })),
      ),
  },
  {
    id: 'P15',
    kind: 'state',
    says: 'an invalidation of a device reaches all that this device caches, and nothing that another one does',
    source: 'V1T Jean-Philippe Brucker and Jason Gunthorpe, 28 May 2021',
    standing: 'asserted',
    outcome: 'holds: commands on a vIOMMU name a vDEVICE',
    setups: ['caches'],
    needs: [['invalidate-device'], TABLES],
    arises: (look) => someDevice(look, (device) => look.accepts('invalidate-device', { device })),
    holds: (look) =>
      everyDevice(
        look,
        (device) =>
          !(look.state.cleanDevice.has(device) && holdsStale(look, device)) &&
          everyDevice(
            look,
            (other) =>
              reachesDevice(look, device, other) === (other === device) ||
              !look.accepts('invalidate-device', { device }),
          ),
      ),
  },
  {
    id: 'P16',
    kind: 'state',
    says: 'an invalidation of a space reaches every device that the space is attached to',
    source: 'V1 section 2, IOASID_INVALIDATE_CACHE',
    standing: 'asserted',
    outcome:
      'holds on VT-d, which flushes the caches of devices as well; elsewhere the guest’s commands name devices',
    setups: ['caches', 'caches-moved'],
    needs: [['invalidate'], TABLES],
    arises: (look) => someDevice(look, (device) => holdsStale(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => {
        const space = look.state.route.get(traitsOf(look.ground, device).rid);
        return space === undefined || !look.state.clean.has(space) || !holdsStale(look, device);
      }),
  },
  {
    id: 'P58',
    kind: 'state',
    says: 'a page counts once however many related spaces map it, and once per root where they are not related',
    source: 'V1 5.2; V2 4.2',
    standing: 'asserted',
    outcome: 'holds: spaces of one descriptor share pinned pages that they copy',
    setups: ['nesting'],
    needs: [['map']],
    arises: (look) =>
      look.ground.pages.some(
        (page) => look.ground.spaces.filter((space) => look.state.mapped.has(space, page)).length > 1,
      ),
    holds: (look) =>
      look.ground.pages.every((page) => {
        const charges = look.state.charges.get(page);
        return charges <= dueCharges(look, page, false) && charges >= dueCharges(look, page, true);
      }),
  },
];

function someCell(look: Look, space: number, holds: (page: number) => boolean): boolean {
  return isUserManaged(look, space) && look.ground.pages.some(holds);
}

/** In the IOTLB, or in the cache of a device that is on this space. */
function isCached({ state, ground }: Look, space: number, page: number): boolean {
  return (
    state.iotlb.has(space, page) ||
    ground.devices.some((device) => state.route.get(device) === space && state.atc.has(device, page))
  );
}

/** Every space of the kernel's, from this one down, maps the page. */
function isBacked(look: Look, space: number, page: number, depth = 0): boolean {
  if (depth > look.ground.spaces.length) return false;
  const own = isKernelManaged(look, space) ? look.state.mapped.has(space, page) : isLiveSpace(look, space);
  const parent = look.state.parent.get(space);
  return own && (parent === undefined || isBacked(look, parent, page, depth + 1));
}

/** The guest has an entry to memory that was unmapped below it. */
function lostItsParent(look: Look, space: number, page: number): boolean {
  return look.state.pte.has(space, page) && !isBacked(look, space, page);
}

function isCleared({ state }: Look, space: number, page: number): boolean {
  return !state.pte.has(space, page);
}

/** The guest has an entry, the memory is there, and a cache says that there is none. */
function isOverlooked({ state }: Look, space: number, page: number): boolean {
  return state.absent.has(space, page) && translates(state, space, page);
}

/** The device's own cache has a translation that the guest cleared. */
function holdsStale(look: Look, device: number): boolean {
  const { rid } = traitsOf(look.ground, device);
  const space = look.state.route.get(rid);
  if (space === undefined) return false;
  return someCell(look, space, (page) => look.state.atc.has(rid, page) && isCleared(look, space, page));
}

/** Whether an invalidation of `device` would empty the cache of `other`. */
function reachesDevice(look: Look, device: number, other: number): boolean {
  const { rid } = traitsOf(look.ground, other);
  return look
    .decides('invalidate-device', { device })
    .some((event: DesignEvent) =>
      event.type === 'DeviceCacheDropped'
        ? event.rid === rid
        : event.type === 'TranslationsDropped' && look.state.route.get(rid) === event.space,
    );
}

/** Once if it was registered, else once for each root that maps it; mainline pins what a root maps once a device is attached. */
function dueCharges(look: Look, page: number, attachedOnly: boolean): number {
  const { state, ground } = look;
  if (state.registered.has(page)) return 1;
  return ground.spaces.filter(
    (space) =>
      state.mapped.has(space, page) &&
      state.parent.get(space) === undefined &&
      (!attachedOnly || someDevice(look, (device) => isAttachedTo(look, device, space))),
  ).length;
}
