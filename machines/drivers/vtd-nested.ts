/** Nested translation behind VT-d: a table of the guest as first stage, over a nest parent as second (struct iommu_hwpt_vtd_s1). */
import type { Event } from '../../events/event.ts';
import type { RuleId } from '../../events/rules.ts';
import { NO_EFFECT } from '../cached-value.ts';
import type { Hwpt } from '../objects.ts';
import { type Failure, isFailure, type Site } from '../site.ts';
import { wordAt } from '../stage1.ts';
import { mayFault, mayRead, readSecond, word } from '../user-data.ts';
import type { Invalidation, InvalidationRequest, Nested, NestedRequest, UnseenEntries } from './driver.ts';

const DATA_VTD_S1 = 1;
const DATA_BYTES = 24;
const INVALIDATE_VTD_S1 = 0;
const ENTRY_BYTES = 24;
const LEAF = 1;
const U32_MAX = 0xffff_ffff;
/** Bits of `flags` of the data. */
export const VTD_S1_SRE = 1n;
export const VTD_S1_EAFE = 2n;
export const VTD_S1_WPE = 4n;
const FOUR_LEVELS = 48n;
export const FIVE_LEVELS = 57n;

/** What the IOMMU's registers say of guest tables. */
export type VtdStage1 = Readonly<{ fiveLevels: boolean; supervisor: boolean; extendedAccessed: boolean }>;

/** undefined: no nested translation (ecap NEST, bit 26, and scalable mode, SMTS, bit 43). */
export function vtdStage1(cap: bigint, ecap: bigint): VtdStage1 | undefined {
  const bit = (register: bigint, at: bigint): boolean => ((register >> at) & 1n) === 1n;
  if (!bit(ecap, 26n) || !bit(ecap, 43n)) return undefined;
  return { fiveLevels: bit(cap, 60n), supervisor: bit(ecap, 31n), extendedAccessed: bit(ecap, 34n) };
}

/** Width of the guest's addresses, from the data of a nested HWPT as hexadecimal bytes. */
export function vtdWidth(data: string): bigint {
  return wordAt(data, 2) & BigInt(U32_MAX);
}

function hexBytes(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** intel_iommu_domain_alloc_nested(): what the table asks for is looked at when it is attached. */
export function allocVtdNested(site: Site, { data }: NestedRequest): Nested | Failure {
  if (data.type !== DATA_VTD_S1) return { rule: 'vtd/nested-type' };
  if (data.length !== DATA_BYTES) return { rule: 'vtd/nested-length' };
  const bytes = readSecond(site, data.address, 0, DATA_BYTES, 'vtd/nested-data');
  if (!isFailure(bytes)) return { iotlb: 0, data: hexBytes(bytes) };
  return 'missing' in bytes ? { iotlb: 0, data: '' } : bytes;
}

/** intel_pasid_setup_nested(). Data that the recording does not hold is taken to be fine. */
export function refusesVtdStage1(iommu: VtdStage1, hwpt: Hwpt): RuleId | undefined {
  if (hwpt.kind !== 'hwpt-nested' || hwpt.data === '') return undefined;
  const flags = wordAt(hwpt.data, 0);
  const width = vtdWidth(hwpt.data);
  if (width !== FOUR_LEVELS && (width !== FIVE_LEVELS || !iommu.fiveLevels)) return 'vtd/nested-width';
  const lacks = (flags & VTD_S1_SRE && !iommu.supervisor) || (flags & VTD_S1_EAFE && !iommu.extendedAccessed);
  return lacks ? 'vtd/nested-flags' : undefined;
}

/** intel_nested_cache_invalidate_user(): entry by entry, up to the first bad one. */
export function invalidateVtdNested(site: Site, hwpt: Hwpt, request: InvalidationRequest): Invalidation {
  const events: Event[] = [];
  const stop = (handled: number, failure: Failure | undefined): Invalidation => ({
    handled,
    events,
    failure:
      failure !== undefined && 'missing' in failure
        ? unseen(site, hwpt, request, failure.missing, handled)
        : failure,
  });
  if (request.type !== INVALIDATE_VTD_S1) return stop(0, { rule: 'vtd/invalidate-type' });
  for (let index = 0; index < request.entries; index++) {
    const failure = refusesEntry(site, request, index);
    if (failure !== undefined) return stop(index, failure);
    events.push({ type: 'IotlbInvalidated', context: site.context.id, id: hwpt.id, slots: [] });
  }
  return stop(request.entries, undefined);
}

/** Nothing of an entry is kept but that there was one. */
function unseen(
  site: Site,
  hwpt: Hwpt,
  { address, entries }: InvalidationRequest,
  missing: string,
  from: number,
): UnseenEntries {
  const rest = entries - from;
  const refusals: RuleId[] = ['vtd/invalidate-flags', 'vtd/invalidate-range'];
  if (mayFault(site, address + from * ENTRY_BYTES, rest * ENTRY_BYTES)) refusals.push('vtd/invalidate-data');
  return {
    missing,
    from,
    forgotten: () => ({
      type: 'IotlbForgotten',
      context: site.context.id,
      id: hwpt.id,
      effects: NO_EFFECT,
    }),
    canSucceed: mayRead(site, address + from * ENTRY_BYTES, rest * ENTRY_BYTES),
    refusals: () => refusals,
  };
}

/** struct iommu_hwpt_vtd_s1_invalidate: addr, npages, flags, __reserved. */
function refusesEntry(site: Site, request: InvalidationRequest, index: number): Failure | undefined {
  if (request.entryLength !== ENTRY_BYTES) return { rule: 'vtd/invalidate-length' };
  const bytes = readSecond(site, request.address, index * ENTRY_BYTES, ENTRY_BYTES, 'vtd/invalidate-data');
  if (isFailure(bytes)) return bytes;
  if (word(bytes, 4) & ~LEAF || word(bytes, 5) !== 0) return { rule: 'vtd/invalidate-flags' };
  const everything = word(bytes, 2) === U32_MAX && word(bytes, 3) === U32_MAX;
  const atZero = word(bytes, 0) === 0 && word(bytes, 1) === 0;
  if (word(bytes, 0) & 0xfff || (everything && !atZero)) return { rule: 'vtd/invalidate-range' };
  return undefined;
}
