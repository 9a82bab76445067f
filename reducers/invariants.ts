/**
 * checkInvariants(): whether a world is one that the kernel could be in.
 *
 * Without a call, everything is counted again. With the events of one call, only what these events can have changed is
 * looked at, and where a context has very many areas, only their neighbourhood.
 */

import type { Event, EventOf, EventType } from '../events/event.ts';
import { hex } from '../events/hex.ts';
import type { Outcome } from '../events/outcome.ts';
import { areaAt } from '../machines/area-tree.ts';
import { objectOf } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import { checkCaches, checkHardware, checkLeftovers } from './invariants-hardware.ts';
import {
  areasIn,
  checkAddressSpace,
  checkAddressSpaces,
  checkAreaAround,
  checkAreas,
} from './invariants-memory.ts';
import { checkFaults, checkObjects } from './invariants-objects.ts';
import { checkCharges, checkPinned, checkPins } from './invariants-pins.ts';
import type { InvariantId, Violation } from './invariants-register.ts';
import { mayStay } from './invariants-residue.ts';
import { observe } from './observable.ts';

/** One call: what it was told, what happened, and (for a deep check) observe() of its context before. */
export type CheckedCall = Readonly<{
  before?: string | undefined;
  outcome?: Outcome | undefined;
  events?: readonly Event[] | undefined;
}>;

type Report = (invariant: InvariantId, detail: string) => void;

const OBJECTS = 1;
const MEMORY = 2;
const SPACES = 4;
const CHARGES = 8;
const HARDWARE = 16;
const FAULTS = 32;
const ENDS = 64;
const EVERYTHING = OBJECTS | MEMORY | SPACES | CHARGES | HARDWARE | FAULTS | ENDS;

/** Contexts with more areas, and worlds with more pages objects, are not counted through after every call. */
const SMALL = 256;

/** What an event can break beyond its own IOAS, at which checkEvents() looks. A new event has to be entered here. */
const reach: Readonly<Record<EventType, number>> = {
  IoasAllocated: OBJECTS,
  RangesAllowed: 0,
  AllowedForgotten: 0,
  RangeReserved: 0,
  ReservationsDropped: SPACES,
  AreasMapped: MEMORY | CHARGES,
  AreasAdrift: 0,
  AreaUnmapped: MEMORY | CHARGES,
  AreaSplit: MEMORY | SPACES,
  LargePagesSet: 0,
  AccountModeSet: 0,
  CompatIoasSet: 0,
  ProcessChanged: CHARGES,
  AccessCreated: OBJECTS | SPACES,
  AccessMoved: OBJECTS | SPACES,
  AccessDetached: OBJECTS | SPACES,
  AccessPinned: MEMORY | CHARGES,
  AccessItemSkipped: 0,
  AccessUnpinned: MEMORY | CHARGES,
  AccessDestroyed: OBJECTS | MEMORY | SPACES | CHARGES,
  DeviceBound: OBJECTS | HARDWARE,
  DeviceUnbound: OBJECTS | SPACES | HARDWARE | FAULTS,
  SelftestCreated: OBJECTS,
  SelftestDestroyed: OBJECTS,
  DeviceAttached: OBJECTS | SPACES | HARDWARE,
  HwptReplaced: OBJECTS | SPACES | HARDWARE | FAULTS,
  DeviceDetached: OBJECTS | SPACES | HARDWARE | FAULTS,
  RidLeftBlocked: HARDWARE,
  VfioAttachmentNoted: 0,
  VirtualIdentityTaken: 0,
  Pasid1024Toggled: 0,
  CacheInvalidated: 0,
  CachesForgotten: 0,
  CacheLearned: 0,
  HwptPagingAllocated: OBJECTS | MEMORY | SPACES | CHARGES,
  HwptNestedAllocated: OBJECTS,
  HwptDestroyed: OBJECTS | MEMORY | SPACES | CHARGES | HARDWARE | FAULTS,
  DirtyTrackingSet: HARDWARE,
  PagesDirtied: 0,
  DirtyForgotten: 0,
  PagesCleaned: 0,
  IotlbInvalidated: 0,
  IotlbForgotten: 0,
  IotlbLearned: 0,
  FaultQueueAllocated: OBJECTS,
  FaultQueueClosed: OBJECTS,
  FaultRaised: FAULTS,
  FaultsRead: FAULTS,
  FaultAnswered: FAULTS,
  CookieZeroFreed: 0,
  ViommuAllocated: OBJECTS,
  VdeviceAllocated: OBJECTS,
  VdeviceBuried: OBJECTS,
  VeventqAllocated: OBJECTS,
  VeventqClosed: OBJECTS,
  VeventReported: 0,
  VeventsRead: 0,
  HwQueueAllocated: OBJECTS,
  CredentialsSeen: 0,
  MappingsSeen: OBJECTS | ENDS,
  ProcessForked: 0,
  ProcessExited: OBJECTS | ENDS,
  FileSized: 0,
  FileTruncated: 0,
  ContextOpened: OBJECTS | ENDS,
  VfioDeviceOpened: OBJECTS | ENDS,
  DescriptorIssued: OBJECTS | ENDS,
  DescriptorDuplicated: OBJECTS | ENDS,
  DescriptorClosed: 0,
  UnseenCloseNoticed: 0,
  FileReleased: EVERYTHING,
  DmabufRevoked: 0,
  WindowMapped: OBJECTS,
  InvariantBroken: 0,
  ObjectDestroyed: OBJECTS | MEMORY | SPACES | CHARGES,
};

/** What does not hold; empty in a sound world. `touched` limits the check to one context. */
export function checkInvariants(world: World, touched?: number, call?: CheckedCall): Violation[] {
  const violations: Violation[] = [];
  const report: Report = (invariant, detail) => violations.push({ invariant, detail });
  const { events, outcome } = call ?? {};
  const scope = events === undefined ? EVERYTHING : scopeOf(events);
  const context = touched === undefined ? undefined : world.contexts.get(touched);
  if (events === undefined || events.length > 0) {
    if (context !== undefined) checkContext(world, context, scope, events, report);
    else if (touched === undefined)
      for (const one of world.contexts.values()) checkContext(world, one, scope, events, report);
    checkWorld(world, scope, events, report);
  }
  if (outcome?.rule !== undefined) checkRefusal(world, touched, outcome, call, report);
  return violations;
}

function scopeOf(events: readonly Event[]): number {
  let scope = 0;
  for (const event of events) scope |= reach[event.type];
  return scope;
}

/** What concerns all contexts together: accounts, caches, ids behind an IOMMU. */
function checkWorld(world: World, scope: number, events: readonly Event[] | undefined, report: Report): void {
  if (scope & CHARGES && (events === undefined || pagesIn(world) <= SMALL)) checkCharges(world, report);
  checkCaches(world.hardware, events === undefined ? Number.POSITIVE_INFINITY : events.length, report);
  if (scope & (ENDS | HARDWARE)) checkLeftovers(world, report);
}

function pagesIn(world: World): number {
  let count = 0;
  for (const context of world.contexts.values()) count += context.pages.size;
  return count;
}

function checkContext(
  world: World,
  context: Context,
  scope: number,
  events: readonly Event[] | undefined,
  report: Report,
): void {
  if (context.broken !== '') return;
  if (scope & OBJECTS) checkObjects(context, report);
  if (scope & HARDWARE) checkHardware(world, context, report);
  if (scope & FAULTS) checkFaults(context, report);
  if (scope & SPACES) checkAddressSpaces(context, report);
  if (scope & MEMORY) checkMemory(context, events, report);
  if (events !== undefined) checkEvents(context, events, report);
}

function checkMemory(context: Context, events: readonly Event[] | undefined, report: Report): void {
  if (events === undefined || areasIn(context) <= SMALL) {
    checkAreas(context, report);
    checkPins(context, events === undefined ? undefined : onlyPages(events), report);
    return;
  }
  for (const event of events) if (event.type === 'AreasMapped') checkMapped(context, event, report);
}

/** The one pages object that the events are about, if it is one. */
function onlyPages(events: readonly Event[]): number | undefined {
  let only: number | undefined;
  for (const event of events) {
    if (!(reach[event.type] & MEMORY)) continue;
    const parts =
      event.type === 'AreasMapped' ? event.areas : event.type === 'AccessPinned' ? event.parts : undefined;
    const pagesId = parts?.length === 1 ? parts[0]?.pagesId : undefined;
    if (pagesId === undefined || (only !== undefined && only !== pagesId)) return undefined;
    only = pagesId;
  }
  return only;
}

/** In a large context: the areas that one call made, with their neighbours and pages. */
function checkMapped(context: Context, event: EventOf<'AreasMapped'>, report: Report): void {
  const ioas = objectOf(context, event.id, 'ioas');
  if (ioas === undefined || event.context !== context.id) return;
  for (const { iova, pagesId } of event.areas) {
    checkAreaAround(context, ioas, iova, report);
    const pages = context.pages.get(pagesId);
    if (pages !== undefined) checkPinned(pages, report);
  }
}

/** What one call says of itself, event by event. */
function checkEvents(context: Context, events: readonly Event[], report: Report): void {
  let answered: Set<string> | undefined;
  for (const event of events) {
    if (!('context' in event) || event.context !== context.id) continue;
    switch (event.type) {
      case 'AreasMapped':
      case 'RangeReserved':
      case 'RangesAllowed':
      case 'LargePagesSet': {
        const ioas = objectOf(context, event.id, 'ioas');
        if (ioas !== undefined) checkAddressSpace(context, ioas, report);
        break;
      }
      case 'AreaUnmapped': {
        const ioas = objectOf(context, event.id, 'ioas');
        if (ioas !== undefined && areaAt(ioas.areas, event.iova) !== undefined)
          report('unmapped-is-untranslatable', `${hex(event.iova)} of IOAS ${event.id} is still mapped`);
        break;
      }
      case 'FaultAnswered': {
        answered ??= new Set();
        checkAnswer(context, event, answered, report);
        break;
      }
      default:
        break;
    }
  }
}

function checkAnswer(
  context: Context,
  event: EventOf<'FaultAnswered'>,
  answered: Set<string>,
  report: Report,
): void {
  const key = `${event.id}/${event.cookie}`;
  if (answered.has(key) || objectOf(context, event.id, 'fault')?.pending.has(event.cookie))
    report(
      'fault-answered-once',
      `cookie ${event.cookie} of fault queue ${event.id} waits for an answer again`,
    );
  answered.add(key);
}

function checkRefusal(
  world: World,
  touched: number | undefined,
  { rule, missing }: Outcome,
  call: CheckedCall | undefined,
  report: Report,
): void {
  if (rule === undefined || missing !== undefined) return;
  const events = call?.events ?? [];
  for (const { type } of events)
    if (!mayStay(type, rule)) report('refused-changes-nothing', `${rule} left ${type} behind`);
  if (events.length > 0 || call?.before === undefined || touched === undefined) return;
  if (observe(world, touched) !== call.before)
    report('refused-changes-nothing', `context ${touched} is not what it was before ${rule}`);
}
