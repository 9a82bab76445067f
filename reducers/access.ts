/** What events leave behind in accesses: the IOAS they sit on, the pages they hold. */

import type { AccessEvent, PinnedPart } from '../events/access.ts';
import { hex } from '../events/hex.ts';
import { unreachable } from '../events/unreachable.ts';
import { areaAt, putArea } from '../machines/area-tree.ts';
import { type Access, mustBe } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import { realign } from './ioas.ts';
import { contextOf, initialPhase, publish, remove, step, use } from './objects.ts';
import { capture, hold, pagesIn, release } from './pages.ts';

function join(context: Context, access: Access, ioasId: number): void {
  const ioas = mustBe(context, ioasId, 'ioas');
  access.ioasId = ioasId;
  ioas.accessIds.push(access.id);
  use(context, ioasId, 1);
  realign(context, ioas);
}

function leave(context: Context, access: Access): void {
  if (access.ioasId === 0) return;
  const ioas = mustBe(context, access.ioasId, 'ioas');
  ioas.accessIds = ioas.accessIds.filter((id) => id !== access.id);
  use(context, ioas.id, -1);
  realign(context, ioas);
  access.ioasId = 0;
}

/** Pin counts of an area; pages objects are shared between areas, so areas count for themselves. */
function countPins(context: Context, ioasId: number, part: PinnedPart, pins: number, locks: number): void {
  const ioas = mustBe(context, ioasId, 'ioas');
  const area = areaAt(ioas.areas, part.areaIova);
  if (area === undefined) throw new Error(`invariant: pinned area at ${hex(part.areaIova)} is gone`);
  const { iova, last, pagesId, startByte, prot } = area;
  const counted = { iova, last, pagesId, startByte, prot, pins: area.pins + pins, locks: area.locks + locks };
  ioas.areas = putArea(ioas.areas, counted);
}

function unpin(world: World, context: Context, access: Access, itemId: number): void {
  const item = access.items.find(({ id }) => id === itemId);
  if (item === undefined) throw new Error(`invariant: access ${access.id} has no item ${itemId}`);
  for (const part of item.parts) {
    release(world, pagesIn(context, part.pagesId), part.first, part.last);
    countPins(context, access.ioasId, part, -1, access.internal ? -1 : 0);
  }
  access.items = access.items.filter(({ id }) => id !== itemId);
}

/** The driver destroys its access: everything it holds goes, then the object. */
export function destroyAccess(world: World, context: Context, id: number): void {
  const access = step(context, id, 'access', 'AccessDestroyed');
  for (const item of [...access.items]) unpin(world, context, access, item.id);
  leave(context, access);
  remove(context, id);
}

export function reduceAccess(world: World, event: AccessEvent): void {
  const context = contextOf(world, event.context);
  switch (event.type) {
    case 'AccessCreated': {
      publish(context, {
        kind: 'access',
        id: event.id,
        users: 2,
        phase: initialPhase('access'),
        ioasId: 0,
        needsPin: event.needsPin,
        internal: event.internal,
        items: [],
        nextItem: 0,
      });
      join(context, mustBe(context, event.id, 'access'), event.ioasId);
      return;
    }
    case 'AccessMoved': {
      const access = step(context, event.id, 'access', event.type);
      leave(context, access);
      join(context, access, event.ioasId);
      return;
    }
    case 'AccessDetached':
      leave(context, step(context, event.id, 'access', event.type));
      return;
    case 'AccessPinned': {
      const access = mustBe(context, event.id, 'access');
      capture(world, context, event.captures);
      for (const part of event.parts) {
        hold(pagesIn(context, part.pagesId), part.first, part.last);
        countPins(context, access.ioasId, part, 1, event.lock ? 1 : 0);
      }
      access.items.push({ id: event.item, iova: event.iova, last: event.last, parts: event.parts });
      access.nextItem = event.item + 1;
      return;
    }
    case 'AccessItemSkipped':
      mustBe(context, event.id, 'access').nextItem++;
      return;
    case 'AccessUnpinned':
      unpin(world, context, mustBe(context, event.id, 'access'), event.item);
      return;
    case 'AccessDestroyed':
      destroyAccess(world, context, event.id);
      return;
    default:
      unreachable(event);
  }
}
