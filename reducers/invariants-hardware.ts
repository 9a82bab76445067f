/** Invariants of the hardware snapshot: each entry against the slots and objects that it stands for, and the caches. */
import { hex } from '../events/hex.ts';
import {
  covers,
  type DomainIds,
  type Entry,
  type Hardware,
  isTranslating,
  mayCache,
  type NestedEntry,
  type PagingEntry,
  type RidState,
  type Transition,
} from '../machines/hardware.ts';
import { type Hwpt, objectAt, pagingOf } from '../machines/objects.ts';
import type { Context, Group, World } from '../machines/world.ts';
import type { InvariantId } from './invariants-register.ts';

type Report = (invariant: InvariantId, detail: string) => void;

const at = (rid: string, pasid: number): string => (pasid === 0 ? `RID ${rid}` : `PASID ${pasid} of ${rid}`);

/** Every entry of the context's devices, and every slot that should have one. */
export function checkHardware(world: World, context: Context, report: Report): void {
  const { hardware } = world;
  for (const group of context.groups.values()) {
    checkMembers(hardware, group, report);
    checkCompat(context, group, report);
  }
  for (const rid of hardware.contexts.get(context.id) ?? []) {
    const state = hardware.rids.get(rid);
    if (state !== undefined) checkRid(hardware, context, state, report);
  }
}

function checkRid(hardware: Hardware, context: Context, state: RidState, report: Report): void {
  const slots = context.groups.get(state.groupKey)?.slots;
  if (slots === undefined) {
    report('closing-leaves-nothing', `RID ${state.rid} is owned, and no device of its group is bound`);
    return;
  }
  if (state.traits.noIommu) return;
  if (!state.entries.has(0)) report('entry-iff-attached', `RID ${state.rid} has no entry at all`);
  for (const [pasid, entry] of state.entries) {
    if (pasid !== 0 && pasid >= state.traits.maxPasids)
      report(
        'pasid-below-width',
        `${at(state.rid, pasid)} has an entry, PASIDs end below ${state.traits.maxPasids}`,
      );
    if (pasid === 0 && state.leftBlocked) {
      checkLeftBlocked(state, slots.has(0), entry, report);
      continue;
    }
    const hwptId = slots.get(pasid)?.hwptId ?? 0;
    if (hwptId === 0) checkEmpty(state, pasid, entry, report);
    else checkAttached(hardware, context, state, pasid, entry, hwptId, report);
  }
  for (const pasid of slots.keys()) {
    if (!state.entries.has(pasid) && (pasid === 0 || state.traits.maxPasids > 0))
      report('entry-iff-attached', `${at(state.rid, pasid)} is attached and has no entry`);
  }
}

/** What a refused replace left: nothing else may have happened to the RID since then. */
function checkLeftBlocked({ rid }: RidState, attached: boolean, entry: Entry, report: Report): void {
  if (entry.kind !== 'blocked')
    report('refused-rid-is-blocked', `RID ${rid} was left blocked by its driver, its entry is ${entry.kind}`);
  if (!attached)
    report('refused-rid-is-blocked', `RID ${rid} is left blocked, and nothing is attached to its group`);
}

function checkEmpty(state: RidState, pasid: number, entry: Entry, report: Report): void {
  if (pasid === 0 && entry.kind !== 'blocked')
    report('unattached-is-blocked', `RID ${state.rid} is attached to nothing, its entry is ${entry.kind}`);
  if (pasid !== 0)
    report('entry-iff-attached', `${at(state.rid, pasid)} is attached to nothing and has an entry`);
}

function checkAttached(
  hardware: Hardware,
  context: Context,
  state: RidState,
  pasid: number,
  entry: Entry,
  hwptId: number,
  report: Report,
): void {
  const where = at(state.rid, pasid);
  if (!isTranslating(entry)) {
    report('entry-iff-attached', `${where} is attached to HWPT ${hwptId}, its entry is ${entry.kind}`);
    return;
  }
  const hwpt = entry.context === context.id ? objectAt(context, entry.hwptId) : undefined;
  if (hwpt === undefined || (hwpt.kind !== 'hwpt-paging' && hwpt.kind !== 'hwpt-nested')) {
    report(
      'no-entry-names-destroyed',
      `${where} goes to HWPT ${entry.hwptId} of context ${entry.context}, which is gone`,
    );
    return;
  }
  if (entry.hwptId !== hwptId)
    report(
      'entry-iff-attached',
      `${where} is attached to HWPT ${hwptId}, its entry is for HWPT ${entry.hwptId}`,
    );
  checkEntry(hardware, context, state, where, entry, hwpt, report);
}

function checkEntry(
  hardware: Hardware,
  context: Context,
  state: RidState,
  where: string,
  entry: PagingEntry | NestedEntry,
  hwpt: Hwpt,
  report: Report,
): void {
  const paging = pagingOf(context, hwpt);
  if (entry.kind !== (hwpt.kind === 'hwpt-paging' ? 'paging' : 'nested'))
    report('entry-iff-attached', `${where} is ${entry.kind}, HWPT ${hwpt.id} is ${hwpt.kind}`);
  if (entry.ioasId !== paging.ioasId)
    report(
      'dma-inside-ioas',
      `${where} translates through IOAS ${entry.ioasId}, it is attached to IOAS ${paging.ioasId}`,
    );
  if (entry.faultId !== hwpt.faultId)
    report(
      'fault-routing',
      `${where} sends faults to queue ${entry.faultId}, HWPT ${hwpt.id} has ${hwpt.faultId}`,
    );
  if (entry.dirty !== paging.dirtyTracking)
    report(
      'dirty-in-every-entry',
      `${where} ${entry.dirty ? 'tracks' : 'does not track'} dirty pages, unlike HWPT ${paging.id}`,
    );
  const ids = hardware.instances.get(state.traits.instance);
  if (ids?.ids.get(`${context.id}/${hwpt.id}`)?.id !== entry.domainId)
    report(
      'domain-id-unique',
      `${where} has domain id ${entry.domainId}, which is not that of HWPT ${hwpt.id}`,
    );
  if (entry.kind !== 'nested') return;
  if (entry.parentId !== paging.id || !paging.nestParent)
    report(
      'nested-has-parent',
      `${where} has stage 2 of HWPT ${entry.parentId}, its parent is HWPT ${paging.id}`,
    );
  if (entry.domainId === entry.parentDomainId)
    report('domain-id-unique', `${where} shares domain id ${entry.domainId} with its parent`);
}

function checkMembers(hardware: Hardware, group: Group, report: Report): void {
  const rids = hardware.groups.get(group.key);
  if (rids === undefined || rids.length < 2) return;
  for (const pasid of [0, ...group.slots.keys()]) {
    const seen = new Set<string>();
    for (const rid of rids) {
      const state = hardware.rids.get(rid);
      if (state === undefined || (pasid === 0 ? state.leftBlocked : state.traits.maxPasids === 0)) continue;
      const entry = state.entries.get(pasid);
      seen.add(
        entry === undefined ? '' : isTranslating(entry) ? `${entry.context}/${entry.hwptId}` : entry.kind,
      );
    }
    if (seen.size > 1)
      report('group-shares-domain', `${group.key} has ${[...seen].join(' and ')} at PASID ${pasid}`);
  }
}

function checkCompat(context: Context, group: Group, report: Report): void {
  if (group.slots.size < 2 && group.slots.has(0)) return;
  for (const [pasid, slot] of group.slots) {
    const hwpt = objectAt(context, slot.hwptId);
    const compat = hwpt !== undefined && 'pasidCompat' in hwpt && hwpt.pasidCompat;
    if (!compat)
      report(
        'pasids-need-compat',
        `${group.key} has PASIDs and at ${pasid} HWPT ${slot.hwptId} without ALLOC_PASID`,
      );
  }
}

/** Nothing pending, nothing stale, every IOTLB invalidation paired; all lists are empty in a sound model. */
export function checkCaches(hardware: Hardware, latest: number, report: Report): void {
  for (const one of hardware.pending)
    report(
      'invalidation-issued',
      `${one.cache} of ${one.rid === '' ? `domain ${one.domainId}` : at(one.rid, one.pasid)}`,
    );
  for (const stale of hardware.stale) {
    if (hardware.pending.some((one) => covers(one, stale))) continue;
    const range = stale.range === undefined ? '' : ` at ${hex(stale.range.start)}`;
    const where = stale.rid === '' ? `domain ${stale.domainId}` : at(stale.rid, stale.pasid);
    report('unmapped-leaves-caches', `the ${stale.cache} may still hold ${where}${range}`);
  }
  const { recent } = hardware;
  for (let index = Math.max(0, recent.length - latest); index < recent.length; index++)
    checkPairs(hardware, recent[index] as Transition, report);
}

function checkPairs(hardware: Hardware, transition: Transition, report: Report): void {
  const { required } = transition;
  const flushed = required.some(({ cache }) => cache === 'iotlb');
  if (!flushed) return;
  const users = transition.kind === 'unmap' ? transition.users : [transition];
  for (const user of users) {
    if (!mayCache(hardware, user.rid)) continue;
    if (!required.some((one) => one.cache === 'atc' && one.rid === user.rid && one.pasid === user.pasid))
      report(
        'iotlb-has-atc-partner',
        `${transition.kind}: no ATC invalidation for ${at(user.rid, user.pasid)}`,
      );
  }
  const lastIotlb = required.findLastIndex(({ cache }) => cache === 'iotlb');
  const lastAtc = required.findLastIndex(({ cache }) => cache === 'atc');
  if (lastAtc >= 0 && lastAtc < lastIotlb)
    report('iotlb-has-atc-partner', `${transition.kind}: the ATC is invalidated before the IOTLB`);
}

/** What contexts that are gone have left behind. */
export function checkLeftovers(world: World, report: Report): void {
  const { hardware } = world;
  for (const context of hardware.contexts.keys())
    if (!world.contexts.has(context))
      report('closing-leaves-nothing', `devices of context ${context} are still programmed`);
  for (const [instance, ids] of hardware.instances) checkIds(world, instance, ids, report);
}

function checkIds(world: World, instance: string, { ids, used }: DomainIds, report: Report): void {
  const seen = new Set<number>();
  for (const [key, { id }] of ids) {
    if (!world.contexts.has(Number.parseInt(key, 10)))
      report(
        'closing-leaves-nothing',
        `domain id ${id} of ${instance} belongs to HWPT ${key}, whose context is gone`,
      );
    if (seen.has(id)) report('domain-id-unique', `two HWPTs have domain id ${id} behind ${instance}`);
    seen.add(id);
  }
  if (used.size !== seen.size)
    report('domain-id-unique', `${used.size} domain ids of ${instance} are in use, ${seen.size} have a HWPT`);
}
