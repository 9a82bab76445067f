/** The hardware below every proposal: what its slots and caches hold after an event, and what DMA meets there. */

import { unreachable } from '../events/unreachable.ts';
import { BLOCKED, DEFAULT, type Entry } from '../machines/hardware.ts';
import type { SlotEvent } from './design-event.ts';
import type { DesignState } from './design-state.ts';
import type { Ground } from './setup.ts';

/** Reduces one event into the slots and caches. */
export function reduceSlots(state: DesignState, ground: Ground, event: SlotEvent): void {
  switch (event.type) {
    case 'SlotRouted':
      if (event.pasid === undefined) {
        state.onDefault.delete(event.rid);
        // A driver that changes a route invalidates what the device has of the old one.
        if (state.route.get(event.rid) !== event.space) state.atc.clear(event.rid);
        state.route.set(event.rid, event.space);
      } else state.pasidRoute.set(event.rid, event.pasid, event.space);
      return;
    case 'SlotBlocked':
      if (event.pasid === undefined) {
        state.onDefault.delete(event.rid);
        state.route.set(event.rid, undefined);
        state.atc.clear(event.rid);
      } else state.pasidRoute.set(event.rid, event.pasid, undefined);
      return;
    case 'SlotReleased':
      state.onDefault.add(event.rid);
      state.route.set(event.rid, undefined);
      state.atc.clear(event.rid);
      return;
    case 'TableDelegated':
      state.delegated.add(event.rid);
      return;
    case 'TableReclaimed':
      state.delegated.delete(event.rid);
      state.guestEntry.clear(event.rid);
      return;
    case 'GuestEntryWritten':
      state.guestEntry.add(event.rid, event.pasid);
      return;
    case 'TranslationCached':
      state.iotlb.add(event.space, event.page);
      state.atc.add(event.rid, event.page);
      return;
    case 'AbsenceCached':
      state.absent.add(event.space, event.page);
      return;
    case 'TranslationsDropped':
      dropTranslations(state, ground, event.space, event.page);
      return;
    case 'DeviceCacheDropped':
      state.atc.clear(event.rid);
      return;
    default:
      unreachable(event);
  }
}

function dropTranslations(state: DesignState, ground: Ground, space: number, page: number | undefined): void {
  if (page === undefined) {
    state.iotlb.clear(space);
    state.absent.clear(space);
  } else {
    state.iotlb.delete(space, page);
    state.absent.delete(space, page);
  }
  for (const device of ground.devices) {
    if (state.route.get(device) !== space) continue;
    if (page === undefined) state.atc.clear(device);
    else state.atc.delete(device, page);
  }
}

/** Whether the tables of a space, and of all below it, translate a page. Caches are not looked at. */
export function translates(state: DesignState, space: number, page: number): boolean {
  const parent = state.parent.get(space);
  const below = parent === undefined || translates(state, parent, page);
  switch (state.space.get(space)) {
    case 'kernel':
    case 'shadow':
      return state.mapped.has(space, page) && below;
    case 'user':
    case 'table':
      return state.pte.has(space, page) && below;
    case 'mm':
    case 'kvm':
    case 'root':
      return true;
    case 'free':
    case 'inert':
    case 'empty':
      return false;
  }
}

/** Where DMA ends. */
export type DmaOutcome =
  | Readonly<{ reaches: 'memory'; space: number }>
  | Readonly<{ reaches: 'host' }>
  | Readonly<{ reaches: 'nothing'; why: 'blocked' | 'not mapped' | 'no entry' }>;

/** What DMA of a RID meets, without a PASID or with the number that is on the bus. */
export function dmaOutcome(
  state: DesignState,
  rid: number,
  wire: number | undefined,
  page: number,
): DmaOutcome {
  if (wire === undefined && state.onDefault.has(rid)) return { reaches: 'host' };
  if (wire !== undefined && state.delegated.has(rid)) return guestOutcome(state, rid, wire);
  const space = wire === undefined ? state.route.get(rid) : state.pasidRoute.get(rid, wire);
  if (space === undefined) return { reaches: 'nothing', why: wire === undefined ? 'blocked' : 'no entry' };
  return translates(state, space, page)
    ? { reaches: 'memory', space }
    : { reaches: 'nothing', why: 'not mapped' };
}

/** A guest's own table: its entries lead to memory that the space below the table has. */
function guestOutcome(state: DesignState, rid: number, wire: number): DmaOutcome {
  const table = state.route.get(rid);
  if (table === undefined) return { reaches: 'nothing', why: 'blocked' };
  return state.guestEntry.has(rid, wire)
    ? { reaches: 'memory', space: table }
    : { reaches: 'nothing', why: 'no entry' };
}

/** The slot as an entry of the hardware snapshot that recordings are reduced into; undefined where a PASID has none. */
export function entryOfSlot(state: DesignState, rid: number, wire: number | undefined): Entry | undefined {
  if (wire === undefined && state.onDefault.has(rid)) return DEFAULT;
  if (wire !== undefined && state.sva.get(rid) === wire) return PROCESS;
  const space = wire === undefined ? state.route.get(rid) : state.pasidRoute.get(rid, wire);
  if (space === undefined) return wire === undefined ? BLOCKED : undefined;
  return entryOfSpace(state, space);
}

/** The one process that binds devices. */
const PROCESS: Entry = { kind: 'sva', pid: 1 };

function entryOfSpace(state: DesignState, space: number): Entry {
  if (state.space.get(space) === 'mm') return PROCESS;
  const parent = state.parent.get(space);
  const base = {
    context: (state.home.get(space) ?? 0) + 1,
    hwptId: space + 1,
    ioasId: (parent ?? space) + 1,
    domainId: space + 2,
    faultId: 0,
    dirty: false,
  };
  return parent === undefined
    ? { kind: 'paging', ...base }
    : { kind: 'nested', ...base, parentId: parent + 1, parentDomainId: parent + 2, viommuId: 0 };
}
