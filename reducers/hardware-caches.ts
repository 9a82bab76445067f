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
export function staleAfter(transition: Transition): Stale[] {
  switch (transition.kind) {
    case 'entry': {
      const stale = [atEntry(transition)];
      if (isPresent(transition.from)) {
        stale.push(atIotlb(transition.instance, domainIdOf(transition.from), undefined));
        stale.push(atAtc(transition, undefined));
      }
      return stale;
    }
    case 'unmap': {
      const stale: Stale[] = [];
      for (const user of transition.users) {
        const range = user.nested ? undefined : transition.range;
        stale.push(atIotlb(transition.instance, user.domainId, range));
        stale.push(atAtc({ instance: transition.instance, rid: user.rid, pasid: user.pasid }, range));
      }
      return stale;
    }
    case 'dirty':
      return [atEntry(transition), atIotlb(transition.instance, domainIdOf(transition.entry), undefined)];
    case 'user':
      return [];
  }
}

/** The driver issues what is pending; each takes out of the caches what it covers. What no invalidation covers stays stale. */
function issue(hardware: Hardware): void {
  const { pending } = hardware;
  hardware.stale = hardware.stale.filter((stale) => !pending.some((one) => covers(one, stale)));
  hardware.pending = [];
}

/** What is left of these where devices without ATS have no cache. */
function ofCaches<Tags extends Invalidation>(hardware: Hardware, all: readonly Tags[]): readonly Tags[] {
  const exists = ({ cache, rid }: Tags): boolean => cache !== 'atc' || mayCache(hardware, rid);
  return all.every(exists) ? all : all.filter(exists);
}

/** The tables have changed: the caches lag behind until the driver has issued what is required. */
export function follow(hardware: Hardware, change: Transition): void {
  const required = ofCaches(hardware, change.required);
  const transition: Transition = required === change.required ? change : { ...change, required };
  hardware.stale.push(...ofCaches(hardware, staleAfter(transition)));
  hardware.pending.push(...transition.required);
  issue(hardware);
  hardware.transitions++;
  hardware.recent.push(transition);
  if (hardware.recent.length > TRANSITIONS_KEPT) hardware.recent.shift();
}
