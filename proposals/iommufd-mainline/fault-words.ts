/** Words of page requests: the hardware raises them, the user reads all that wait, and answers by cookie. */
import { type Fault, objectAt } from '../../machines/objects.ts';
import { traitsOf } from '../setup.ts';
import type { Words } from './adapter.ts';
import type { SpaceNote } from './book.ts';
import { ACCEPTED, answerOf, refusedBy, type User } from './user.ts';

const LAST_PAGE = 2;
/** A cookie that no request has. */
const NO_COOKIE = 0xffff;

const NOT_TAKEN = refusedBy('not-taken', undefined);
const NO_FAULT = refusedBy('no-fault', undefined);

type Queue = Readonly<{ fault: Fault; note: SpaceNote; contextId: number; devId: number }>;

/** The queue of the HWPT that a device is on. */
function queueOf(user: User, device: number): Queue | undefined {
  const bound = user.book.devices.get(device)?.bound;
  const hwptId = user.hwptAt(device, 0);
  const context = bound === undefined ? undefined : user.contextOf(bound.context);
  if (bound === undefined || hwptId === undefined || context === undefined) return undefined;
  for (const note of user.book.spaces.values()) {
    if (note.context !== bound.context || note.id !== hwptId || note.fault.id === 0) continue;
    const fault = objectAt(context, note.fault.id);
    if (fault?.kind === 'fault') return { fault, note, contextId: context.id, devId: bound.devId };
  }
  return undefined;
}

/** Whether a request of the device waits: in the queue, or for its answer. */
function waits({ fault, devId }: Queue): boolean {
  return [...fault.queued, ...fault.pending.values()].some(({ deviceId }) => deviceId === devId);
}

/** The cookie of the device's request, if it was read and is not answered. */
function cookieOf({ fault, devId }: Queue): number | undefined {
  return [...fault.pending].find(([, { deviceId }]) => deviceId === devId)?.[0];
}

export const faultWords: Words = {
  fault: (user, { device }) => {
    const queue = queueOf(user, device);
    const { pri, group } = traitsOf(user.ground, device);
    if (queue === undefined || !pri || waits(queue)) return NOT_TAKEN;
    const { contextId, devId, note } = queue;
    const groupKey = `group:${group}`;
    const record = {
      flags: LAST_PAGE,
      deviceId: devId,
      pasid: 0,
      grpid: device,
      perm: 1,
      addr: 0n,
      groupKey,
      slotPasid: 0,
    };
    user.kernel.apply([{ type: 'FaultRaised', context: contextId, id: note.fault.id, record }]);
    user.book.told.delete(device);
    return ACCEPTED;
  },
  'report-fault': (user, { device, other }) => {
    const queue = queueOf(user, device);
    if (queue === undefined || !waits(queue) || user.book.told.has(device)) return NO_FAULT;
    if (other !== device) return refusedBy('fault-device', undefined);
    user.kernel.read(queue.note.fault.fd);
    const cookie = cookieOf(queue);
    if (cookie === undefined) return NO_FAULT;
    user.book.told.set(device, cookie);
    return ACCEPTED;
  },
  respond: (user, { device }) => {
    const queue = queueOf(user, device);
    if (queue === undefined) return refusedBy('cookie', 'EINVAL');
    const told = user.book.told.get(device);
    // One that the kernel answered itself may stand for another request by now.
    const cookie = told !== undefined && told === cookieOf(queue) ? told : undefined;
    const answer = answerOf(user.kernel.write(queue.note.fault.fd, cookie ?? NO_COOKIE));
    if (answer.accepted) user.book.told.delete(device);
    return answer;
  },
};
