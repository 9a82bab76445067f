/** The outcome of a DMA access: which bytes of memory it reaches, where it faults, and what the kernel makes of that. */
import type { DmaAccess, FaultKind } from '../events/dma.ts';
import type { Event } from '../events/event.ts';
import type { FaultRecord } from '../events/fault.ts';
import { entryAt, isTranslating, type Stale } from './hardware.ts';
import { type HwptPaging, mustBe } from './objects.ts';
import { type Answer, type Target, translate } from './translate.ts';
import type { World } from './world.ts';

/** Consecutive bytes: IOVAs and what they are. */
export type DmaPiece = Readonly<{
  iova: bigint;
  last: bigint;
  target: Target | 'untranslated' | 'interrupt';
}>;

export type DmaOutcome = Readonly<{
  pieces: readonly DmaPiece[];
  /** Bytes that reach memory before the first fault. */
  transferred: bigint;
  fault: Readonly<{ iova: bigint; kind: FaultKind; why: string }> | undefined;
  /** The fact that nobody recorded, where the access meets one. */
  missing: string | undefined;
  /** The page request that enters a fault queue, and that queue; the rest of the access waits for its answer. */
  request: Readonly<{ faultId: number; record: FaultRecord }> | undefined;
  /** What a cache may still answer for these addresses instead: a defect of the invalidations. */
  stale: readonly Stale[];
  events: readonly Event[];
}>;

const PAGE_MASK = ~0xfffn;
const PERM_READ = 1;
const PERM_WRITE = 2;
const PASID_VALID = 1;
const LAST_PAGE = 2;
const NEEDS_PASID = 4;
/** These drivers pass a flag of theirs on to user space with each tagged request. */
const RESPONSE_NEEDS_PASID: ReadonlySet<string> = new Set(['intel-vtd', 'amd']);
/** More dirty granules than this at once are not written down one by one. */
const GRANULES_MAX = 1n << 20n;

/** Walks the access byte range piece by piece, up to the first fault or unknown. */
export function decideDma(world: World, access: DmaAccess): DmaOutcome {
  const pieces: DmaPiece[] = [];
  const end = access.iova + access.length - 1n;
  let at = access.iova;
  let stop: Extract<Answer, { kind: 'fault' | 'unknown' }> | undefined;
  while (at <= end) {
    const { answer } = translate(world, access.rid, access.pasid, at);
    const refused = refusal(answer, access.write);
    if (refused !== undefined) {
      stop = refused;
      break;
    }
    const reach = answer.kind === 'memory' || answer.kind === 'interrupt' ? answer.last : end;
    const last = reach < end ? reach : end;
    pieces.push({ iova: at, last, target: answer.kind === 'memory' ? answer.target : pass(answer) });
    at = last + 1n;
  }
  const fault = stop?.kind === 'fault' ? { iova: at, kind: stop.fault, why: stop.why } : undefined;
  const request = fault === undefined ? undefined : pageRequest(world, access, fault);
  return {
    pieces,
    transferred: at - access.iova,
    fault,
    missing: stop?.kind === 'unknown' ? stop.missing : undefined,
    request,
    stale: staleFor(world, access, end),
    events: eventsOf(world, access, pieces, request),
  };
}

function pass(answer: Answer): 'untranslated' | 'interrupt' {
  return answer.kind === 'interrupt' ? 'interrupt' : 'untranslated';
}

function refusal(answer: Answer, write: boolean): Extract<Answer, { kind: 'fault' | 'unknown' }> | undefined {
  if (answer.kind === 'fault' || answer.kind === 'unknown') return answer;
  if (answer.kind !== 'memory' || (write ? answer.write : answer.read)) return undefined;
  const why = `the area of IOAS ${answer.ioasId} allows no ${write ? 'write' : 'read'}`;
  return { kind: 'fault', fault: 'permission', why };
}

/**
 * A device with PRI asks for the page, if its HWPT has a fault queue (iommu_report_device_fault()). The request names the
 * device that put the group there, which need not be the one that asks.
 */
function pageRequest(
  world: World,
  access: DmaAccess,
  fault: { iova: bigint; kind: FaultKind },
): DmaOutcome['request'] {
  if (fault.kind !== 'not-present' && fault.kind !== 'permission') return undefined;
  const state = world.hardware.rids.get(access.rid);
  const entry = state?.entries.get(access.pasid);
  if (state === undefined || entry === undefined || !isTranslating(entry)) return undefined;
  if (entry.faultId === 0 || !state.traits.pri) return undefined;
  const { groupKey, traits } = state;
  const slot = world.contexts.get(entry.context)?.groups.get(groupKey)?.slots.get(access.pasid);
  if (slot === undefined) throw new Error(`invariant: ${groupKey} has no slot for PASID ${access.pasid}`);
  const tagged = PASID_VALID | (RESPONSE_NEEDS_PASID.has(traits.driver) ? NEEDS_PASID : 0);
  const record: FaultRecord = {
    flags: LAST_PAGE | (access.pasid === 0 ? 0 : tagged),
    deviceId: slot.movedBy,
    pasid: access.pasid,
    grpid: access.grpid,
    perm: access.write ? PERM_WRITE : PERM_READ,
    addr: fault.iova & PAGE_MASK,
    groupKey,
    slotPasid: access.pasid,
  };
  return { faultId: entry.faultId, record };
}

/** Translations that are gone from the tables and may still be cached for these addresses. */
function staleFor(world: World, access: DmaAccess, end: bigint): Stale[] {
  const entry = entryAt(world.hardware, access.rid, access.pasid);
  const domainId = entry !== undefined && isTranslating(entry) ? entry.domainId : 0;
  return world.hardware.stale.filter((stale) => {
    const mine =
      stale.cache === 'iotlb'
        ? stale.domainId === domainId
        : stale.rid === access.rid && stale.pasid === access.pasid;
    return (
      mine && (stale.range === undefined || (stale.range.start <= end && stale.range.last >= access.iova))
    );
  });
}

function eventsOf(
  world: World,
  access: DmaAccess,
  pieces: readonly DmaPiece[],
  request: DmaOutcome['request'],
): Event[] {
  const events: Event[] = [];
  const entry = entryAt(world.hardware, access.rid, access.pasid);
  if (entry === undefined || !isTranslating(entry)) return events;
  const context = world.contexts.get(entry.context);
  if (context === undefined)
    throw new Error(`invariant: the hardware names context ${entry.context}, which is gone`);
  if (access.write && entry.dirty) {
    const id = entry.kind === 'nested' ? entry.parentId : entry.hwptId;
    const granules = granulesOf(mustBe(context, id, 'hwpt-paging'), pieces);
    if (granules.length > 0) events.push({ type: 'PagesDirtied', context: context.id, id, granules });
  }
  if (request !== undefined)
    events.push({ type: 'FaultRaised', context: context.id, id: request.faultId, record: request.record });
  return events;
}

function granulesOf(hwpt: HwptPaging, pieces: readonly DmaPiece[]): number[] {
  const granule = BigInt(hwpt.domain.granule);
  const granules: number[] = [];
  for (const { iova, last } of pieces) {
    if ((last - iova) / granule > GRANULES_MAX) continue;
    for (let at = iova / granule; at <= last / granule; at++) granules.push(Number(at));
  }
  return granules;
}
