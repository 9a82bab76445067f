/** What must add up in every world: each count is counted again from what it counts. */
import { forEachArea } from '../../machines/area-tree.ts';
import { pagesOf } from '../../machines/mapping.ts';
import type { Ioas, IommuObject } from '../../machines/objects.ts';
import { pinnedCount, uncovered } from '../../machines/pages.ts';
import { accountOf } from '../../machines/pinning.ts';
import type { Context, World } from '../../machines/world.ts';

/** What does not add up, in words; empty where everything does. */
export function inconsistencies(world: World): string[] {
  const wrong: string[] = [];
  for (const context of world.contexts.values()) {
    if (context.broken !== '') continue;
    checkTable(context, wrong);
    checkUsers(world, context, wrong);
    checkIoases(context, wrong);
    checkPages(context, wrong);
    checkGroups(context, wrong);
    checkContextRefs(world, context, wrong);
  }
  checkCharges(world, wrong);
  checkFiles(world, wrong);
  return wrong;
}

function same(wrong: string[], what: string, found: unknown, counted: unknown): void {
  if (found !== counted) wrong.push(`${what} is ${String(found)}, counted ${String(counted)}`);
}

function objectsOf(context: Context): IommuObject[] {
  return context.objects.filter((object) => object !== undefined);
}

function checkTable(context: Context, wrong: string[]): void {
  const objects = objectsOf(context);
  same(wrong, 'live', context.live, objects.length);
  for (let id = 1; id < context.lowestFree; id++)
    if (context.objects[id] === undefined) wrong.push(`${id} is free`);
  for (const object of objects) same(wrong, 'id', object.id, context.objects.indexOf(object));
}

/** References by id: what each object holds of others, and what the outside holds. */
function checkUsers(world: World, context: Context, wrong: string[]): void {
  const users = new Map<number, number>();
  const hold = (id: number, count = 1) => {
    if (id !== 0) users.set(id, (users.get(id) ?? 0) + count);
  };
  for (const object of objectsOf(context)) {
    hold(object.id);
    for (const id of heldBy(object)) hold(id);
  }
  for (const group of context.groups.values()) {
    for (const slot of group.slots.values()) {
      hold(slot.hwptId, slot.deviceIds.length);
      for (const id of slot.deviceIds) hold(id);
    }
  }
  for (const { ownerId } of context.mappings) hold(ownerId);
  for (const file of world.files.values()) {
    if (file.contextId === context.id && (file.kind === 'fault' || file.kind === 'eventq'))
      hold(file.objectId);
  }
  for (const object of objectsOf(context))
    same(wrong, `users of ${object.kind} ${object.id}`, object.users, users.get(object.id));
}

function heldBy(object: IommuObject): number[] {
  switch (object.kind) {
    case 'hwpt-paging':
      return [object.ioasId, object.faultId];
    case 'hwpt-nested':
      return [object.parentId, object.viommuId, object.faultId];
    case 'device':
      return [object.id];
    case 'access':
      return [object.id, object.ioasId];
    case 'viommu':
      return [object.hwptId];
    case 'vdevice':
      return [object.viommuId, object.deviceId];
    case 'veventq':
      return [object.viommuId];
    case 'hw-queue':
      return [object.viommuId, object.dependsOnId];
    default:
      return [];
  }
}

function checkIoases(context: Context, wrong: string[]): void {
  const objects = objectsOf(context);
  for (const ioas of objects) {
    if (ioas.kind !== 'ioas') continue;
    const hwpts = objects.filter((one) => one.kind === 'hwpt-paging' && one.ioasId === ioas.id);
    const accesses = objects.filter((one) => one.kind === 'access' && one.ioasId === ioas.id);
    same(wrong, 'hwptIds', sorted(ioas.hwptIds), sorted(hwpts.map(({ id }) => id)));
    same(wrong, 'accessIds', sorted(ioas.accessIds), sorted(accesses.map(({ id }) => id)));
    let align = ioas.largePages ? 1 : 4096;
    for (const one of hwpts) if (one.kind === 'hwpt-paging') align = Math.max(align, one.domain.granule);
    for (const one of accesses) if (one.kind === 'access' && one.needsPin) align = Math.max(align, 4096);
    same(wrong, 'align', ioas.align, align);
    checkReserved(context, ioas, wrong);
    checkAreaPins(context, ioas, wrong);
  }
}

function sorted(ids: readonly number[]): string {
  return [...ids].sort((one, other) => one - other).join();
}

/** Reservations belong to HWPTs of the IOAS, to attached devices, or to the test. */
function checkReserved(context: Context, ioas: Ioas, wrong: string[]): void {
  for (const { owner } of ioas.reserved) {
    const [kind, id] = owner.split(':');
    const object = context.objects[Number(id)];
    if (kind === 'hwpt' && (object?.kind !== 'hwpt-paging' || object.ioasId !== ioas.id))
      wrong.push(`reserved by ${owner}`);
    if (kind === 'device' && object?.kind !== 'device') wrong.push(`reserved by ${owner}`);
  }
  for (const id of ioas.hwptIds) {
    const hwpt = context.objects[id];
    if (hwpt?.kind !== 'hwpt-paging') continue;
    const { start, last } = hwpt.domain.aperture;
    const wanted = (start > 0n ? 1 : 0) + (last < 0xffff_ffff_ffff_ffffn ? 1 : 0);
    const count = ioas.reserved.filter(({ owner }) => owner === `hwpt:${id}`).length;
    same(wrong, `reservations of hwpt ${id}`, count, wanted);
  }
}

function checkAreaPins(context: Context, ioas: Ioas, wrong: string[]): void {
  const pins = new Map<bigint, number>();
  const locks = new Map<bigint, number>();
  const add = (map: Map<bigint, number>, key: bigint) => map.set(key, (map.get(key) ?? 0) + 1);
  for (const object of objectsOf(context)) {
    if (object.kind !== 'access' || object.ioasId !== ioas.id) continue;
    for (const { areaIova } of object.items.flatMap(({ parts }) => parts)) {
      add(pins, areaIova);
      if (object.internal) add(locks, areaIova);
    }
  }
  forEachArea(ioas.areas, (area) => {
    const at = area.iova.toString(16);
    same(wrong, `pins of area ${at}`, area.pins, pins.get(area.iova) ?? 0);
    same(wrong, `locks of area ${at}`, area.locks, locks.get(area.iova) ?? 0);
    return true;
  });
}

/** Areas, holds and pinned pages of every pages object. */
function checkPages(context: Context, wrong: string[]): void {
  const areas = new Map<number, number>();
  const holds = new Map<number, string[]>();
  const hold = (id: number, first: number, last: number) =>
    holds.set(id, [...(holds.get(id) ?? []), `${first}..${last}`]);
  for (const object of objectsOf(context)) {
    if (object.kind === 'access') {
      for (const part of object.items.flatMap(({ parts }) => parts))
        hold(part.pagesId, part.first, part.last);
    }
    if (object.kind !== 'ioas') continue;
    forEachArea(object.areas, (area) => {
      areas.set(area.pagesId, (areas.get(area.pagesId) ?? 0) + 1);
      const held = object.hwptIds.length > 0 && context.pages.get(area.pagesId)?.kind !== 'dmabuf';
      if (held) hold(area.pagesId, ...pagesOf(area));
      return true;
    });
  }
  for (const id of areas.keys()) if (!context.pages.has(id)) wrong.push(`pages ${id} are gone`);
  for (const pages of context.pages.values()) {
    same(wrong, `areas of pages ${pages.id}`, pages.areas, areas.get(pages.id) ?? 0);
    const found = pages.holds.flatMap(({ first, last, count }) => new Array(count).fill(`${first}..${last}`));
    const counted = holds.get(pages.id) ?? [];
    same(wrong, `holds of pages ${pages.id}`, found.sort().join(), counted.sort().join());
    const bare = pages.holds.filter(({ first, last }) => uncovered(pages.pinned, first, last).length > 0);
    same(wrong, `held and not pinned in pages ${pages.id}`, bare.length, 0);
    const loose = pages.pinned.filter(
      (piece) => uncovered(ascending(pages.holds), piece.first, piece.last).length,
    );
    same(wrong, `pinned and not held in pages ${pages.id}`, loose.length, 0);
  }
}

function ascending(holds: readonly { first: number; last: number }[]): { first: number; last: number }[] {
  return [...holds].sort((one, other) => one.first - other.first);
}

function checkGroups(context: Context, wrong: string[]): void {
  const devices = objectsOf(context).filter((object) => object.kind === 'device');
  for (const group of context.groups.values()) {
    const members = devices.filter(({ traits }) => traits.groupKey === group.key).map(({ id }) => id);
    same(wrong, `devices of ${group.key}`, sorted(group.deviceIds), sorted(members));
    same(wrong, `phase of ${group.key}`, group.phase, 'owned');
    for (const [pasid, slot] of group.slots) {
      if (slot.deviceIds.length === 0) wrong.push(`empty slot ${pasid} of ${group.key}`);
      if (!slot.deviceIds.every((id) => members.includes(id))) wrong.push(`strangers in slot ${pasid}`);
      same(wrong, `phase of slot ${pasid}`, slot.phase, pasid === 0 ? 'attached' : 'bound');
    }
  }
  for (const { traits } of devices)
    if (!context.groups.has(traits.groupKey)) wrong.push('a device without group');
}

function checkContextRefs(world: World, context: Context, wrong: string[]): void {
  const files = [...world.files.values()].filter(({ contextId }) => contextId === context.id);
  same(wrong, `refs of context ${context.id}`, context.refs, files.length + context.mappings.length);
}

function checkCharges(world: World, wrong: string[]): void {
  const charged = new Map<string, number>();
  for (const context of world.contexts.values()) {
    for (const pages of context.pages.values()) {
      const account = accountOf(pages);
      if (account !== '') charged.set(account, (charged.get(account) ?? 0) + pinnedCount(pages));
    }
  }
  for (const account of new Set([...charged.keys(), ...world.charged.keys()]))
    same(wrong, `charges of ${account}`, world.charged.get(account) ?? 0, charged.get(account) ?? 0);
}

function checkFiles(world: World, wrong: string[]): void {
  const refs = new Map<number, number>();
  for (const { fds } of world.processes.values())
    for (const id of fds.values()) refs.set(id, (refs.get(id) ?? 0) + 1);
  for (const file of world.files.values())
    same(wrong, `references of file ${file.id}`, file.refs, refs.get(file.id) ?? 0);
}
