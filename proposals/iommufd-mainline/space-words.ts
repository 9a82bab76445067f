/** Words that are calls on an iommufd: address spaces, HWPTs, mappings, invalidations. */
import type { Outcome } from '../../events/outcome.ts';
import { HWPT_FAULT_ID_VALID, HWPT_PASID } from '../../machines/hwpt-flags.ts';
import type { Words } from './adapter.ts';
import type { SpaceNote } from './book.ts';
import * as calls from './calls.ts';
import { PAGES } from './kernel.ts';
import { armDeviceInvalidation, armInvalidation, vtdInvalidation, vtdTable } from './payloads.ts';
import { DATA_TYPE, INVALIDATION_TYPE } from './platforms.ts';
import { type Answer, answerOf, BAD_DESCRIPTOR, idFrom, NO_ID, refusedBy, type User } from './user.ts';

const PAGE_BYTES = 0x1000n;
const FIRST_IOVA = 0x10_0000n;
/** Beyond what a device with a smaller address width reaches. */
const FAR_IOVA = 1n << 40n;
const IS_USED = refusedBy('id', undefined);

/** Pages lie side by side, but for the last one where some device cannot reach it. */
function iovaOf({ ground }: User, page: number): bigint {
  const far = ground.traits.some(({ narrow }) => narrow) && page === ground.pages.length - 1;
  return far ? FAR_IOVA : FIRST_IOVA + BigInt(page) * PAGE_BYTES;
}

function allLength(user: User): bigint {
  return iovaOf(user, user.ground.pages.length - 1) + PAGE_BYTES - FIRST_IOVA;
}

function note(parts: Pick<SpaceNote, 'context' | 'kind' | 'id'> & Partial<SpaceNote>): SpaceNote {
  const nothing = { automatic: false, parent: undefined, fault: { id: 0, fd: -1 } };
  return { ...nothing, hwpts: new Map(), nestParent: 0, viommu: 0, ...parts };
}

function allocIoas(user: User, space: number, context: number, automatic: boolean): Answer {
  if (user.book.spaces.has(space)) return IS_USED;
  const fd = user.fdOf(context);
  if (fd === undefined) return BAD_DESCRIPTOR;
  const outcome = user.kernel.call(fd, calls.ioasAlloc());
  const id = idFrom(outcome, 'outIoasId');
  user.book.spaces.set(space, note({ context, kind: 'ioas', id, automatic }));
  return answerOf(outcome);
}

type Nesting = Readonly<{ space: number; parent: number; onViommu: boolean }>;

function allocNested(user: User, nesting: Nesting): Answer {
  const { book } = user;
  if (book.spaces.has(nesting.space)) return IS_USED;
  const below = book.spaces.get(nesting.parent);
  const fd = below === undefined ? user.anyFd() : user.fdOf(below.context);
  if (fd === undefined) return BAD_DESCRIPTOR;
  const bound = [...book.devices.values()].find((one) => one.bound?.context === below?.context)?.bound;
  const devId = below === undefined ? NO_ID : (bound?.devId ?? NO_ID);
  const outcome = makeNested(user, nesting, { below, fd, devId });
  user.sweep();
  return answerOf(outcome);
}

type Place = Readonly<{ below: SpaceNote | undefined; fd: number; devId: number }>;

/** NEST_PARENT, vIOMMU where it takes one, fault queue where requests are looked at, nested HWPT. */
function makeNested(user: User, { space, parent, onViommu }: Nesting, { below, fd, devId }: Place): Outcome {
  const { kernel, ground } = user;
  const isIoas = below?.kind === 'ioas';
  const hwptId = isIoas ? user.nestParentOf(below, fd, devId) : (below?.id ?? NO_ID);
  if (typeof hwptId !== 'number') return hwptId;
  const asViommu = isIoas ? below : note({ context: 0, kind: 'ioas', id: 0 });
  const ptId = onViommu ? user.viommuOf(asViommu, fd, devId, hwptId) : hwptId;
  if (typeof ptId !== 'number') return ptId;
  const fault = ground.setup.verbs.includes('fault') ? faultQueue(user, fd) : { id: 0, fd: -1 };
  const flags = (fault.id === 0 ? 0 : HWPT_FAULT_ID_VALID) | (onViommu ? 0 : HWPT_PASID);
  const dataType = DATA_TYPE[ground.platform];
  const alloc = calls.hwptAlloc({ devId, ptId, flags, dataType, faultId: fault.id });
  const outcome = kernel.call(fd, alloc, vtdTable());
  if (outcome.rule !== undefined || below === undefined) {
    dropFaultQueue(user, fd, fault);
    return outcome;
  }
  const id = idFrom(outcome, 'outHwptId');
  user.book.spaces.set(space, note({ context: below.context, kind: 'nested', id, parent, fault }));
  return outcome;
}

function faultQueue({ kernel }: User, fd: number): SpaceNote['fault'] {
  const issued = kernel.freeDescriptor();
  return { id: idFrom(kernel.call(fd, calls.faultQueueAlloc()), 'outFaultId'), fd: issued };
}

function dropFaultQueue({ kernel }: User, fd: number, fault: SpaceNote['fault']): void {
  if (fault.id === 0) return;
  kernel.close(fault.fd);
  kernel.call(fd, calls.destroy(fault.id));
}

function destroy(user: User, space: number): Answer {
  const known = user.book.spaces.get(space);
  const answer = user.callFor(space, calls.destroy);
  const fd = user.fdOf(known?.context);
  if (!answer.accepted || known === undefined || fd === undefined) return answer;
  dropFaultQueue(user, fd, known.fault);
  user.book.spaces.delete(space);
  user.sweep();
  return answer;
}

/** VT-d takes ranges on the nested HWPT, Arm commands on the vIOMMU; AMD neither. */
function invalidate(user: User, space: number): Answer {
  const known = user.book.spaces.get(space);
  const parent = known?.parent === undefined ? undefined : user.book.spaces.get(known.parent);
  const onVtd = user.ground.platform === 'intel';
  const type = INVALIDATION_TYPE[user.ground.platform];
  const entry = onVtd ? vtdInvalidation() : armInvalidation();
  return user.callFor(
    space,
    (id) =>
      calls.hwptInvalidate(
        parent !== undefined && parent.viommu !== 0 ? parent.viommu : id,
        type,
        entry.length,
      ),
    entry,
  );
}

/** A vIOMMU is there where the device is on a table of the guest. */
function invalidateDevice(user: User, device: number): Answer {
  const bound = user.book.devices.get(device)?.bound;
  const fd = bound === undefined ? user.anyFd() : user.fdOf(bound.context);
  if (fd === undefined) return BAD_DESCRIPTOR;
  if (user.ground.platform !== 'arm') return refusedBy('device-scope', 'EOPNOTSUPP');
  const viommu = user.viommuFor(device, undefined);
  const entry = armDeviceInvalidation(device);
  if (viommu === 0) return refusedBy('vdevice', undefined);
  return answerOf(
    user.kernel.call(fd, calls.hwptInvalidate(viommu, INVALIDATION_TYPE.arm, entry.length), entry),
  );
}

export const spaceWords: Words = {
  alloc: (user, { space, context }) => allocIoas(user, space, context, false),
  'alloc-automatic': (user, { space, context }) => allocIoas(user, space, context, true),
  'alloc-user': (user, { space, parent }) => allocNested(user, { space, parent, onViommu: false }),
  'alloc-table': (user, { space, parent }) => allocNested(user, { space, parent, onViommu: true }),
  destroy: (user, { space }) => destroy(user, space),
  map: (user, { space, page }) =>
    user.callFor(space, (id) =>
      calls.ioasMap(id, iovaOf(user, page), PAGES + BigInt(page) * PAGE_BYTES, PAGE_BYTES),
    ),
  'map-all': (user, { space }) =>
    user.callFor(space, (id) => calls.ioasMap(id, FIRST_IOVA, PAGES, allLength(user))),
  unmap: (user, { space, page }) =>
    user.callFor(space, (id) => calls.ioasUnmap(id, iovaOf(user, page), PAGE_BYTES)),
  'unmap-all': (user, { space }) =>
    user.callFor(space, (id) => calls.ioasUnmap(id, FIRST_IOVA, allLength(user))),
  invalidate: (user, { space }) => invalidate(user, space),
  'invalidate-device': (user, { device }) => invalidateDevice(user, device),
};
