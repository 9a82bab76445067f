/** Invalidation of what the mock caches (selftest.c): entries of an array, applied one by one. */
import type { Event } from '../../events/event.ts';
import type { RuleId } from '../../events/rules.ts';
import { NO_EFFECT, unseenEffects } from '../cached-value.ts';
import type { Hwpt, Vdevice, Viommu } from '../objects.ts';
import { type Failure, isFailure, type Site } from '../site.ts';
import { mayFault, mayRead, readSecond, word } from '../user-data.ts';
import type { Invalidation, InvalidationRequest, UnseenEntries } from './driver.ts';

const INVALIDATE_SELFTEST = 0xdead_beef;
const SLOTS = 4;
/** sizeof(struct iommu_viommu_invalidate_selftest): flags, vdev_id, cache_id. */
const VIOMMU_ENTRY = 12;

/** mock_domain_cache_invalidate_user(): entry by entry, stops at the first bad one. */
export function invalidateNested(site: Site, hwpt: Hwpt, request: InvalidationRequest): Invalidation {
  if (request.type !== INVALIDATE_SELFTEST)
    return { handled: 0, events: [], failure: { rule: 'mock/invalidate-type' } };
  const events: Event[] = [];
  for (let index = 0; index < request.entries; index++) {
    const slots = nestedEntry(site, request, index);
    if (isFailure(slots)) {
      const failure = 'missing' in slots ? unseenNested(site, hwpt, request, slots.missing, index) : slots;
      return { handled: index, events, failure };
    }
    events.push({ type: 'IotlbInvalidated', context: site.context.id, id: hwpt.id, slots });
  }
  return { handled: request.entries, events, failure: undefined };
}

function nestedEntry(site: Site, request: InvalidationRequest, index: number): readonly number[] | Failure {
  if (request.entryLength !== 8) return { rule: 'mock/invalidate-length' };
  const bytes = readSecond(site, request.address, index * 8, 8, 'mock/invalidate-fault');
  return isFailure(bytes) ? bytes : slotsOf(word(bytes, 0), word(bytes, 1));
}

/** All four, or the one named; a bad number is refused even when all are meant. */
function slotsOf(flags: number, slot: number): readonly number[] | Readonly<{ rule: RuleId }> {
  if (flags & ~1) return { rule: 'mock/invalidate-flags' };
  if (slot >= SLOTS) return { rule: 'mock/invalidate-slot' };
  return flags & 1 ? [0, 1, 2, 3] : [slot];
}

/** mock_viommu_cache_invalidate(): the whole array is copied first. */
export function invalidateViommu(site: Site, viommu: Viommu, request: InvalidationRequest): Invalidation {
  const stop = (
    handled: number,
    events: readonly Event[],
    failure: NonNullable<Invalidation['failure']>,
  ): Invalidation => ({
    handled,
    events,
    failure,
  });
  if (request.type !== INVALIDATE_SELFTEST) return stop(0, [], { rule: 'mock/invalidate-type' });
  const entries: Uint8Array[] = [];
  for (let index = 0; index < request.entries; index++) {
    const bytes = readSecond(
      site,
      request.address,
      index * request.entryLength,
      request.entryLength,
      'mock/invalidate-fault',
    );
    if (isFailure(bytes))
      return stop(0, [], 'missing' in bytes ? unseenOnViommu(site, viommu, request, bytes.missing) : bytes);
    if (bytes.subarray(12).some((byte) => byte !== 0)) return stop(0, [], { rule: 'mock/invalidate-tail' });
    entries.push(bytes.subarray(0, 12));
  }
  const events: Event[] = [];
  for (const [index, bytes] of entries.entries()) {
    const slots = slotsOf(word(bytes, 0), word(bytes, 2));
    if ('rule' in slots) return stop(index, events, slots);
    const deviceId = deviceByVirtId(site, viommu.id, BigInt(word(bytes, 1)));
    if (deviceId === 0) return stop(index, events, { rule: 'mock/invalidate-vdevice' });
    events.push({ type: 'CacheInvalidated', context: site.context.id, deviceId, slots });
  }
  return { handled: entries.length, events, failure: undefined };
}

function deviceByVirtId(site: Site, viommuId: number, virtId: bigint): number {
  for (const object of site.context.objects) {
    if (object?.kind === 'vdevice' && object.viommuId === viommuId && object.virtId === virtId)
      return object.deviceId;
  }
  return 0;
}

/** Each entry is read when its turn comes. */
function unseenNested(
  site: Site,
  hwpt: Hwpt,
  { address, entries }: InvalidationRequest,
  missing: string,
  from: number,
): UnseenEntries {
  const { context } = site;
  return {
    missing,
    from,
    forgotten: (least, most) => ({
      type: 'IotlbForgotten',
      context: context.id,
      id: hwpt.id,
      effects: unseenEffects(least, most, true),
    }),
    canSucceed: mayRead(site, address + from * 8, (entries - from) * 8),
    refusals: (handled = from) =>
      mayFault(site, address + handled * 8, 8)
        ? ['mock/invalidate-flags', 'mock/invalidate-slot', 'mock/invalidate-fault']
        : ['mock/invalidate-flags', 'mock/invalidate-slot'],
  };
}

/** The array is copied before anything is done; what an entry shorter than the struct leaves out is 0. */
function unseenOnViommu(
  site: Site,
  viommu: Viommu,
  { address, entries, entryLength }: InvalidationRequest,
  missing: string,
): UnseenEntries | Readonly<{ rule: RuleId }> {
  const { context } = site;
  const readable = mayRead(site, address, entries * entryLength);
  if (!readable && entryLength <= VIOMMU_ENTRY) return { rule: 'mock/invalidate-fault' };
  const named = entryLength > 8;
  const known = context.objects.filter((one) => one?.kind === 'vdevice' && one.viommuId === viommu.id);
  const nameable = known.filter((one) => (one as Vdevice).virtId <= greatestName(entryLength));
  return {
    missing,
    from: 0,
    forgotten: (least, most) => ({
      type: 'CachesForgotten',
      context: context.id,
      viommuId: viommu.id,
      effects: unseenEffects(least, most, named) | (known.length === 1 ? 0 : NO_EFFECT),
    }),
    canSucceed: nameable.length > 0 && readable,
    refusals: (handled = 0) => {
      const rules: RuleId[] = ['mock/invalidate-flags', 'mock/invalidate-vdevice'];
      if (named) rules.push('mock/invalidate-slot');
      if (handled === 0 && entryLength > VIOMMU_ENTRY) rules.push('mock/invalidate-tail');
      if (handled === 0 && mayFault(site, address, entries * entryLength))
        rules.push('mock/invalidate-fault');
      return rules;
    },
  };
}

/** The greatest number of a vDEVICE that an entry of this length can hold. */
function greatestName(entryLength: number): bigint {
  return (1n << BigInt(8 * Math.min(4, Math.max(0, entryLength - 4)))) - 1n;
}
