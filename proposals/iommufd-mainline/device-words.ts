/** Words that are calls on descriptors of devices, and what the host's own drivers do. */
import { matesOf } from '../setup.ts';
import type { Words } from './adapter.ts';
import * as calls from './calls.ts';
import { devicePath } from './platforms.ts';
import { ACCEPTED, type Answer, answerOf, BAD_DESCRIPTOR, idFrom, refusedBy, type User } from './user.ts';

/** A number that no descriptor has. */
const CLOSED_FD = 1000;

function change(user: User, device: number, space: number, pasid: number | undefined): Answer {
  const note = user.book.devices.get(device);
  if (note === undefined) return BAD_DESCRIPTOR;
  if (note.bound !== undefined && pasid === undefined) user.settleVdevices(device, space);
  const table = user.pageTableFor(device, space, pasid);
  const outcome =
    typeof table === 'number'
      ? user.kernel.call(note.fd, calls.attach(table, pasid === undefined ? undefined : pasid + 1))
      : table;
  settle(user, device);
  return answerOf(outcome);
}

function leave(user: User, device: number, pasid: number | undefined): Answer {
  const note = user.book.devices.get(device);
  if (note === undefined) return BAD_DESCRIPTOR;
  const outcome = user.kernel.call(note.fd, calls.detach(pasid === undefined ? undefined : pasid + 1));
  settle(user, device);
  return answerOf(outcome);
}

function settle(user: User, device: number): void {
  user.settleVdevices(device);
  user.sweep();
}

function close(user: User, device: number): Answer {
  const note = user.book.devices.get(device);
  if (note === undefined) return BAD_DESCRIPTOR;
  if (note.bound !== undefined) {
    // A vDEVICE that outlives its device keeps its vIOMMU.
    leave(user, device, undefined);
  }
  user.kernel.close(note.fd);
  user.book.devices.delete(device);
  user.forgetEnded();
  user.sweep();
  return ACCEPTED;
}

function bind(user: User, device: number, context: number): Answer {
  const note = user.book.devices.get(device);
  if (note === undefined) return BAD_DESCRIPTOR;
  const fd = user.fdOf(context);
  const driven = matesOf(user.ground, device).some((mate) => user.book.hostDrivers.has(mate));
  if (driven && note.bound === undefined && fd !== undefined) return refusedBy('group-viable', 'EPERM');
  const outcome = user.kernel.call(note.fd, calls.bind(fd ?? CLOSED_FD));
  if (outcome.rule === undefined) note.bound = { devId: idFrom(outcome, 'outDevid'), context };
  return answerOf(outcome);
}

function isOwned(user: User, device: number): boolean {
  return matesOf(user.ground, device).some((mate) => user.book.devices.get(mate)?.bound !== undefined);
}

export const deviceWords: Words = {
  'open-context': (user, { context }) => {
    if (user.book.contexts.has(context)) return refusedBy('open', undefined);
    const fd = user.kernel.openIommu();
    const id = user.kernel.contextAt(fd)?.id ?? 0;
    user.book.contexts.set(context, { fd, id });
    return ACCEPTED;
  },
  'close-context': (user, { context }) => {
    const fd = user.fdOf(context);
    const known = user.book.contexts.get(context);
    if (fd === undefined || known === undefined) return BAD_DESCRIPTOR;
    for (const { context: home, fault } of user.book.spaces.values())
      if (home === context && fault.id !== 0) user.kernel.close(fault.fd);
    user.kernel.close(fd);
    user.book.contexts.set(context, { ...known, fd: -1 });
    user.forgetEnded();
    return ACCEPTED;
  },
  'open-device': (user, { device }) => {
    if (user.book.devices.has(device) || user.book.hostDrivers.has(device))
      return refusedBy('open', undefined);
    user.book.devices.set(device, { fd: user.kernel.openDevice(devicePath(device)), bound: undefined });
    return ACCEPTED;
  },
  'close-device': (user, { device }) => close(user, device),
  bind: (user, { device, context }) => bind(user, device, context),
  touch: (user, { device }) => {
    const note = user.book.devices.get(device);
    if (note === undefined) return BAD_DESCRIPTOR;
    return note.bound === undefined ? refusedBy('access-granted', 'EINVAL') : ACCEPTED;
  },
  attach: (user, { device, space }) => change(user, device, space, undefined),
  detach: (user, { device }) => leave(user, device, undefined),
  'attach-pasid': (user, { device, space, pasid }) => change(user, device, space, pasid),
  'detach-pasid': (user, { device, pasid }) => leave(user, device, pasid),
  'freeze-viommu': (user, { device }) => {
    const bound = user.book.devices.get(device)?.bound;
    if (user.book.frozen) return refusedBy('frozen', undefined);
    const fd = bound === undefined ? user.anyFd() : user.fdOf(bound.context);
    if (fd === undefined) return BAD_DESCRIPTOR;
    const outcome = user.kernel.call(fd, calls.getHwInfo(bound?.devId ?? 0));
    user.book.frozen = outcome.rule === undefined;
    return answerOf(outcome);
  },
  'release-driver': (user, { device }) =>
    user.book.hostDrivers.delete(device) ? ACCEPTED : refusedBy('no-driver', undefined),
  'probe-driver': (user, { device }) => {
    if (user.book.hostDrivers.has(device) || user.book.devices.has(device))
      return refusedBy('probe-used', undefined);
    if (isOwned(user, device)) return refusedBy('probe', 'EBUSY');
    user.book.hostDrivers.add(device);
    return ACCEPTED;
  },
};
