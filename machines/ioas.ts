/** Deciders of address spaces: allocation, IOVA ranges and the allowed list. */

import type { Range } from '../events/ioas.ts';
import type { IoasAlloc, IoasAllowIovas, IoasIovaRanges } from '../events/ioas-command.ts';
import {
  done,
  type Outcome,
  type Patch,
  refuse,
  refuseAfter,
  refuseAny,
  undetermined,
} from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import { U64_MAX } from '../events/u64.ts';
import { canRead, canWrite } from './address-space.ts';
import { holesOf, intersectsAny } from './intervals.ts';
import { freeId, type Ioas, objectOf } from './objects.ts';
import { canRespond, type Site, supposition } from './site.ts';
import { mayFault, mayRead } from './user-data.ts';

const RANGE_BYTES = 16;

/** iommufd_ioas_alloc_ioctl(). A failed write-back takes the new object down again. */
export function decideIoasAlloc(site: Site, command: IoasAlloc): Outcome {
  if (command.flags !== 0) return refuse('ioas-alloc/flags');
  if (!canRespond(site)) return refuse('respond/fault');
  const id = freeId(site.context);
  return done([{ type: 'IoasAllocated', context: site.context.id, id }], { outIoasId: id });
}

/** iommufd_ioas_iova_ranges(): holes of the reserved set; the array is filled as far as it goes. */
export function decideIoasIovaRanges(site: Site, command: IoasIovaRanges): Outcome {
  if (command.reserved !== 0) return refuse('ioas-iova-ranges/reserved');
  const ioas = objectOf(site.context, command.ioasId, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  const holes = holesOf(ioas.reserved, 0n, U64_MAX);
  const buffer: Patch[] = [];
  const address = Number(command.allowedIovas);
  for (const [index, hole] of holes.entries()) {
    if (index >= command.numIovas) break;
    if (!canWrite(site.space, address + index * RANGE_BYTES, RANGE_BYTES)) {
      return refuseAfter('ioas-iova-ranges/array', [], undefined, buffer);
    }
    buffer.push({ at: index * RANGE_BYTES, bytes: rangeBytes(hole) });
  }
  if (!canRespond(site)) return refuseAfter('respond/fault', [], undefined, buffer);
  const reply = { numIovas: holes.length, outIovaAlignment: BigInt(ioas.align) };
  if (holes.length > command.numIovas) return refuseAfter('ioas-iova-ranges/capacity', [], reply, buffer);
  return done([], reply, buffer);
}

const rangeView = new DataView(new ArrayBuffer(RANGE_BYTES));
const rangeScratch = new Uint8Array(rangeView.buffer);

/** struct iommu_iova_range. A short copy of scratch memory is much cheaper than memory with a view of its own. */
export function rangeBytes(range: Range): Uint8Array {
  rangeView.setBigUint64(0, range.start, true);
  rangeView.setBigUint64(8, range.last, true);
  return rangeScratch.slice();
}

/** iommufd_ioas_allow_iovas(): the whole list is replaced, or the old one stays. */
export function decideIoasAllowIovas(site: Site, command: IoasAllowIovas): Outcome {
  if (command.reserved !== 0) return refuse('ioas-allow-iovas/reserved');
  const ioas = objectOf(site.context, command.ioasId, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  const ranges: Range[] = [];
  for (let index = 0; index < command.numIovas; index++) {
    const range = readRange(site, Number(command.allowedIovas), index);
    if (range === 'unreadable') return refuse('ioas-allow-iovas/array');
    if (range === 'unknown') return unseenRanges(site, ioas, command, index);
    if (range.start >= range.last) return refuse('ioas-allow-iovas/order');
    if (intersectsAny(ranges, range.start, range.last)) return refuse('ioas-allow-iovas/overlap');
    ranges.push(range);
  }
  for (const range of ranges) {
    if (intersectsAny(ioas.reserved, range.start, range.last))
      return refuse('ioas-allow-iovas/reserved-range');
  }
  return done([{ type: 'RangesAllowed', context: site.context.id, id: ioas.id, ranges }]);
}

/** Element `index` and those after it are not known. */
function unseenRanges(
  site: Site,
  ioas: Ioas,
  { numIovas, allowedIovas }: IoasAllowIovas,
  index: number,
): Outcome {
  const missing = `element ${index} of the array of ranges`;
  const forgotten = { type: 'AllowedForgotten', context: site.context.id, id: ioas.id } as const;
  const supposing = supposition(site, missing);
  if (supposing === 'denied') return refuse('ioas-allow-iovas/order');
  if (supposing === undefined || !site.checking) return undetermined(missing, [forgotten]);
  const address = Number(allowedIovas) + index * RANGE_BYTES;
  const length = (numIovas - index) * RANGE_BYTES;
  if (supposing !== 'refused' && mayRead(site, address, length)) return done([forgotten]);
  const rules: RuleId[] = ['ioas-allow-iovas/order'];
  if (numIovas > 1) rules.push('ioas-allow-iovas/overlap');
  if (ioas.reserved.length > 0) rules.push('ioas-allow-iovas/reserved-range');
  if (mayFault(site, address, length)) rules.push('ioas-allow-iovas/array');
  return refuseAny(rules);
}

function readRange(site: Site, address: number, index: number): Range | 'unreadable' | 'unknown' {
  const at = index * RANGE_BYTES;
  const { second } = site;
  if (second !== undefined && at + RANGE_BYTES <= second.length) {
    const view = new DataView(second.buffer, second.byteOffset, second.length);
    return { start: view.getBigUint64(at, true), last: view.getBigUint64(at + 8, true) };
  }
  return site.secondLacking || (canRead(site.space, address + at, RANGE_BYTES) && site.space?.known !== false)
    ? 'unknown'
    : 'unreadable';
}
