/** What events leave behind in fault queues. */
import type { FaultEvent, FaultRecord } from '../events/fault.ts';
import { unreachable } from '../events/unreachable.ts';
import { type Fault, mustBe } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import { contextOf, initialPhase, publish, step, use } from './objects.ts';

/** An attachment ends: its groups, read or not, are answered INVALID and forgotten (iommufd_auto_response_faults()). */
export function answerFaults(context: Context, faultId: number, groupKey: string, slotPasid: number): void {
  if (faultId === 0) return;
  const fault = mustBe(context, faultId, 'fault');
  const belongs = (record: FaultRecord): boolean =>
    record.groupKey === groupKey && record.slotPasid === slotPasid;
  fault.queued = fault.queued.filter((record) => !belongs(record));
  for (const [cookie, record] of fault.pending) if (belongs(record)) fault.pending.delete(cookie);
  settle(fault);
}

/** An empty response table starts over with cookie 1. */
function settle(fault: Fault): void {
  if (fault.pending.size === 0) fault.cookieZero = false;
}

export function reduceFault(world: World, event: FaultEvent): void {
  const context = contextOf(world, event.context);
  switch (event.type) {
    case 'FaultQueueAllocated':
      publish(context, {
        kind: 'fault',
        id: event.id,
        users: 2,
        phase: initialPhase('fault'),
        queued: [],
        pending: new Map(),
        cookieZero: false,
      });
      return;
    case 'FaultQueueClosed':
      step(context, event.id, 'fault', event.type);
      use(context, event.id, -1);
      return;
    case 'FaultRaised':
      mustBe(context, event.id, 'fault').queued.push(event.record);
      return;
    case 'FaultsRead': {
      const fault = mustBe(context, event.id, 'fault');
      const read = fault.queued.splice(0, event.cookies.length);
      for (const [index, cookie] of event.cookies.entries())
        fault.pending.set(cookie, read[index] as FaultRecord);
      return;
    }
    case 'FaultAnswered': {
      const fault = mustBe(context, event.id, 'fault');
      fault.pending.delete(event.cookie);
      settle(fault);
      return;
    }
    case 'CookieZeroFreed':
      mustBe(context, event.id, 'fault').cookieZero = true;
      return;
    default:
      unreachable(event);
  }
}
