/** Deciders of dirty tracking (iopt_read_and_clear_dirty_data(), iova_bitmap.c) and the mock's way to dirty a page. */
import type { Event } from '../events/event.ts';
import type { HwptGetDirtyBitmap, HwptSetDirtyTracking } from '../events/hwpt-command.ts';
import {
  DONE,
  done,
  type Outcome,
  type Patch,
  refuse,
  refuseAfter,
  undetermined,
} from '../events/outcome.ts';
import type { TestDirty } from '../events/test-command.ts';
import { U64_MAX } from '../events/u64.ts';
import { areaAt, firstIntersecting, nextAfter } from './area-tree.ts';
import { BitmapWindow } from './bitmap-window.ts';
import { sortedGranules } from './granule-set.ts';
import { type Extent, type Leaf, leafAt, type Stretch, stretchOf } from './leaf.ts';
import { pagesAt } from './mapping.ts';
import { type HwptPaging, type Ioas, mustBe, objectOf } from './objects.ts';
import { canRespond, failed, isFailure, type Site, supposition } from './site.ts';
import { mayFault, readSecond } from './user-data.ts';

const ENABLE = 1;
const NO_CLEAR = 1;
/** Marks that are tried one by one where none of them was recorded. */
const MARKS_MAX = 1 << 16;

/** iommufd_hwpt_set_dirty_tracking(). Enabling clears what was dirty, also when tracking is on already. */
export function decideHwptSetDirtyTracking(site: Site, command: HwptSetDirtyTracking): Outcome {
  if (command.flags & ~ENABLE) return refuse('set-dirty/flags');
  const hwpt = objectOf(site.context, command.hwptId, 'hwpt-paging');
  if (hwpt === undefined) return refuse('hwpt-paging/exists');
  if (!hwpt.dirtyOps) return refuse('set-dirty/ops');
  const enabled = (command.flags & ENABLE) !== 0;
  const base = { context: site.context.id, id: hwpt.id };
  const events: Event[] = [];
  if (enabled && hwpt.dirtyUnseen)
    events.push({ type: 'PagesCleaned', ...base, granules: sortedGranules(hwpt.dirty), everything: true });
  else if (enabled && hwpt.dirty.size > 0)
    events.push({ type: 'PagesCleaned', ...base, granules: sortedGranules(hwpt.dirty) });
  if (enabled !== hwpt.dirtyTracking) events.push({ type: 'DirtyTrackingSet', ...base, enabled });
  return done(events);
}

/** iommufd_hwpt_get_dirty_bitmap(): after its checks it always succeeds; holes and bad bitmaps only lose bits. */
export function decideHwptGetDirtyBitmap(site: Site, command: HwptGetDirtyBitmap): Outcome {
  const { iova, length, pageSize } = command;
  if (command.flags & ~NO_CLEAR || command.reserved !== 0) return refuse('get-dirty/flags');
  const hwpt = objectOf(site.context, command.hwptId, 'hwpt-paging');
  if (hwpt === undefined) return refuse('hwpt-paging/exists');
  const ioas = mustBe(site.context, hwpt.ioasId, 'ioas');
  if (length === 0n) return refuse('get-dirty/length');
  if (iova + length - 1n > U64_MAX) return refuse('get-dirty/overflow');
  const end = (iova + length) & U64_MAX;
  const align = BigInt(ioas.align);
  if (iova % align || end % align) return refuse('get-dirty/alignment');
  if (pageSize === 0n) return refuse('get-dirty/page-size');
  if ((iova | end) & (pageSize - 1n)) return refuse('get-dirty/page-alignment');
  if (!hwpt.dirtyOps) return refuse('get-dirty/ops');
  if (hwpt.dirty.size === 0 && !hwpt.dirtyUnseen) return DONE;
  if (site.kernel.has.has('dirty-needs-tracking') && !hwpt.dirtyTracking) return DONE;
  if (hwpt.dirtyUnseen && !site.trusting && site.second !== undefined)
    return undetermined('which pages an earlier call marked as dirty');
  return readBitmap(site, command, hwpt, ioas);
}

/** Walks the areas from `iova` to the first hole; each dirty leaf sets the bits of its whole extent. */
function readBitmap(site: Site, command: HwptGetDirtyBitmap, hwpt: HwptPaging, ioas: Ioas): Outcome {
  const last = command.iova + command.length - 1n;
  const dirty = sortedGranules(hwpt.dirty);
  const leaves: Leaf[] = [];
  const granules: number[] = [];
  let at = command.iova;
  for (
    let area = areaAt(ioas.areas, at);
    area !== undefined && area.iova <= at;
    area = nextAfter(ioas.areas, area.last)
  ) {
    const end = area.last < last ? area.last : last;
    const range = { start: Number(at), last: Number(end) };
    collect(site, hwpt, ioas, stretchOf(area), range, dirty, leaves, granules);
    if (end === last) break;
    at = end + 1n;
  }
  const events: Event[] = [];
  if (!(command.flags & NO_CLEAR) && granules.length > 0) {
    events.push({ type: 'PagesCleaned', context: site.context.id, id: hwpt.id, granules });
  }
  return done(events, undefined, bitmapPatches(site, command, leaves));
}

/** Dirty leaves of an area that may touch `range`, each once, ascending, and the dirty granules in them. */
function collect(
  site: Site,
  hwpt: HwptPaging,
  ioas: Ioas,
  stretch: Stretch,
  range: Extent,
  dirty: readonly number[],
  leaves: Leaf[],
  granules: number[],
): void {
  const { granule } = hwpt.domain;
  let current: Leaf | undefined;
  for (let index = firstFrom(dirty, stretch.start / granule); index < dirty.length; index++) {
    const iova = (dirty[index] as number) * granule;
    if (iova > stretch.last) return;
    if (current === undefined || iova > current.certain.last) {
      const leaf = leafAt(site, hwpt, ioas, stretch, iova);
      const touches = leaf.possible.last >= range.start && leaf.possible.start <= range.last;
      current = leaf;
      if (touches) leaves.push(leaf);
    }
    const { start, last } = current.certain;
    if (last >= range.start && start <= range.last) granules.push(dirty[index] as number);
  }
}

/** Index of the first value that is not below `value`. */
function firstFrom(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** iova_bitmap_set(): a leaf that starts below the request is dropped; one that ends past it may set bits further on. */
function bitmapPatches(site: Site, command: HwptGetDirtyBitmap, leaves: readonly Leaf[]): Patch[] {
  const bitmap = new BitmapWindow(command, leaves);
  const base = Number(command.iova);
  for (const { certain, possible } of leaves) {
    if (certain.start >= base) bitmap.set(certain.start - base, certain.last - base);
    if (possible.start !== certain.start || possible.last !== certain.last) {
      bitmap.doubt(Math.max(0, possible.start - base), possible.last - base);
    }
  }
  return bitmap.patches(site, Number(command.data));
}

/** Marks that the recording does not hold: how many there were tells which, where it is none or all. */
function decideUnseenMarks(
  site: Site,
  command: TestDirty,
  hwpt: HwptPaging,
  count: number,
  missing: string,
): Outcome {
  const { handled } = site;
  const base = { context: site.context.id, id: hwpt.id };
  const faults = mayFault(site, Number(command.uptr), Math.ceil(count / 8));
  const every = new Uint8Array(Math.ceil(Math.min(count, MARKS_MAX) / 8)).fill(0xff);
  const all = markedGranules(site, command, hwpt, every, Math.min(count, MARKS_MAX));
  const most = count > MARKS_MAX ? count : all.count;
  if (!faults && most === 0) return canRespond(site) ? done([], { outNrDirty: 0n }) : refuse('respond/fault');
  const forgotten: Event = { type: 'DirtyForgotten', ...base };
  if (!faults && !canRespond(site)) return refuseAfter('respond/fault', [forgotten]);
  const supposing = supposition(site, missing);
  if (supposing === 'denied' || (supposing === 'refused' && faults)) return refuse('mock-dirty/bitmap');
  if (!site.trusting && !site.checking) return undetermined(missing, [forgotten]);
  const outNrDirty = BigInt(Math.min(handled ?? 0, most));
  if (handled === 0) return done([], { outNrDirty });
  return done(
    handled === all.count && most === all.count
      ? [{ type: 'PagesDirtied', ...base, granules: all.granules }]
      : [forgotten],
    {
      outNrDirty,
    },
  );
}

/** iommufd_test_dirty(): marks granules by hand; IOVAs without a translation are counted all the same. */
export function decideTestDirty(site: Site, command: TestDirty): Outcome {
  const { iova, length, pageSize, uptr } = command;
  if (pageSize === 0n || length === 0n || iova % pageSize || length % pageSize || uptr === 0n)
    return refuse('mock-dirty/arguments');
  if (length / pageSize > 1n << 27n) return refuse('mock-dirty/length');
  const hwpt = objectOf(site.context, command.id, 'hwpt-paging');
  if (hwpt === undefined) return refuse('hwpt-paging/exists');
  if (!hwpt.dirtyTracking) return refuse('mock-dirty/tracking');
  const count = Number(length / pageSize);
  const bytes = readSecond(site, Number(uptr), 0, Math.ceil(count / 8), 'mock-dirty/bitmap');
  if (isFailure(bytes))
    return 'missing' in bytes ? decideUnseenMarks(site, command, hwpt, count, bytes.missing) : failed(bytes);
  const marked = markedGranules(site, command, hwpt, bytes, count);
  const events: Event[] =
    marked.granules.length === 0
      ? []
      : [{ type: 'PagesDirtied', context: site.context.id, id: hwpt.id, granules: marked.granules }];
  if (!canRespond(site)) return refuseAfter('respond/fault', events);
  return done(events, { outNrDirty: BigInt(marked.count) });
}

function markedGranules(
  site: Site,
  command: TestDirty,
  hwpt: HwptPaging,
  bytes: Uint8Array,
  count: number,
): { granules: number[]; count: number } {
  const { areas } = mustBe(site.context, hwpt.ioasId, 'ioas');
  const granule = BigInt(hwpt.domain.granule);
  const bySlot = site.kernel.has.has('mock-dirty-slot-bug');
  const step = bySlot ? granule : command.pageSize;
  const first = bySlot ? (command.iova / command.pageSize) * granule : command.iova;
  const granules: number[] = [];
  let marked = 0;
  // What holds up to `known`: most bits lie in the area of the bit before.
  let known = -1n;
  let mapped = false;
  for (let bit = 0; bit < count; bit++) {
    if (!(((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1)) continue;
    const at = first + BigInt(bit) * step;
    if (at > known) {
      const area = at > U64_MAX ? undefined : firstIntersecting(areas, at, at);
      mapped = area !== undefined && !pagesAt(site.context, area.pagesId).detached;
      known = area === undefined ? at : area.last;
    }
    if (mapped) granules.push(Number(at / granule));
    if (mapped || !bySlot) marked++;
  }
  return { granules, count: marked };
}
