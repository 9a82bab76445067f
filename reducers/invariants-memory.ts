/** Invariants of address spaces: areas, reservations, members, alignment. */
import { hex } from '../events/hex.ts';
import { U64_MAX } from '../events/u64.ts';
import {
  areaAt,
  areaCount,
  firstIntersecting,
  forEachArea,
  lowBits,
  nextAfter,
} from '../machines/area-tree.ts';
import { intersectsAny } from '../machines/intervals.ts';
import { type Hwpt, type HwptPaging, type Ioas, objectAt, pagingOf } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import type { InvariantId } from './invariants-register.ts';

type Report = (invariant: InvariantId, detail: string) => void;

const PAGE = 4096;

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

/** Members of each IOAS by its id, counted anew for each context; kept between calls so that counting allocates nothing. */
let members = new Int32Array(192);
const ALIGN = 0;
const HWPTS = 1;
const ACCESSES = 2;
const FIELDS = 3;

function countMembers(context: Context): void {
  const { objects } = context;
  const length = objects.length * FIELDS;
  if (members.length < length) members = new Int32Array(length * 2);
  members.fill(0, 0, length);
  for (const object of objects) {
    if (object?.kind === 'hwpt-paging') countMember(object.ioasId, HWPTS, object.domain.granule);
    else if (object?.kind === 'access' && object.ioasId !== 0)
      countMember(object.ioasId, ACCESSES, object.needsPin ? PAGE : 1);
  }
}

function countMember(ioasId: number, field: number, align: number): void {
  const at = ioasId * FIELDS;
  members[at + field] = (members[at + field] as number) + 1;
  if (align > (members[at + ALIGN] as number)) members[at + ALIGN] = align;
}

/** areas-avoid-reserved, allowed-excludes-reserved, reservation-has-owner, alignment-matches-members, members-match. */
export function checkAddressSpaces(context: Context, report: Report): void {
  countMembers(context);
  for (const object of context.objects) if (object?.kind === 'ioas') checkCounted(context, object, report);
}

/** The same of one IOAS. */
export function checkAddressSpace(context: Context, ioas: Ioas, report: Report): void {
  countMembers(context);
  checkCounted(context, ioas, report);
}

function checkCounted(context: Context, ioas: Ioas, report: Report): void {
  for (const reserved of ioas.reserved) {
    const { start, last, owner } = reserved;
    if (firstIntersecting(ioas.areas, start, last) !== undefined)
      report('areas-avoid-reserved', `${reservedText(ioas, reserved)} has an area`);
    if (ioas.allowedKnown && ioas.allowed.length > 0 && intersectsAny(ioas.allowed, start, last))
      report('allowed-excludes-reserved', `${reservedText(ioas, reserved)} is allowed`);
    if (!ownerFits(context, ioas, owner))
      report('reservation-has-owner', `${reservedText(ioas, reserved)} has no such member`);
  }
  checkMembers(context, ioas, report);
}

function reservedText(ioas: Ioas, { start, last, owner }: Ioas['reserved'][number]): string {
  return `${hex(start)}..${hex(last)} of IOAS ${ioas.id}, reserved by ${owner},`;
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
  const at = ioas.id * FIELDS;
  for (const id of ioas.hwptIds) {
    const hwpt = objectAt(context, id);
    if (hwpt?.kind === 'hwpt-paging' && hwpt.ioasId === ioas.id) checkAperture(ioas, hwpt, report);
    else report('members-match', `IOAS ${ioas.id} lists HWPT ${id}, which is not on it`);
  }
  for (const id of ioas.accessIds) {
    const access = objectAt(context, id);
    if (access?.kind !== 'access' || access.ioasId !== ioas.id)
      report('members-match', `IOAS ${ioas.id} lists access ${id}, which is not on it`);
  }
  const counts = [ioas.hwptIds.length, ioas.accessIds.length] as const;
  if (counts[0] !== members[at + HWPTS] || counts[1] !== members[at + ACCESSES])
    report(
      'members-match',
      `IOAS ${ioas.id} lists ${counts[0]} HWPTs and ${counts[1]} accesses, it has ${members[at + HWPTS]} and ${members[at + ACCESSES]}`,
    );
  const align = Math.max(ioas.largePages ? 1 : PAGE, members[at + ALIGN] as number);
  if (ioas.align !== align)
    report(
      'alignment-matches-members',
      `IOAS ${ioas.id} is aligned to ${ioas.align}, its members demand ${align}`,
    );
  if (lowBits(ioas.areas) & (align - 1))
    report('alignment-matches-members', `an area of IOAS ${ioas.id} is not aligned to ${align}`);
}

/** Everything outside the aperture of each HWPT is reserved: areas-avoid-reserved says what that is good for. */
function checkAperture(ioas: Ioas, hwpt: HwptPaging, report: Report): void {
  const { start, last } = hwpt.domain.aperture;
  const outside =
    (start > 0n && firstIntersecting(ioas.areas, 0n, start - 1n)) ||
    (last < U64_MAX && firstIntersecting(ioas.areas, last + 1n, U64_MAX));
  if (outside)
    report(
      'areas-avoid-reserved',
      `area ${hex(outside.iova)} of IOAS ${ioas.id} is outside the aperture of HWPT ${hwpt.id}`,
    );
}
