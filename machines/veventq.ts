/** Deciders of vEVENTQs: allocation, the mock's events, read (eventq.c). */
import { answer, DONE, done, type Outcome, refuse, UNKNOWABLE } from '../events/outcome.ts';
import type { TestTriggerVevent } from '../events/test-command.ts';
import type { VeventqAlloc } from '../events/viommu-command.ts';
import { canWrite } from './address-space.ts';
import { freeId, objectOf, type Vevent, type Veventq } from './objects.ts';
import { canRespond, type Site } from './site.ts';
import type { Context } from './world.ts';

const DEPTH_MAX = 1 << 19;
const HEADER_BYTES = 8;
/** The mock's payload: one 32-bit virtual id. */
const PAYLOAD_BYTES = 4;
const LOST_EVENTS = 1;
const VEVENTQ_SELFTEST = 0xbeef_beef;

function queueOf(context: Context, viommuId: number, type: number): Veventq | undefined {
  for (const object of context.objects) {
    if (object?.kind === 'veventq' && object.viommuId === viommuId && object.type === type) return object;
  }
  return undefined;
}

/** iommufd_veventq_alloc(). Any type but 0 will do, whether or not the driver ever reports it. */
export function decideVeventqAlloc(site: Site, command: VeventqAlloc): Outcome {
  const { context } = site;
  const { veventqType: kind, veventqDepth: depth } = command;
  if (command.flags !== 0 || command.reserved !== 0 || kind === 0) return refuse('veventq-alloc/flags');
  if (depth === 0 || depth > DEPTH_MAX) return refuse('veventq-alloc/depth');
  const viommu = objectOf(context, command.viommuId, 'viommu');
  if (viommu === undefined) return refuse('viommu/exists');
  if (queueOf(context, viommu.id, kind) !== undefined) return refuse('veventq-alloc/type-taken');
  if (!canRespond(site)) return refuse('respond/fault');
  const id = freeId(context);
  return done(
    [
      { type: 'VeventqAllocated', context: context.id, id, viommuId: viommu.id, kind, depth },
      {
        type: 'DescriptorIssued',
        pid: site.process.pid,
        fd: site.newFd,
        kind: 'eventq',
        context: context.id,
        id,
        length: 0n,
      },
    ],
    { outVeventqId: id, outVeventqFd: UNKNOWABLE },
  );
}

/** iommufd_test_trigger_vevent(): reports under the virtual id that the device had when it joined the vIOMMU. */
export function decideTestTriggerVevent(site: Site, command: TestTriggerVevent): Outcome {
  const { context } = site;
  const device = objectOf(context, command.devId, 'device');
  if (device === undefined) return refuse('device/exists');
  if (device.viommuId === 0 || device.virtId === 0n) return refuse('trigger-vevent/virt-id');
  const queue = queueOf(context, device.viommuId, VEVENTQ_SELFTEST);
  if (queue === undefined) return refuse('trigger-vevent/queue');
  return done([
    { type: 'VeventReported', context: context.id, id: queue.id, data: Number(device.virtId & 0xffff_ffffn) },
  ]);
}

function bytesOf(event: Vevent): number {
  return event.lost ? HEADER_BYTES : HEADER_BYTES + PAYLOAD_BYTES;
}

/** iommufd_veventq_fops_read(): whole events as they fit; `length` in bytes. */
export function decideVeventqRead(
  site: Site,
  queue: Veventq,
  length: number,
  address: number | undefined,
): Outcome {
  if (length < HEADER_BYTES && (queue.queued.length > 0 || site.kernel.has.has('veventq-read-minimum')))
    return refuse('veventq-read/length');
  let total = 0;
  let count = 0;
  for (const event of queue.queued) {
    if (total + bytesOf(event) > length) break;
    total += bytesOf(event);
    count++;
  }
  if (count === 0) return queue.queued.length === 0 ? DONE : refuse('veventq-read/space');
  if (address !== undefined && !canWrite(site.space, address, total)) return refuse('veventq-read/fault');
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const event of queue.queued.slice(0, count)) {
    view.setUint32(at, event.lost ? LOST_EVENTS : 0, true);
    view.setUint32(at + 4, event.sequence, true);
    if (!event.lost) view.setUint32(at + HEADER_BYTES, event.data, true);
    at += bytesOf(event);
  }
  return answer(
    total,
    [{ type: 'VeventsRead', context: site.context.id, id: queue.id, count }],
    [{ at: 0, bytes }],
  );
}
