/** What events leave behind in hardware page tables. */
import type { HwptEvent } from '../events/hwpt.ts';
import { U64_MAX } from '../events/u64.ts';
import { unreachable } from '../events/unreachable.ts';
import {
  effectOf,
  invalidated,
  learned,
  UNKNOWN_VALUE,
  UNSEEN_DATA,
  withoutDoubt,
} from '../machines/cached-value.ts';
import { NO_GRANULES, withGranules, withoutGranules } from '../machines/granule-set.ts';
import { type Hwpt, mustBe, objectAt } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import { dropReservations, holdAreas, realign, releaseAreas } from './ioas.ts';
import { contextOf, doubted, initialPhase, publish, remove, step, use } from './objects.ts';
import { capture } from './pages.ts';

const SLOTS = 4;

function allocatePaging(
  world: World,
  context: Context,
  event: Extract<HwptEvent, { type: 'HwptPagingAllocated' }>,
): void {
  publish(context, {
    id: event.id,
    ioasId: event.ioasId,
    auto: event.auto,
    nestParent: event.nestParent,
    pasidCompat: event.pasidCompat,
    dirtyOps: event.dirtyOps,
    faultId: event.faultId,
    domain: event.domain,
    kind: 'hwpt-paging',
    users: 1,
    phase: initialPhase('hwpt-paging'),
    dirtyTracking: false,
    dirty: NO_GRANULES,
    dirtyUnseen: false,
  });
  const ioas = mustBe(context, event.ioasId, 'ioas');
  capture(world, context, event.captures);
  if (ioas.hwptIds.length === 0) holdAreas(context, ioas);
  ioas.hwptIds.push(event.id);
  const { start, last } = event.domain.aperture;
  const owner = `hwpt:${event.id}`;
  if (start > 0n) ioas.reserved.push({ start: 0n, last: start - 1n, owner });
  if (last < U64_MAX) ioas.reserved.push({ start: last + 1n, last: U64_MAX, owner });
  use(context, ioas.id, 1);
  use(context, event.faultId, 1);
  realign(context, ioas);
}

function destroy(world: World, context: Context, id: number): void {
  const hwpt = objectAt(context, id) as Hwpt;
  step(context, id, hwpt.kind, 'HwptDestroyed');
  use(context, hwpt.faultId, -1);
  if (hwpt.kind === 'hwpt-nested') {
    use(context, hwpt.parentId, -1);
    use(context, hwpt.viommuId, -1);
  } else {
    const ioas = mustBe(context, hwpt.ioasId, 'ioas');
    ioas.hwptIds = ioas.hwptIds.filter((one) => one !== id);
    if (ioas.hwptIds.length === 0) releaseAreas(world, context, ioas);
    dropReservations(ioas, `hwpt:${id}`);
    use(context, ioas.id, -1);
    realign(context, ioas);
  }
  remove(context, id);
}

export function reduceHwpt(world: World, event: HwptEvent): void {
  const context = contextOf(world, event.context);
  switch (event.type) {
    case 'HwptPagingAllocated':
      allocatePaging(world, context, event);
      return;
    case 'HwptNestedAllocated': {
      publish(context, {
        id: event.id,
        parentId: event.parentId,
        viommuId: event.viommuId,
        pasidCompat: event.pasidCompat,
        faultId: event.faultId,
        instance: event.instance,
        data: event.data,
        kind: 'hwpt-nested',
        users: 1,
        phase: initialPhase('hwpt-nested'),
        iotlb: new Array(SLOTS).fill(event.iotlb),
        doubt: event.iotlb === UNKNOWN_VALUE ? UNSEEN_DATA : undefined,
      });
      for (const id of [event.parentId, event.viommuId, event.faultId]) use(context, id, 1);
      return;
    }
    case 'HwptDestroyed':
      destroy(world, context, event.id);
      return;
    case 'DirtyTrackingSet': {
      const hwpt = step(
        context,
        event.id,
        'hwpt-paging',
        event.enabled ? 'DirtyTrackingStarted' : 'DirtyTrackingStopped',
      );
      hwpt.dirtyTracking = event.enabled;
      return;
    }
    case 'PagesDirtied': {
      const hwpt = mustBe(context, event.id, 'hwpt-paging');
      hwpt.dirty = withGranules(hwpt.dirty, event.granules);
      return;
    }
    case 'DirtyForgotten':
      mustBe(context, event.id, 'hwpt-paging').dirtyUnseen = true;
      return;
    case 'PagesCleaned': {
      const hwpt = mustBe(context, event.id, 'hwpt-paging');
      hwpt.dirty = withoutGranules(hwpt.dirty, event.granules);
      if (event.everything) hwpt.dirtyUnseen = false;
      return;
    }
    case 'IotlbForgotten': {
      const hwpt = mustBe(context, event.id, 'hwpt-nested');
      hwpt.iotlb = doubted(hwpt, invalidated(hwpt.doubt ?? withoutDoubt(hwpt.iotlb), event.effects));
      return;
    }
    case 'IotlbLearned': {
      const hwpt = mustBe(context, event.id, 'hwpt-nested');
      if (hwpt.doubt !== undefined)
        hwpt.iotlb = doubted(hwpt, learned(hwpt.doubt, event.slot, event.value, event.same));
      return;
    }
    case 'IotlbInvalidated': {
      const hwpt = mustBe(context, event.id, 'hwpt-nested');
      for (const slot of event.slots) hwpt.iotlb[slot] = 0;
      if (hwpt.doubt !== undefined)
        hwpt.iotlb = doubted(hwpt, invalidated(hwpt.doubt, effectOf(event.slots)));
      return;
    }
    default:
      unreachable(event);
  }
}
