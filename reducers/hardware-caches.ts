/** Caches of the IOMMU across a transition: what they may still hold, what has to be dropped, and dropping it. */

import type { Range } from '../events/ioas.ts';
import {
  covers,
  domainIdOf,
  type Entry,
  type Hardware,
  type Invalidation,
  isPresent,
  mayCache,
  type Stale,
  type TableUser,
  TRANSITIONS_KEPT,
  type Transition,
} from '../machines/hardware.ts';

type Slot = Readonly<{ instance: string; rid: string; pasid: number }>;

const atEntry = ({ instance, rid, pasid }: Slot): Invalidation => ({
  cache: 'entry',
  instance,
  rid,
  pasid,
  domainId: 0,
  range: undefined,
});

const atIotlb = (instance: string, domainId: number, range: Range | undefined): Invalidation => ({
  cache: 'iotlb',
  instance,
  rid: '',
  pasid: 0,
  domainId,
  range,
});

const atAtc = ({ instance, rid, pasid }: Slot, range: Range | undefined): Invalidation => ({
  cache: 'atc',
  instance,
  rid,
  pasid,
  domainId: 0,
  range,
});

/** What must follow when an entry changes: it is dropped itself; where it was present, all that it had translated too. */
export function requiredByEntry(slot: Slot, from: Entry): Invalidation[] {
  const required = [atEntry(slot)];
  if (isPresent(from))
    required.push(atIotlb(slot.instance, domainIdOf(from), undefined), atAtc(slot, undefined));
  return required;
}

/**
 * What must follow when a range leaves a page table. Under nesting it is stage 2 that changed: which guest addresses went
 * through it is not known, so everything of the nested domain goes.
 */
export function requiredByUnmap(instance: string, range: Range, users: readonly TableUser[]): Invalidation[] {
  const required: Invalidation[] = [];
  for (const { rid, pasid, domainId, nested } of users) {
    const dropped = nested ? undefined : range;
    if (!required.some((one) => one.cache === 'iotlb' && one.domainId === domainId))
      required.push(atIotlb(instance, domainId, dropped));
    required.push(atAtc({ instance, rid, pasid }, dropped));
  }
  return required;
}

/** Dirty tracking is a bit of the entry: the entry and what was translated without it must go. */
export function requiredByDirty(slot: Slot, domainId: number): Invalidation[] {
  return [atEntry(slot), atIotlb(slot.instance, domainId, undefined), atAtc(slot, undefined)];
}

/** User space invalidated its own stage 1. */
export function requiredByUser(slot: Slot, domainId: number): Invalidation[] {
  return [atIotlb(slot.instance, domainId, undefined), atAtc(slot, undefined)];
}

/** What the caches may hold that the tables say no longer; told by the hardware's side, not by what is invalidated. */
function addStale(hardware: Hardware, transition: Transition): void {
  const { instance } = transition;
  switch (transition.kind) {
    case 'entry':
      hardware.stale.push(atEntry(transition));
      if (!isPresent(transition.from)) return;
      hardware.stale.push(atIotlb(instance, domainIdOf(transition.from), undefined));
      addToAtc(hardware, transition, undefined);
      return;
    case 'unmap':
      for (const { rid, pasid, domainId, nested } of transition.users) {
        const range = nested ? undefined : transition.range;
        hardware.stale.push(atIotlb(instance, domainId, range));
        addToAtc(hardware, { instance, rid, pasid }, range);
      }
      return;
    case 'dirty':
      hardware.stale.push(atEntry(transition));
      hardware.stale.push(atIotlb(instance, domainIdOf(transition.entry), undefined));
      return;
    case 'user':
  }
}

function addToAtc(hardware: Hardware, slot: Slot, range: Range | undefined): void {
  if (mayCache(hardware, slot.rid)) hardware.stale.push(atAtc(slot, range));
}

/** The driver issues what is pending; each takes out of the caches what it covers. What no invalidation covers stays stale. */
function issue({ pending, stale }: Hardware): void {
  let kept = 0;
  for (const one of stale) if (!isCovered(one, pending)) stale[kept++] = one;
  while (stale.length > kept) stale.pop();
  while (pending.length > 0) pending.pop();
}

function isCovered(stale: Stale, invalidations: readonly Invalidation[]): boolean {
  for (const one of invalidations) if (covers(one, stale)) return true;
  return false;
}

/** What is left of these where devices without ATS have no cache. */
function ofCaches(hardware: Hardware, all: readonly Invalidation[]): readonly Invalidation[] {
  const exists = ({ cache, rid }: Invalidation): boolean => cache !== 'atc' || mayCache(hardware, rid);
  return hardware.withoutAts.size === 0 || all.every(exists) ? all : all.filter(exists);
}

/** The tables have changed: the caches lag behind until the driver has issued what is required. */
export function follow(hardware: Hardware, change: Transition): void {
  const required = ofCaches(hardware, change.required);
  const transition: Transition = required === change.required ? change : { ...change, required };
  addStale(hardware, transition);
  for (const one of transition.required) hardware.pending.push(one);
  issue(hardware);
  hardware.transitions++;
  hardware.recent.push(transition);
  if (hardware.recent.length > TRANSITIONS_KEPT) hardware.recent.shift();
}
