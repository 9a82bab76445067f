/** From an ioctl's number and bytes to a command, or to the refusal that comes before every handler. */
import type { Command } from '../events/command.ts';
import {
  IOMMU_TEST_CMD,
  VFIO_CHECK_EXTENSION,
  VFIO_DEVICE_BIND_IOMMUFD,
  VFIO_GET_API_VERSION,
  VFIO_SET_IOMMU,
} from '../events/ioctl-number.ts';
import { type Outcome, refuse, undetermined } from '../events/outcome.ts';
import { canRead, readableBytes } from '../machines/address-space.ts';
import type { EngineSite } from './engine-site.ts';
import { containerIoctls, deviceIoctls, type IoctlEntry, nativeIoctls, testEntry } from './ioctl-table.ts';
import type { StructBuffer } from './struct-buffer.ts';

const TABLE_FIRST = 0x80;
const TABLE_LAST = 0xa0;
const WORD = 4;
const OP_OFFSET = 4;

/** A command that reached its handler, or the answer of the dispatcher. */
export type Dispatched = {
  entry: IoctlEntry | undefined;
  command: Command | undefined;
  refusal: Outcome | undefined;
};

const result: Dispatched = { entry: undefined, command: undefined, refusal: undefined };

function refused(entry: IoctlEntry | undefined, refusal: Outcome): Dispatched {
  result.entry = entry;
  result.command = undefined;
  result.refusal = refusal;
  return result;
}

function accepted(entry: IoctlEntry | undefined, command: Command): Dispatched {
  result.entry = entry;
  result.command = command;
  result.refusal = undefined;
  return result;
}

/** iommufd_fops_ioctl(). The answer is overwritten by the next call. */
export function dispatchIommufd(site: EngineSite, number: number): Dispatched {
  const buffer = site.struct;
  const nr = number & 0xff;
  if (nr < TABLE_FIRST || nr > TABLE_LAST) return dispatchContainer(site, number);
  if (buffer.length < WORD) return refused(undefined, refuse('dispatch/size-fault'));
  const entry = entryOf(site, number, buffer);
  if (entry === undefined) return refused(undefined, refuse('dispatch/unknown'));
  const { layout } = entry;
  const size = buffer.u32(0);
  if (size < layout.minSize) return refused(entry, refuse('dispatch/short'));
  if (size > layout.size) {
    const tail = refusesTail(site, buffer, layout.size, size, 'dispatch/tail', 'dispatch/tail-fault');
    if (tail !== undefined) return refused(entry, tail);
  }
  if (buffer.length < Math.min(size, layout.size)) return refused(entry, refuse('dispatch/copy-fault'));
  site.structLength = Math.min(size, layout.size);
  if (size < layout.size) buffer.bytes.fill(0, size, layout.size);
  return accepted(entry, entry.decode(buffer.view));
}

function entryOf(site: EngineSite, number: number, buffer: StructBuffer): IoctlEntry | undefined {
  if (number === IOMMU_TEST_CMD)
    return testEntry(buffer.length < OP_OFFSET + WORD ? 0 : buffer.u32(OP_OFFSET), site.kernel.lastTestOp);
  return number <= site.kernel.lastIoctl ? nativeIoctls.get(number) : undefined;
}

/** copy_struct_from_user(): bytes past the known struct must be zero; the first word that is not, or faults, decides. */
function refusesTail(
  site: EngineSite,
  buffer: StructBuffer,
  known: number,
  size: number,
  tail: 'dispatch/tail' | 'vfio-bind/tail',
  fault: 'dispatch/tail-fault' | 'vfio/fault',
): Outcome | undefined {
  const { space, arg } = site;
  if (space !== undefined && arg + size > space.top) return refuse(fault);
  if (buffer.firstNonZero(known) >= 0) return refuse(tail);
  if (buffer.length >= size) return undefined;
  const readable = readableBytes(space, arg + buffer.length, size - buffer.length);
  if (readable === 0) return refuse(fault);
  return undetermined(`bytes ${buffer.length} to ${size - 1} of the struct`);
}

/** iommufd_vfio_ioctl(): the argument is a value, or a struct of which the fixed part is read first. */
function dispatchContainer(site: EngineSite, number: number): Dispatched {
  const buffer = site.struct;
  if (number === VFIO_GET_API_VERSION) return accepted(undefined, { type: 'VfioGetApiVersion' });
  if (number === VFIO_CHECK_EXTENSION)
    return accepted(undefined, { type: 'VfioCheckExtension', arg: site.argValue });
  if (number === VFIO_SET_IOMMU) return accepted(undefined, { type: 'VfioSetIommu', arg: site.argValue });
  const entry = containerIoctls.get(number);
  if (entry === undefined) return refused(undefined, refuse('compat/unknown'));
  const { minSize } = entry.layout;
  if (!canFetch(site, buffer, minSize)) return refused(entry, refuse('compat/fault'));
  site.structLength = minSize;
  return accepted(entry, entry.decode(buffer.view));
}

/** Recordings hold as many bytes as the struct's own size word says; the kernel reads its minimum all the same. */
function canFetch(site: EngineSite, buffer: StructBuffer, bytes: number): boolean {
  if (buffer.length >= bytes) return true;
  if (buffer.length < WORD) return false;
  return buffer.u32(0) <= buffer.length && canRead(site.space, site.arg, bytes);
}

/** vfio_device_fops_unl_ioctl(). undefined command and refusal: the device's own driver answers. */
export function dispatchVfioDevice(site: EngineSite, number: number): Dispatched {
  const buffer = site.struct;
  const entry = deviceIoctls.get(number);
  const binds = number === VFIO_DEVICE_BIND_IOMMUFD;
  if (!binds && site.file.phase !== 'bound') return refused(entry, refuse('vfio/unbound'));
  if (entry === undefined)
    return refused(undefined, undetermined('what the driver of the VFIO device answers'));
  const minSize = binds ? WORD : entry.layout.minSize;
  if (!canFetch(site, buffer, minSize)) return refused(entry, refuse('vfio/fault'));
  if (binds) {
    const argsz = buffer.u32(0);
    if (argsz < entry.layout.minSize) return refused(entry, refuse('vfio-bind/argsz'));
    if (argsz > entry.layout.size) {
      const tail = refusesTail(site, buffer, entry.layout.size, argsz, 'vfio-bind/tail', 'vfio/fault');
      if (tail !== undefined) return refused(entry, tail);
    }
  }
  site.structLength = entry.layout.size;
  return accepted(entry, entry.decode(buffer.view));
}
