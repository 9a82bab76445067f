/** What events leave behind in vIOMMUs, vDEVICEs, vEVENTQs and HW queues; and the end of objects without a story. */
import { unreachable } from '../events/unreachable.ts';
import type { ViommuEvent } from '../events/viommu.ts';
import { forEachArea } from '../machines/area-tree.ts';
import { type HwQueue, mustBe, objectAt, type Veventq } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import { destroyAccess } from './access.ts';
import { dropAreaAt } from './ioas.ts';
import { contextOf, initialPhase, publish, remove, step, use } from './objects.ts';

const QUEUE_SLOTS = 2;
const SEQUENCE_MASK = 0x7fff_ffff;

export function reduceViommu(world: World, event: ViommuEvent): void {
  const context = contextOf(world, event.context);
  switch (event.type) {
    case 'ViommuAllocated':
      publish(context, {
        kind: 'viommu',
        id: event.id,
        users: 1,
        phase: initialPhase('viommu'),
        hwptId: event.hwptId,
        instance: event.instance,
        type: event.kind,
        queueSlots: new Array(QUEUE_SLOTS).fill(0),
      });
      use(context, event.hwptId, 1);
      if (event.windowLength > 0n)
        context.windows.push({ offset: event.windowOffset, length: event.windowLength, ownerId: event.id });
      return;
    case 'VdeviceAllocated':
      publish(context, {
        kind: 'vdevice',
        id: event.id,
        users: 1,
        phase: initialPhase('vdevice'),
        viommuId: event.viommuId,
        deviceId: event.deviceId,
        virtId: event.virtId,
      });
      use(context, event.viommuId, 1);
      use(context, event.deviceId, 1);
      mustBe(context, event.deviceId, 'device').vdeviceId = event.id;
      return;
    case 'VdeviceBuried': {
      const vdevice = step(context, event.id, 'vdevice', event.type);
      freeVdevice(context, vdevice);
      context.objects[event.id] = { kind: 'tombstone', id: event.id, users: 1, phase: vdevice.phase };
      return;
    }
    case 'VeventqAllocated':
      publish(context, {
        kind: 'veventq',
        id: event.id,
        users: 2,
        phase: initialPhase('veventq'),
        viommuId: event.viommuId,
        type: event.kind,
        depth: event.depth,
        sequence: 0,
        queued: [],
      });
      use(context, event.viommuId, 1);
      return;
    case 'VeventqClosed':
      step(context, event.id, 'veventq', event.type);
      use(context, event.id, -1);
      return;
    case 'VeventReported':
      report(mustBe(context, event.id, 'veventq'), event.data);
      return;
    case 'VeventsRead':
      mustBe(context, event.id, 'veventq').queued.splice(0, event.count);
      return;
    case 'HwQueueAllocated':
      publish(context, {
        kind: 'hw-queue',
        id: event.id,
        users: 1,
        phase: initialPhase('hw-queue'),
        viommuId: event.viommuId,
        accessId: event.accessId,
        index: event.slot,
        dependsOnId: event.dependsOnId,
      });
      use(context, event.viommuId, 1);
      use(context, event.dependsOnId, 1);
      mustBe(context, event.viommuId, 'viommu').queueSlots[event.slot] = event.id;
      return;
    default:
      unreachable(event);
  }
}

/** iommufd_viommu_report_event(): one lost-events marker at most, always at the tail. */
function report(queue: Veventq, data: number): void {
  const sequence = queue.sequence;
  queue.sequence = (queue.sequence + 1) & SEQUENCE_MASK;
  if (queue.queued.at(-1)?.lost) queue.queued.pop();
  const lost = queue.queued.length >= queue.depth;
  queue.queued.push({ lost, sequence, data: lost ? 0 : data });
}

function freeVdevice(context: Context, vdevice: { viommuId: number; deviceId: number }): void {
  use(context, vdevice.viommuId, -1);
  use(context, vdevice.deviceId, -1);
  mustBe(context, vdevice.deviceId, 'device').vdeviceId = 0;
}

/** mock_hw_queue_destroy(): the mock forgets which slot it was and empties the first. */
function freeHwQueue(world: World, context: Context, queue: HwQueue): void {
  mustBe(context, queue.viommuId, 'viommu').queueSlots[0] = 0;
  use(context, queue.dependsOnId, -1);
  destroyAccess(world, context, queue.accessId);
  use(context, queue.viommuId, -1);
}

/** IOMMU_DESTROY of an object that holds others: what it held is given back. */
export function destroyObject(world: World, contextId: number, id: number): void {
  const context = contextOf(world, contextId);
  const object = objectAt(context, id);
  switch (object?.kind) {
    case 'ioas': {
      step(context, id, 'ioas', 'ObjectDestroyed');
      const starts: bigint[] = [];
      forEachArea(object.areas, (area) => {
        starts.push(area.iova);
        return true;
      });
      for (const iova of starts) dropAreaAt(world, context, object, iova);
      if (context.compatIoasId === id) context.compatIoasId = 0;
      break;
    }
    case 'fault':
      step(context, id, 'fault', 'ObjectDestroyed');
      break;
    case 'viommu':
      step(context, id, 'viommu', 'ObjectDestroyed');
      use(context, object.hwptId, -1);
      context.windows = context.windows.filter((window) => window.ownerId !== id);
      break;
    case 'vdevice':
      freeVdevice(context, step(context, id, 'vdevice', 'ObjectDestroyed'));
      break;
    case 'veventq':
      step(context, id, 'veventq', 'ObjectDestroyed');
      use(context, object.viommuId, -1);
      break;
    case 'hw-queue':
      freeHwQueue(world, context, step(context, id, 'hw-queue', 'ObjectDestroyed'));
      break;
    default:
      throw new Error(`invariant: object ${id} (${object?.kind}) is not destroyed this way`);
  }
  remove(context, id);
}
