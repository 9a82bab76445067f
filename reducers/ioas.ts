/** What events leave behind in address spaces: areas, reservations, alignment. */
import { hex } from '../events/hex.ts';
import type { IoasEvent } from '../events/ioas.ts';
import { unreachable } from '../events/unreachable.ts';
import { areaAt, EMPTY_AREAS, forEachArea, putArea, removeArea } from '../machines/area-tree.ts';
import { pagesOf } from '../machines/mapping.ts';
import { type Ioas, mustBe } from '../machines/objects.ts';
import { splitArea } from '../machines/vfio-compat.ts';
import type { Context, World } from '../machines/world.ts';
import { contextOf, initialPhase, publish } from './objects.ts';
import { addPages, capture, changeOwner, dropArea, hold, pagesIn, release } from './pages.ts';

const PAGE = 4096;

/** iopt_calculate_iova_alignment(). */
export function realign(context: Context, ioas: Ioas): void {
  let align = ioas.largePages ? 1 : PAGE;
  for (const id of ioas.hwptIds) align = Math.max(align, mustBe(context, id, 'hwpt-paging').domain.granule);
  for (const id of ioas.accessIds) if (mustBe(context, id, 'access').needsPin) align = Math.max(align, PAGE);
  ioas.align = align;
}

/** The first domain of an IOAS pins every area. */
export function holdAreas(context: Context, ioas: Ioas): void {
  forEachArea(ioas.areas, (area) => {
    const pages = pagesIn(context, area.pagesId);
    if (pages.kind !== 'dmabuf') hold(pages, ...pagesOf(area));
    return true;
  });
}

/** The last domain lets them go. */
export function releaseAreas(world: World, context: Context, ioas: Ioas): void {
  forEachArea(ioas.areas, (area) => {
    const pages = pagesIn(context, area.pagesId);
    if (pages.kind !== 'dmabuf') release(world, pages, ...pagesOf(area));
    return true;
  });
}

/** Takes one area out, with what it pinned. */
export function dropAreaAt(world: World, context: Context, ioas: Ioas, iova: bigint): void {
  const area = areaAt(ioas.areas, iova);
  if (area === undefined) throw new Error(`invariant: no area at ${hex(iova)} of IOAS ${ioas.id}`);
  const pages = pagesIn(context, area.pagesId);
  if (ioas.hwptIds.length > 0 && pages.kind !== 'dmabuf') release(world, pages, ...pagesOf(area));
  ioas.areas = removeArea(ioas.areas, area.iova);
  dropArea(context, pages);
}

export function reduceIoas(world: World, event: IoasEvent): void {
  const context = contextOf(world, event.context);
  switch (event.type) {
    case 'IoasAllocated':
      publish(context, {
        kind: 'ioas',
        id: event.id,
        users: 1,
        phase: initialPhase('ioas'),
        areas: EMPTY_AREAS,
        reserved: [],
        allowed: [],
        allowedKnown: true,
        hwptIds: [],
        accessIds: [],
        largePages: true,
        align: 1,
      });
      return;
    case 'RangesAllowed': {
      const ioas = mustBe(context, event.id, 'ioas');
      ioas.allowed = [...event.ranges];
      ioas.allowedKnown = true;
      return;
    }
    case 'AllowedForgotten':
      mustBe(context, event.id, 'ioas').allowedKnown = false;
      return;
    case 'AreasAdrift':
      mustBe(context, event.id, 'ioas').adrift = true;
      context.adrift = true;
      return;
    case 'RangeReserved':
      mustBe(context, event.id, 'ioas').reserved.push({
        start: event.start,
        last: event.last,
        owner: event.owner,
      });
      return;
    case 'ReservationsDropped':
      dropReservations(mustBe(context, event.id, 'ioas'), event.owner);
      return;
    case 'AreasMapped':
      mapAreas(world, context, event);
      return;
    case 'AreaUnmapped':
      dropAreaAt(world, context, mustBe(context, event.id, 'ioas'), event.iova);
      return;
    case 'AreaSplit':
      splitAt(context, mustBe(context, event.id, 'ioas'), event.iova, event.at);
      return;
    case 'LargePagesSet': {
      const ioas = mustBe(context, event.id, 'ioas');
      ioas.largePages = event.enabled;
      realign(context, ioas);
      return;
    }
    case 'AccountModeSet':
      context.accountMode = event.mode;
      return;
    case 'CompatIoasSet':
      context.compatIoasId = event.id;
      return;
    case 'ProcessChanged': {
      const process = world.processes.get(event.pid);
      if (process !== undefined) changeOwner(world, context, process.pid, process.uid, process.spaceId);
      return;
    }
    default:
      unreachable(event);
  }
}

/** A owner's reservations leave; what others reserved at the same place stays. */
export function dropReservations(ioas: Ioas, owner: string): void {
  if (ioas.reserved.some((one) => one.owner === owner))
    ioas.reserved = ioas.reserved.filter((one) => one.owner !== owner);
}

function mapAreas(world: World, context: Context, event: Extract<IoasEvent, { type: 'AreasMapped' }>): void {
  const ioas = mustBe(context, event.id, 'ioas');
  if (event.pages !== undefined) addPages(world, context, event.pages);
  capture(world, context, event.captures);
  for (const area of event.areas) {
    ioas.areas = putArea(ioas.areas, area);
    const pages = pagesIn(context, area.pagesId);
    pages.areas++;
    if (ioas.hwptIds.length > 0 && pages.kind !== 'dmabuf') hold(pages, ...pagesOf(area));
  }
}

function splitAt(context: Context, ioas: Ioas, iova: bigint, at: bigint): void {
  const area = areaAt(ioas.areas, iova);
  if (area === undefined) throw new Error(`invariant: no area at ${hex(iova)} to split`);
  ioas.areas = splitArea(ioas.areas, area, at);
  const pages = pagesIn(context, area.pagesId);
  pages.areas++;
  if (ioas.hwptIds.length === 0 || pages.kind === 'dmabuf') return;
  const [first, last] = pagesOf(area);
  const cut = Number((area.startByte + (at - area.iova)) >> 12n);
  hold(pages, first, cut);
  hold(pages, Number((area.startByte + (at + 1n - area.iova)) >> 12n), last);
  releaseCovered(pages, first, last);
}

/** The whole area's hold goes; its two parts hold the same pages. */
function releaseCovered(pages: ReturnType<typeof pagesIn>, first: number, last: number): void {
  const index = pages.holds.findIndex((one) => one.first === first && one.last === last);
  const found = pages.holds[index];
  if (found !== undefined && --found.count === 0) pages.holds.splice(index, 1);
}
