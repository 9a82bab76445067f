/** The attach, replace and detach engine: one slot per (group, PASID), PASID 0 being the RID (device.c). */
import type { Event } from '../events/event.ts';
import type { Domain } from '../events/hwpt.ts';
import { errnoOf } from '../events/rules.ts';
import { U64_MAX } from '../events/u64.ts';
import { lowBits } from './area-tree.ts';
import type { DeviceView } from './drivers/driver.ts';
import { NO_GRANULES } from './granule-set.ts';
import { fillDomain } from './mapping.ts';
import { refusesReservation, unsureReservation } from './mock-memory.ts';
import { allocDomain } from './no-iommu.ts';
import { freeId, type Hwpt, type HwptPaging, type Ioas, mustBe, objectAt, pagingOf } from './objects.ts';
import type { Plan } from './plan.ts';
import { type Failure, isFailure, type Site } from './site.ts';
import { addTo } from './sums.ts';
import type { Slot } from './world.ts';

export type PtResult = Readonly<{ hwptId: number }> | Failure;

function slotOf(site: Site, device: DeviceView, pasid: number): Slot | undefined {
  return site.context.groups.get(device.traits.groupKey)?.slots.get(pasid);
}

/** iommufd_device_attach(): puts (device, pasid) on the page table or address space `ptId`. */
export function planAttach(
  site: Site,
  plan: Plan,
  device: DeviceView,
  pasid: number,
  ptId: number,
): PtResult {
  return changePt(site, plan, device, pasid, ptId, attachDirect);
}

/** iommufd_device_replace(): moves the whole slot that the device is in. */
export function planReplace(
  site: Site,
  plan: Plan,
  device: DeviceView,
  pasid: number,
  ptId: number,
): PtResult {
  return changePt(site, plan, device, pasid, ptId, replaceDirect);
}

type Change = (site: Site, plan: Plan, device: DeviceView, pasid: number, hwpt: Hwpt) => Failure | undefined;

/** iommufd_device_change_pt(). */
function changePt(
  site: Site,
  plan: Plan,
  device: DeviceView,
  pasid: number,
  ptId: number,
  change: Change,
): PtResult {
  const pt = objectAt(site.context, ptId);
  // A device under construction is published already; it is no page table.
  if (pt === undefined)
    return plan.taken.includes(ptId) && ptId === device.id
      ? { rule: 'attach/pt-kind' }
      : { rule: 'attach/pt-exists' };
  if (pt.kind === 'hwpt-paging' || pt.kind === 'hwpt-nested') {
    return change(site, plan, device, pasid, pt) ?? { hwptId: pt.id };
  }
  return pt.kind === 'ioas' ? changeAuto(site, plan, device, pasid, pt, change) : { rule: 'attach/pt-kind' };
}

/** iommufd_device_auto_get_domain(): the first automatic HWPT that fits, else a new one. */
function changeAuto(
  site: Site,
  plan: Plan,
  device: DeviceView,
  pasid: number,
  ioas: Ioas,
  change: Change,
): PtResult {
  for (const id of ioas.hwptIds) {
    const hwpt = mustBe(site.context, id, 'hwpt-paging');
    if (!hwpt.auto) continue;
    const failure = change(site, plan, device, pasid, hwpt);
    if (failure === undefined) return { hwptId: id };
    if ('missing' in failure || errnoOf(failure.rule) !== 'EINVAL') return failure;
  }
  const data = { type: 0, length: 0, address: 0 };
  const domain = allocDomain(site, { traits: device.traits, flags: 0, data });
  if (isFailure(domain)) return domain;
  const id = freeId(site.context, plan.taken);
  const attaches = change === attachDirect;
  const { residue, tally, taken, released } = plan;
  const inner: Plan = { events: [], residue, tally, taken, released };
  const hwpt = plannedHwpt(id, ioas, domain);
  const failure =
    (attaches ? change(site, inner, device, pasid, hwpt) : undefined) ??
    joinIoas(site, plan, ioas, domain) ??
    (attaches ? undefined : change(site, inner, device, pasid, hwpt));
  if (failure !== undefined) return failure;
  plan.taken.push(id);
  plan.events.push(
    {
      type: 'HwptPagingAllocated',
      context: site.context.id,
      id,
      ioasId: ioas.id,
      auto: true,
      nestParent: false,
      pasidCompat: false,
      dirtyOps: false,
      faultId: 0,
      domain,
      captures: plan.tally.captures,
    },
    ...inner.events,
  );
  return { hwptId: id };
}

function plannedHwpt(id: number, ioas: Ioas, domain: Domain): HwptPaging {
  return {
    id,
    kind: 'hwpt-paging',
    users: 1,
    phase: 'live',
    ioasId: ioas.id,
    auto: true,
    nestParent: false,
    pasidCompat: false,
    dirtyOps: false,
    faultId: 0,
    domain,
    dirtyTracking: false,
    dirty: NO_GRANULES,
    dirtyUnseen: false,
  };
}

/** iopt_table_add_domain(): page size, alignment, aperture, then every area is loaded. */
export function joinIoas(site: Site, plan: Plan, ioas: Ioas, domain: Domain): Failure | undefined {
  if (domain.granule > 4096) return { rule: 'join/page-size' };
  if (domain.granule > ioas.align && lowBits(ioas.areas) & (domain.granule - 1))
    return { rule: 'ioas/alignment' };
  const { start, last } = domain.aperture;
  if (start > 0n && refusesReservation(ioas, 0n, start - 1n)) return { rule: 'reserve/in-use' };
  if (last < U64_MAX && refusesReservation(ioas, last + 1n, U64_MAX)) return { rule: 'reserve/in-use' };
  if (!ioas.allowedKnown) {
    const unsure =
      (start > 0n ? unsureReservation(site, ioas, 0n, start - 1n) : undefined) ??
      (last < U64_MAX ? unsureReservation(site, ioas, last + 1n, U64_MAX) : undefined);
    if (unsure !== undefined) return unsure;
  }
  return fillDomain(site, plan.tally, ioas, domain.granule);
}

/** iommufd_hw_pagetable_attach(). */
function attachDirect(
  site: Site,
  plan: Plan,
  device: DeviceView,
  pasid: number,
  hwpt: Hwpt,
): Failure | undefined {
  const slot = slotOf(site, device, pasid);
  if (slot?.deviceIds.includes(device.id)) return { rule: 'attach/attached' };
  if (slot !== undefined && slot.hwptId !== hwpt.id) return { rule: 'attach/group-hwpt' };
  const entered = pasid === 0 ? enterReserved(site, device, paging(site, hwpt)) : [];
  if (isFailure(entered)) return entered;
  if (slot === undefined) {
    const failure = refusesPasid(site, device, pasid, hwpt) ?? core(site, plan, device, pasid, hwpt, false);
    if (failure !== undefined) return failure;
  }
  const { groupKey } = device.traits;
  plan.events.push(...entered, {
    type: 'DeviceAttached',
    context: site.context.id,
    deviceId: device.id,
    groupKey,
    pasid,
    hwptId: hwpt.id,
  });
  return undefined;
}

function paging(site: Site, hwpt: Hwpt): Ioas {
  return mustBe(site.context, pagingOf(site.context, hwpt).ioasId, 'ioas');
}

/** Reserved regions of the device that enter an IOAS; relaxable ones do not (iopt_table_enforce_dev_resv_regions()). */
function enterReserved(site: Site, device: DeviceView, ioas: Ioas): Event[] | Failure {
  const events: Event[] = [];
  if (device.traits.noIommu) return events;
  for (const { start, last, type } of device.traits.reserved) {
    if (type === 'direct-relaxable') continue;
    if (refusesReservation(ioas, start, last)) return { rule: 'reserve/in-use' };
    const unsure = unsureReservation(site, ioas, start, last);
    if (unsure !== undefined) return unsure;
    events.push({
      type: 'RangeReserved',
      context: site.context.id,
      id: ioas.id,
      start,
      last,
      owner: `device:${device.id}`,
    });
  }
  return events;
}

/** iommufd_hwpt_pasid_compat(): an untagged HWPT and PASIDs exclude each other in a group. */
function refusesPasid(site: Site, device: DeviceView, pasid: number, hwpt: Hwpt): Failure | undefined {
  if (!site.kernel.has.has('pasid')) return undefined;
  const slots = site.context.groups.get(device.traits.groupKey)?.slots;
  if (pasid === 0) {
    if (hwpt.pasidCompat || slots === undefined) return undefined;
    for (const other of slots.keys()) if (other !== 0) return { rule: 'attach/pasids-attached' };
    return undefined;
  }
  if (!hwpt.pasidCompat) return { rule: 'attach/pasid-compat' };
  const rid = slots?.get(0);
  if (rid === undefined) return undefined;
  const ridHwpt = objectAt(site.context, rid.hwptId) as Hwpt;
  return ridHwpt.pasidCompat ? undefined : { rule: 'attach/rid-pasid-compat' };
}

/** The IOMMU core's own checks, then the driver. */
function core(
  site: Site,
  plan: Plan,
  device: DeviceView,
  pasid: number,
  hwpt: Hwpt,
  replaces: boolean,
): Failure | undefined {
  if (device.traits.noIommu) return undefined;
  if (hwpt.kind === 'hwpt-paging' && hwpt.domain.noIommu)
    return { rule: replaces ? 'core/attach-op' : 'core/driver' };
  const { driver } = site.platform;
  if (pasid !== 0 && !driver.canSetPasid(hwpt)) return { rule: 'core/pasid-op' };
  const { maxPasids } = device.traits;
  if (pasid !== 0 && !replaces && maxPasids > 0 && pasid >= maxPasids) return { rule: 'core/pasid-range' };
  const rule = driver.attach(site, plan, device, hwpt, pasid, replaces);
  return rule === undefined ? undefined : { rule };
}

/** iommufd_device_do_replace(). */
function replaceDirect(
  site: Site,
  plan: Plan,
  device: DeviceView,
  pasid: number,
  hwpt: Hwpt,
): Failure | undefined {
  const slot = slotOf(site, device, pasid);
  if (slot === undefined) return { rule: 'replace/attached' };
  if (!slot.deviceIds.includes(device.id)) return { rule: 'replace/member' };
  if (slot.hwptId === hwpt.id) return undefined;
  const former = objectAt(site.context, slot.hwptId) as Hwpt;
  const moved = pasid === 0 ? moveReserved(site, slot, former, hwpt) : [];
  if (isFailure(moved)) return moved;
  const failure = refusesPasid(site, device, pasid, hwpt) ?? core(site, plan, device, pasid, hwpt, true);
  if (failure !== undefined) {
    if (pasid === 0) loseReserved(site, plan, slot, former, hwpt);
    return failure;
  }
  plan.events.push(...moved, {
    type: 'HwptReplaced',
    context: site.context.id,
    deviceId: device.id,
    groupKey: device.traits.groupKey,
    pasid,
    hwptId: hwpt.id,
    formerHwptId: former.id,
  });
  releaseHwpt(site, plan, former, slot.deviceIds.length);
  return undefined;
}

/** Reserved regions of the slot's devices enter the new IOAS and leave the old one, unless it is the same. */
function moveReserved(site: Site, slot: Slot, former: Hwpt, hwpt: Hwpt): Event[] | Failure {
  const from = paging(site, former);
  const to = paging(site, hwpt);
  if (from.id === to.id) return [];
  const events: Event[] = [];
  for (const id of slot.deviceIds) {
    const entered = enterReserved(site, mustBe(site.context, id, 'device'), to);
    if (isFailure(entered)) return entered;
    events.push(...entered, {
      type: 'ReservationsDropped',
      context: site.context.id,
      id: from.id,
      owner: `device:${id}`,
    });
  }
  return events;
}

/** A failed replace takes the regions out of the target's IOAS, even when that is the one the device stays in. */
function loseReserved(site: Site, plan: Plan, slot: Slot, former: Hwpt, hwpt: Hwpt): void {
  const to = paging(site, hwpt);
  if (paging(site, former).id !== to.id) return;
  for (const id of slot.deviceIds) {
    plan.residue.push({
      type: 'ReservationsDropped',
      context: site.context.id,
      id: to.id,
      owner: `device:${id}`,
    });
  }
}

/** An automatic HWPT goes with its last user. */
function releaseHwpt(site: Site, plan: Plan, hwpt: Hwpt, count: number): void {
  const released = addTo(plan.released, hwpt.id, count);
  if (hwpt.kind === 'hwpt-paging' && hwpt.auto && hwpt.users - released === 1) {
    plan.events.push({ type: 'HwptDestroyed', context: site.context.id, id: hwpt.id });
  }
}

/** iommufd_device_detach(): never fails; nothing happens where nothing is attached. */
export function planDetach(site: Site, plan: Plan, device: DeviceView, pasid: number): void {
  const slot = slotOf(site, device, pasid);
  if (slot === undefined || !slot.deviceIds.includes(device.id)) return;
  const former = objectAt(site.context, slot.hwptId) as Hwpt;
  plan.events.push({
    type: 'DeviceDetached',
    context: site.context.id,
    deviceId: device.id,
    groupKey: device.traits.groupKey,
    pasid,
    formerHwptId: former.id,
  });
  if (slot.deviceIds.length === 1) site.platform.driver.detached(site, plan, device, pasid);
  if (pasid === 0) {
    const ioas = paging(site, former);
    plan.events.push({
      type: 'ReservationsDropped',
      context: site.context.id,
      id: ioas.id,
      owner: `device:${device.id}`,
    });
  }
  releaseHwpt(site, plan, former, 1);
}
