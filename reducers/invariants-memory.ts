/** Invariants of address spaces and pages: areas, reservations, alignment, pins, charges. */
import {
  areaAt,
  areaCount,
  firstIntersecting,
  forEachArea,
  lowBits,
  nextAfter,
} from '../machines/area-tree.ts';
import { intersectsAny } from '../machines/intervals.ts';
import { pagesOf, U64_MAX } from '../machines/mapping.ts';
import { type Access, type Hwpt, type Ioas, objectAt, pagingOf } from '../machines/objects.ts';
import { type Hold, type Pages, pinnedCount, uncovered } from '../machines/pages.ts';
import { accountOf } from '../machines/pinning.ts';
import type { Context, World } from '../machines/world.ts';
import type { InvariantId } from './invariants-register.ts';

type Report = (invariant: InvariantId, detail: string) => void;

const PAGE = 4096;
const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Areas in all address spaces of the context. */
export function areasIn(context: Context): number {
  let count = 0;
  for (const object of context.objects) if (object?.kind === 'ioas') count += areaCount(object.areas);
  return count;
}

/** areas-disjoint, over every area. */
export function checkAreas(context: Context, report: Report): void {
  for (const object of context.objects) {
    if (object?.kind !== 'ioas') continue;
    let before = -1n;
    forEachArea(object.areas, (area) => {
      if (area.iova <= before || area.last < area.iova)
        report(
          'areas-disjoint',
          `area ${hex(area.iova)} of IOAS ${object.id} begins before ${hex(before)} ends`,
        );
      if (!context.pages.has(area.pagesId))
        report(
          'areas-disjoint',
          `area ${hex(area.iova)} of IOAS ${object.id} has no pages object ${area.pagesId}`,
        );
      before = area.last;
    });
  }
}

/** areas-disjoint around one area, where there are too many to look at all. */
export function checkAreaAround(context: Context, ioas: Ioas, iova: bigint, report: Report): void {
  const area = areaAt(ioas.areas, iova);
  if (area === undefined) return;
  const before = area.iova === 0n ? undefined : areaAt(ioas.areas, area.iova - 1n);
  const after = nextAfter(ioas.areas, area.iova);
  if ((before !== undefined && before.last >= area.iova) || (after !== undefined && after.iova <= area.last))
    report('areas-disjoint', `area ${hex(area.iova)} of IOAS ${ioas.id} overlaps a neighbour`);
  if (!context.pages.has(area.pagesId))
    report('areas-disjoint', `area ${hex(area.iova)} of IOAS ${ioas.id} has no pages object ${area.pagesId}`);
}

/** areas-avoid-reserved, allowed-excludes-reserved, reservation-has-owner, alignment-matches-members, members-match. */
export function checkAddressSpaces(context: Context, report: Report): void {
  for (const object of context.objects)
    if (object?.kind === 'ioas') checkAddressSpace(context, object, report);
}

function checkAddressSpace(context: Context, ioas: Ioas, report: Report): void {
  for (const { start, last, owner } of ioas.reserved) {
    const range = `${hex(start)}..${hex(last)} of IOAS ${ioas.id}, reserved by ${owner},`;
    if (firstIntersecting(ioas.areas, start, last) !== undefined)
      report('areas-avoid-reserved', `${range} has an area`);
    if (ioas.allowedKnown && ioas.allowed.length > 0 && intersectsAny(ioas.allowed, start, last))
      report('allowed-excludes-reserved', `${range} is allowed`);
    if (!ownerFits(context, ioas, owner)) report('reservation-has-owner', `${range} has no such member`);
  }
  checkMembers(context, ioas, report);
}

function ownerFits(context: Context, ioas: Ioas, owner: string): boolean {
  const colon = owner.indexOf(':');
  if (colon < 0) return true;
  const id = Number(owner.slice(colon + 1));
  if (owner.startsWith('hwpt:')) return ioas.hwptIds.includes(id);
  const device = objectAt(context, id);
  if (device?.kind !== 'device') return false;
  const slot = context.groups.get(device.traits.groupKey)?.slots.get(0);
  if (slot === undefined || !slot.deviceIds.includes(id)) return false;
  return pagingOf(context, objectAt(context, slot.hwptId) as Hwpt).ioasId === ioas.id;
}

function checkMembers(context: Context, ioas: Ioas, report: Report): void {
  let align = ioas.largePages ? 1 : PAGE;
  let hwpts = 0;
  let accesses = 0;
  for (const object of context.objects) {
    if (object?.kind === 'hwpt-paging' && object.ioasId === ioas.id) {
      hwpts++;
      if (object.domain.granule > align) align = object.domain.granule;
      if (!ioas.hwptIds.includes(object.id))
        report('members-match', `IOAS ${ioas.id} does not list HWPT ${object.id}`);
      checkAperture(ioas, object.id, object.domain.aperture, report);
    } else if (object?.kind === 'access' && object.ioasId === ioas.id) {
      accesses++;
      if (object.needsPin && align < PAGE) align = PAGE;
      if (!ioas.accessIds.includes(object.id))
        report('members-match', `IOAS ${ioas.id} does not list access ${object.id}`);
    }
  }
  if (ioas.hwptIds.length !== hwpts || ioas.accessIds.length !== accesses)
    report(
      'members-match',
      `IOAS ${ioas.id} lists ${ioas.hwptIds.length} HWPTs and ${ioas.accessIds.length} accesses, it has ${hwpts} and ${accesses}`,
    );
  if (ioas.align !== align)
    report(
      'alignment-matches-members',
      `IOAS ${ioas.id} is aligned to ${ioas.align}, its members demand ${align}`,
    );
  if (lowBits(ioas.areas) & (align - 1))
    report('alignment-matches-members', `an area of IOAS ${ioas.id} is not aligned to ${align}`);
}

/** Everything outside the aperture of each HWPT is reserved: areas-avoid-reserved says what that is good for. */
function checkAperture(
  ioas: Ioas,
  hwptId: number,
  { start, last }: { start: bigint; last: bigint },
  report: Report,
): void {
  const outside =
    (start > 0n && firstIntersecting(ioas.areas, 0n, start - 1n)) ||
    (last < U64_MAX && firstIntersecting(ioas.areas, last + 1n, U64_MAX));
  if (outside)
    report(
      'areas-avoid-reserved',
      `area ${hex(outside.iova)} of IOAS ${ioas.id} is outside the aperture of HWPT ${hwptId}`,
    );
}

type Expected = { areas: number; holds: Hold[] };

function expect(expected: Map<number, Expected>, pagesId: number): Expected {
  let one = expected.get(pagesId);
  if (one === undefined) {
    one = { areas: 0, holds: [] };
    expected.set(pagesId, one);
  }
  return one;
}

function expectHold({ holds }: Expected, first: number, last: number): void {
  const same = holds.find((one) => one.first === first && one.last === last);
  if (same === undefined) holds.push({ first, last, count: 1 });
  else same.count++;
}

/** pins-match-holders: what each pages object is held for is counted again from areas and accesses. */
export function checkPins(context: Context, report: Report): void {
  const expected = new Map<number, Expected>();
  for (const object of context.objects) {
    if (object?.kind === 'ioas') expectAreas(context, object, expected);
    else if (object?.kind === 'access') expectItems(object, expected);
  }
  for (const pages of context.pages.values()) checkPages(pages, expected.get(pages.id), report);
}

function expectAreas(context: Context, ioas: Ioas, expected: Map<number, Expected>): void {
  const held = ioas.hwptIds.length > 0;
  forEachArea(ioas.areas, (area) => {
    const one = expect(expected, area.pagesId);
    one.areas++;
    if (!held || context.pages.get(area.pagesId)?.kind === 'dmabuf') return;
    const [first, last] = pagesOf(area);
    expectHold(one, first, last);
  });
}

function expectItems(access: Access, expected: Map<number, Expected>): void {
  for (const item of access.items)
    for (const part of item.parts) expectHold(expect(expected, part.pagesId), part.first, part.last);
}

function checkPages(pages: Pages, expected: Expected | undefined, report: Report): void {
  const holds = expected?.holds ?? [];
  const areas = expected?.areas ?? 0;
  if (pages.areas !== areas)
    report('pins-match-holders', `pages object ${pages.id} counts ${pages.areas} areas, ${areas} use it`);
  let alike = pages.holds.length === holds.length;
  for (const { first, last, count } of holds)
    alike &&= pages.holds.some((one) => one.first === first && one.last === last && one.count === count);
  if (!alike)
    report(
      'pins-match-holders',
      `pages object ${pages.id} is held for ${text(pages.holds)}, its holders are ${text(holds)}`,
    );
  checkPinned(pages, report);
}

function text(holds: readonly Hold[]): string {
  return holds.map(({ first, last, count }) => `${first}..${last} x${count}`).join(', ') || 'nothing';
}

/** The pinned pages are the union of the holds: each hold is pinned, and no more pages are pinned than that. */
export function checkPinned(pages: Pages, report: Report): void {
  let union = 0;
  let until = -1;
  const holds =
    pages.holds.length > 1 ? [...pages.holds].sort((one, other) => one.first - other.first) : pages.holds;
  for (const { first, last } of holds) {
    if (uncovered(pages.pinned, first, last).length > 0)
      report(
        'pins-match-holders',
        `pages ${first}..${last} of pages object ${pages.id} are held and not pinned`,
      );
    const from = first > until ? first : until + 1;
    if (last < from) continue;
    union += last - from + 1;
    until = last;
  }
  const pinned = pinnedCount(pages);
  if (pinned !== union)
    report('pins-match-holders', `${pinned} pages of pages object ${pages.id} are pinned, ${union} are held`);
}

/** charges-match-pins, over all contexts: accounts belong to users and processes. */
export function checkCharges(world: World, report: Report): void {
  const counted = new Map<string, number>();
  for (const context of world.contexts.values()) {
    for (const pages of context.pages.values()) {
      const account = accountOf(pages);
      if (account !== '') counted.set(account, (counted.get(account) ?? 0) + pinnedCount(pages));
    }
  }
  for (const [account, charged] of world.charged) {
    const pinned = counted.get(account) ?? 0;
    if (charged !== pinned)
      report('charges-match-pins', `${account} is charged for ${charged} pages, ${pinned} are pinned`);
    counted.delete(account);
  }
  for (const [account, pinned] of counted)
    if (pinned > 0)
      report('charges-match-pins', `${account} is charged for nothing, ${pinned} pages are pinned`);
}
