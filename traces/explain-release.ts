/** Calls that take away what is in the way: holders of an object, attachments, areas. In an order that works. */
import {
  IOMMU_DESTROY,
  IOMMU_IOAS_UNMAP,
  IOMMU_TEST_OP_PASID_DETACH,
  VFIO_DEVICE_DETACH_IOMMUFD_PT,
} from '../events/ioctl-number.ts';
import { type IommuObject, objectAt } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import { type Holder, holdersOf } from './explain-holders.ts';
import { descriptorOf, madeUp, mockOp } from './explain-lab.ts';
import type { Scene } from './explain-scene.ts';
import type { FdKind, RecordedLine } from './recording.ts';

const DEPTH_MAX = 8;

/** Everything that has to happen before `object` can be destroyed, innermost first. */
export function releaseLines(scene: Scene, context: Context, object: IommuObject): RecordedLine[] {
  const fd = descriptorOf(scene, context);
  if (fd === undefined) return [];
  const lines: RecordedLine[] = [];
  const seen = new Set<string>();
  const add = (line: RecordedLine): void => {
    const key = line.ev === 'ioctl' ? `${line.fd}/${line.req}/${line.in}` : JSON.stringify(line);
    if (!seen.has(key)) lines.push(line);
    seen.add(key);
  };
  const unwind = (held: IommuObject, depth: number): void => {
    if (depth > DEPTH_MAX) return;
    for (const holder of holdersOf(scene, context, held)) {
      const other = holder.how === 'object' ? objectAt(context, holder.id) : undefined;
      if (other !== undefined) unwind(other, depth + 1);
      for (const line of lettingGo(scene, context, fd, holder)) add(line);
    }
  };
  unwind(object, 0);
  return lines;
}

function lettingGo(scene: Scene, context: Context, fd: number, holder: Holder): RecordedLine[] {
  switch (holder.how) {
    case 'object':
      return ending(scene, context, fd, holder.id);
    case 'attachment':
      return detachLines(scene, context, fd, holder.deviceId, holder.pasid);
    case 'descriptor':
      return closing(scene, holder.fileId);
    default:
      return [];
  }
}

/** What ends the object at `id`; automatic HWPTs end with their last attachment. */
function ending(scene: Scene, context: Context, fd: number, id: number): RecordedLine[] {
  const object = objectAt(context, id);
  if (object === undefined || object.kind === 'device') return [];
  if (object.kind === 'hwpt-paging' && object.auto) return [];
  if (object.kind === 'access') {
    const queue = context.objects.find((one) => one?.kind === 'hw-queue' && one.accessId === id);
    return queue === undefined ? [] : [destroyLine(scene, fd, queue.id)];
  }
  return [destroyLine(scene, fd, id)];
}

export function destroyLine(scene: Scene, fd: number, id: number): RecordedLine {
  return madeUp(scene, { fd, kind: 'iommufd' }, IOMMU_DESTROY, 'Destroy', { id });
}

/** Takes a device off a slot: a mock device leaves its RID with its handle, after all its PASIDs. */
export function detachLines(
  scene: Scene,
  context: Context,
  fd: number,
  deviceId: number,
  pasid: number,
): RecordedLine[] {
  const handle = context.objects.find((one) => one?.kind === 'selftest' && one.deviceId === deviceId);
  if (handle === undefined) return vfioDetach(scene, context, deviceId, pasid);
  const off = (one: number): RecordedLine =>
    mockOp(scene, fd, IOMMU_TEST_OP_PASID_DETACH, 'TestPasidDetach', { id: handle.id, pasid: one });
  if (pasid !== 0) return [off(pasid)];
  const pasids: number[] = [];
  for (const group of context.groups.values())
    for (const [one, slot] of group.slots)
      if (one !== 0 && slot.deviceIds.includes(deviceId)) pasids.push(one);
  return [...pasids.map(off), destroyLine(scene, fd, handle.id)];
}

function vfioDetach(scene: Scene, context: Context, deviceId: number, pasid: number): RecordedLine[] {
  for (const [fd, id] of scene.process?.fds ?? []) {
    const file = scene.before.files.get(id);
    if (file?.kind !== 'vfio-dev' || file.contextId !== context.id || file.objectId !== deviceId) continue;
    const fields = { flags: pasid === 0 ? 0 : 1, pasid };
    return [
      madeUp(scene, { fd, kind: 'vfio-dev' }, VFIO_DEVICE_DETACH_IOMMUFD_PT, 'DeviceDetachIommufdPt', fields),
    ];
  }
  return [];
}

/** Every descriptor of a file is closed, in whatever process. */
function closing(scene: Scene, fileId: number): RecordedLine[] {
  const lines: RecordedLine[] = [];
  const { seq, ns } = scene.line;
  const kind = scene.before.files.get(fileId)?.kind as FdKind;
  for (const { pid, fds } of scene.before.processes.values())
    for (const [fd, id] of fds)
      if (id === fileId) lines.push({ ev: 'close', seq, ns, pid, tid: pid, fd, kind });
  return lines;
}

/** UNMAP of a range. */
export function unmapLine(
  scene: Scene,
  fd: number,
  ioasId: number,
  start: bigint,
  last: bigint,
): RecordedLine {
  const fields = { ioasId, iova: start, length: last - start + 1n };
  return madeUp(scene, { fd, kind: 'iommufd' }, IOMMU_IOAS_UNMAP, 'IoasUnmap', fields);
}
