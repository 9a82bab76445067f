/** Deciders of fault queues: allocation, page requests, read, write and poll (eventq.c). */

import type { FaultRecord } from '../events/fault.ts';
import type { FaultQueueAlloc } from '../events/fault-command.ts';
import {
  answer,
  DONE,
  done,
  type Outcome,
  refuse,
  refuseAfter,
  UNKNOWABLE,
  undetermined,
} from '../events/outcome.ts';
import type { TestTriggerIopf } from '../events/test-command.ts';
import { canWrite } from './address-space.ts';
import { type Fault, freeId, type Hwpt, mustBe, objectAt, objectOf } from './objects.ts';
import { canRespond, type Site } from './site.ts';
import type { Group } from './world.ts';

const RECORD_BYTES = 40;
const RESPONSE_BYTES = 8;
const PASID_VALID = 1;
const LAST_PAGE = 2;

/** iommufd_fault_alloc(). */
export function decideFaultQueueAlloc(site: Site, command: FaultQueueAlloc): Outcome {
  const { context } = site;
  if (command.flags !== 0) return refuse('fault-queue-alloc/flags');
  if (!canRespond(site)) return refuse('respond/fault');
  const id = freeId(context);
  return done(
    [
      { type: 'FaultQueueAllocated', context: context.id, id },
      {
        type: 'DescriptorIssued',
        pid: site.process.pid,
        fd: site.newFd,
        kind: 'fault',
        context: context.id,
        id,
        length: 0n,
      },
    ],
    { outFaultId: id, outFaultFd: UNKNOWABLE },
  );
}

/** iommufd_test_trigger_iopf(): 0 even when the request is turned down. */
export function decideTestTriggerIopf(site: Site, command: TestTriggerIopf): Outcome {
  const { context } = site;
  const device = objectOf(context, command.devId, 'device');
  if (device === undefined) return refuse('device/exists');
  const group = context.groups.get(device.traits.groupKey);
  const slotPasid = slotFor(site, group, command.pasid);
  const slot = slotPasid === undefined ? undefined : group?.slots.get(slotPasid);
  const faultId = slot === undefined ? 0 : (objectAt(context, slot.hwptId) as Hwpt).faultId;
  if (faultId === 0 || slotPasid === undefined) return DONE;
  const record: FaultRecord = {
    flags: LAST_PAGE | (command.pasid === 0 ? 0 : PASID_VALID),
    deviceId: device.id,
    pasid: command.pasid,
    grpid: command.grpid,
    perm: command.perm,
    addr: command.addr,
    groupKey: device.traits.groupKey,
    slotPasid,
  };
  return done([{ type: 'FaultRaised', context: context.id, id: faultId, record }]);
}

/** find_fault_handler(): the PASID's attachment; for a PASID without one, the RID if its PASID table is the user's. */
function slotFor(site: Site, group: Group | undefined, pasid: number): number | undefined {
  if (group === undefined) return undefined;
  if (group.slots.has(pasid)) return pasid;
  const rid = group.slots.get(0);
  if (rid === undefined || !site.platform.driver.userPasidTable) return undefined;
  return (objectAt(site.context, rid.hwptId) as Hwpt).kind === 'hwpt-nested' ? 0 : undefined;
}

/** iommufd_fault_fops_read(): whole groups, oldest first; each gets the lowest free cookie. `length` in bytes. */
export function decideFaultRead(
  site: Site,
  fault: Fault,
  length: number,
  address: number | undefined,
): Outcome {
  if (length % RECORD_BYTES !== 0) return refuse('fault-read/length');
  const count = Math.min(fault.queued.length, length / RECORD_BYTES);
  if (fault.queued.length === 0) return DONE;
  if (count === 0) return refuse('fault-read/space');
  if (address !== undefined && !canWrite(site.space, address, count * RECORD_BYTES))
    return refuse('fault-read/fault');
  const bytes = new Uint8Array(count * RECORD_BYTES);
  const cookies: number[] = [];
  for (let index = 0; index < count; index++) {
    const cookie = freeCookie(fault, cookies);
    cookies.push(cookie);
    writeRecord(bytes, index * RECORD_BYTES, fault.queued[index] as FaultRecord, cookie);
  }
  return answer(
    bytes.length,
    [{ type: 'FaultsRead', context: site.context.id, id: fault.id, cookies }],
    [{ at: 0, bytes }],
  );
}

function freeCookie(fault: Fault, taken: readonly number[]): number {
  let cookie = fault.cookieZero ? 0 : 1;
  while (fault.pending.has(cookie) || taken.includes(cookie)) cookie++;
  return cookie;
}

/** struct iommu_hwpt_pgfault. */
function writeRecord(bytes: Uint8Array, at: number, record: FaultRecord, cookie: number): void {
  const view = new DataView(bytes.buffer, at, RECORD_BYTES);
  view.setUint32(0, record.flags, true);
  view.setUint32(4, record.deviceId, true);
  view.setUint32(8, record.pasid, true);
  view.setUint32(12, record.grpid, true);
  view.setUint32(16, record.perm, true);
  view.setBigUint64(24, record.addr, true);
  view.setUint32(36, cookie, true);
}

/** iommufd_fault_fops_write(): responses one by one; an error after the first reports what was done. */
export function decideFaultWrite(
  site: Site,
  fault: Fault,
  length: number,
  data: Uint8Array | undefined,
): Outcome {
  if (length % RESPONSE_BYTES !== 0) return refuse('fault-write/length');
  if (length === 0) return DONE;
  if (data === undefined || data.length < length) return undetermined('the bytes written to the fault queue');
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const events = [];
  const answered = new Set<number>();
  for (let at = 0; at < length; at += RESPONSE_BYTES) {
    const cookie = view.getUint32(at, true);
    const code = view.getUint32(at + 4, true);
    const known = fault.pending.has(cookie) && !answered.has(cookie);
    if (code > 1 || !known) {
      // Erasing index 0 of a response table that is in use frees what the allocator had set aside.
      if (code <= 1 && cookie === 0 && fault.pending.size > answered.size) {
        events.push({ type: 'CookieZeroFreed', context: site.context.id, id: fault.id } as const);
      }
      const rule = code > 1 ? 'fault-write/code' : 'fault-write/cookie';
      return at === 0 ? refuseAfter(rule, events) : answer(at, events);
    }
    answered.add(cookie);
    events.push({ type: 'FaultAnswered', context: site.context.id, id: fault.id, cookie, code } as const);
  }
  return answer(length, events);
}

const POLLIN = 1;
const POLLOUT = 4;
const POLLRDNORM = 0x40;
const POLLWRNORM = 0x100;

/** iommufd_fault_fops_poll() and its vEVENTQ twin: `events` asked for, answered as `revents`. */
export function decidePoll(site: Site, fileKind: string, objectId: number, events: number): Outcome {
  return answer(readiness(site, fileKind, objectId) & events);
}

/** An iommufd has no poll of its own: always ready, as files without one are. */
function readiness(site: Site, fileKind: string, objectId: number): number {
  if (fileKind === 'iommufd') return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
  const { queued } = mustBe(site.context, objectId, fileKind === 'fault' ? 'fault' : 'veventq');
  return (fileKind === 'fault' ? POLLOUT : 0) | (queued.length > 0 ? POLLIN | POLLRDNORM : 0);
}
