/** One ioctl as a line of a recording, from the system call and from what the probes inside it saw. */
import { IOMMU_DESTROY, VFIO_DEVICE_GET_INFO } from '../../events/ioctl-number.ts';
import type { FdKind, IoctlLine } from '../recording.ts';
import { ioctlBytes } from './ioctl-bytes.ts';
import type { IoctlProbes, SystemCall, Task } from './kernel-event.ts';
import type { Draft } from './line-order.ts';
import { withSecond } from './second-bytes.ts';

/** `';'`, the type of the ioctls of iommufd and VFIO. */
export const IOCTL_TYPE = 0x3b;

const ENOTTY = 25;
const EINTR = 4;
/** What a handler returns for a number it does not know; user space sees ENOTTY. */
const ENOIOCTLCMD = 515;
const RESTARTS: ReadonlySet<number> = new Set([512, 513, 514, 516]);

/**
 * The call on descriptor `fd` that returned `returned`; undefined for an ioctl of another subsystem. Where its events contradict
 * one another, the place of the loss.
 */
export function ioctlLine(
  task: Task,
  call: SystemCall,
  probes: IoctlProbes,
  returned: number | undefined,
  fd: number,
): Draft<IoctlLine> | string | undefined {
  const fetch = probes.entry ?? probes.exit;
  const open = task.process.fds.get(fd);
  const command = fetch?.command ?? Number.parseInt(call.args['cmd'] ?? '', 16);
  if (Number.isNaN(command)) return `a return in thread ${task.tid} without an entry`;
  const kind = fetch?.kind ?? open?.kind ?? kindOfCommand(command);
  if (kind === undefined) return undefined;
  if (open !== undefined && fetch?.kind !== undefined && handlerOf(open.kind) !== fetch.kind)
    return `an ioctl on descriptor ${fd}, which is another file`;
  const arg = probes.entry?.pointer || call.args['arg'] || '0';
  const errno = returned === undefined ? -1 : errnoOf(returned);
  const bytes = ioctlBytes(probes, command, Number.parseInt(arg.slice(-3), 16), errno);
  const line: Draft<IoctlLine> = {
    ev: 'ioctl',
    seq: 0,
    ns: call.ns,
    pid: task.process.pid,
    tid: task.tid,
    fd,
    kind: open?.kind ?? kind,
    req: `0x${command.toString(16)}`,
    arg: `0x${arg}`,
    in: bytes.in,
  };
  if (returned !== undefined) line.ret = errno > 0 ? -1 : returned;
  if (errno > 0) line.errno = errno;
  if (bytes.out !== undefined) line.out = bytes.out;
  if (returned !== undefined) line.dur = Math.max(0, probes.ended - call.ns);
  const lacks = withSecond(line, probes, bytes.lacks);
  if (returned === undefined) line.lacks = { ...lacks, ret: true };
  else if (lacks !== undefined) line.lacks = lacks;
  return line;
}

/** The handler that ioctls on such a descriptor come to. */
function handlerOf(kind: FdKind): FdKind {
  return kind === 'vfio-container' ? 'iommufd' : kind;
}

/** What a descriptor that nobody knows probably is; undefined for an ioctl of another subsystem. */
function kindOfCommand(command: number): FdKind | undefined {
  if (command >>> 8 !== IOCTL_TYPE) return undefined;
  const deviceOnly = command >= VFIO_DEVICE_GET_INFO && command < IOMMU_DESTROY;
  return deviceOnly ? 'vfio-dev' : 'iommufd';
}

/** The errno that user space sees; 0 for success. */
function errnoOf(ret: number): number {
  if (ret >= 0 || ret < -4095) return 0;
  if (ret === -ENOIOCTLCMD) return ENOTTY;
  return RESTARTS.has(-ret) ? EINTR : -ret;
}
