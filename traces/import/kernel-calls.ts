/** Events of a kernel trace put together to the calls of a recording: entry and return of each thread, descriptors, losses. */
import { issuedBy } from '../new-descriptor.ts';
import type { FdKind, HexNumber, MmapLine, OpenLine, RecordedLine } from '../recording.ts';
import { kindIssuedBy, kindOfPath } from './descriptor-kind.ts';
import { IOCTL_TYPE, ioctlLine } from './ioctl-line.ts';
import type {
  IoctlProbes,
  Loss,
  ProbeFetch,
  SecondFetch,
  SyscallArgs,
  SystemCall,
  Task,
} from './kernel-event.ts';
import { type Draft, LineOrder } from './line-order.ts';
import { followMemory } from './memory-calls.ts';
import { signedReturn } from './memory-order.ts';
import { TaskTable } from './task-table.ts';

/** Receives a line, and the line of the capture that completed it. */
export type LineSink = (line: RecordedLine) => void;

const O_CLOEXEC = 0x8_0000;
/** F_DUPFD and F_DUPFD_CLOEXEC. */
const DUPLICATING: ReadonlySet<number> = new Set([0, 1030]);
/** A thread's own events come in order; those of several CPUs may be read a little out of order. */
const DISORDER_NS = 10_000_000;

export class KernelCalls {
  private readonly sink: LineSink;
  private readonly order = new LineOrder();
  readonly tasks = new TaskTable();
  private seq = 0;
  private lastNs = 0;

  constructor(sink: LineSink) {
    this.sink = sink;
  }

  /** Every event of a thread passes here first. False where the events cannot be in order. */
  arrive(task: Task, ns: number): boolean {
    const inOrder = ns >= task.lastNs && ns >= this.lastNs - DISORDER_NS;
    task.lastNs = ns;
    if (ns > this.lastNs) this.lastNs = ns;
    else if (!inOrder) this.lastNs = ns;
    return inOrder;
  }

  enter(task: Task, ns: number, name: string, args: SyscallArgs): void {
    this.abandon(task);
    const call: SystemCall = { name, ns, args, ioctl: undefined, path: undefined };
    task.call = call;
    if (name === 'close') this.closing(task, ns, Number.parseInt(args['fd'] ?? '', 16));
    if (name !== 'ioctl') return;
    const command = Number.parseInt(args['cmd'] ?? '', 16);
    if (((command >>> 8) & 0xff) === IOCTL_TYPE || task.process.fds.has(descriptorOf(call)))
      this.begin(task, call);
  }

  exit(task: Task, ns: number, name: string, ret: string): void {
    const { call } = task;
    task.call = undefined;
    if (call === undefined || call.name !== name) {
      if (call?.ioctl !== undefined) this.finishIoctl(task, call, call.ioctl, undefined);
      return;
    }
    if (call.ioctl !== undefined) {
      call.ioctl.ended = ns;
      this.finishIoctl(task, call, call.ioctl, signedReturn(ret));
      return;
    }
    switch (name) {
      case 'openat':
      case 'open':
      case 'openat2':
        this.opened(task, call, signedReturn(ret));
        return;
      case 'dup':
      case 'dup2':
      case 'dup3':
      case 'fcntl':
        this.duplicated(task, call, signedReturn(ret));
        return;
      case 'mmap':
        this.mapped(task, call, ret);
        followMemory(task.process, call, ret);
        return;
      default:
        followMemory(task.process, call, ret);
    }
  }

  probeEntry(task: Task, ns: number, fetch: ProbeFetch): void {
    let call = task.call;
    if (call?.ioctl?.entry !== undefined || (call !== undefined && call.name !== 'ioctl')) {
      this.abandon(task);
      call = undefined;
    }
    if (call === undefined) {
      // No system call events: the probe is all there is.
      call = { name: '', ns, args: {}, ioctl: undefined, path: undefined };
      task.call = call;
    }
    (call.ioctl ?? this.begin(task, call)).entry = fetch;
  }

  probeReturn(task: Task, ns: number, fetch: ProbeFetch, ret: number): void {
    let { call } = task;
    if (call === undefined || (call.name !== '' && call.name !== 'ioctl')) {
      call = { name: '', ns, args: {}, ioctl: undefined, path: undefined };
      task.call = call;
    }
    const probes = call.ioctl ?? this.begin(task, call);
    const { entry } = probes;
    if (fetch.command !== undefined && entry !== undefined && entry.command !== fetch.command)
      probes.entry = undefined;
    probes.exit = fetch;
    probes.ret = ret;
    probes.ended = ns;
    if (call.name !== '') return;
    task.call = undefined;
    this.finishIoctl(task, call, probes, ret);
  }

  /** A probe fetched the buffer that the struct points to. */
  probeSecond(task: Task, fetch: SecondFetch, returns: boolean): void {
    const probes = task.call?.ioctl;
    if (probes === undefined) return;
    if (returns) probes.secondExit = fetch;
    else probes.secondEntry = fetch;
  }

  /** A probe inside an open told which file it is. */
  probeOpen(task: Task, path: string): void {
    if (task.call !== undefined) task.call.path = path;
  }

  cloned(parent: Task, ns: number, tid: number, comm: string, flags: number): void {
    const child = this.tasks.cloned(parent, tid, comm, flags);
    if (child.process === parent.process || child.process.fds.size === 0) return;
    this.add({ ev: 'fork', seq: 0, ns, pid: child.process.pid, tid, parent: parent.process.pid });
  }

  ended(task: Task, ns: number): void {
    this.abandon(task);
    const { process } = task;
    if (this.tasks.ended(task) && process.fds.size > 0)
      this.add({ ev: 'exit', seq: 0, ns, pid: process.pid, tid: task.tid });
  }

  executed(task: Task, ns: number): void {
    task.call = undefined;
    task.process.memory.forget();
    for (const [fd, { closesOnExec }] of task.process.fds) if (closesOnExec) this.closing(task, ns, fd);
  }

  /** Calls under way may have ended in the gap, and others begun. */
  lost({ count, place }: Loss): void {
    for (const task of this.tasks.all()) {
      this.abandon(task);
      task.lastNs = 0;
    }
    for (const process of this.tasks.allProcesses()) process.memory.forget();
    this.add({ ev: 'lost', seq: 0, ns: this.lastNs, ...(count === undefined ? {} : { count }), place });
  }

  /** The capture ends: calls that did not return have no result. */
  finish(): void {
    for (const task of this.tasks.all()) this.abandon(task);
  }

  private begin(task: Task, call: SystemCall): IoctlProbes {
    const vmas = task.process.memory.told();
    if (vmas !== undefined) this.add({ ...this.origin(task, call.ns), ev: 'vmas', vmas });
    const probes: IoctlProbes = {
      slot: this.order.begin(),
      entry: undefined,
      exit: undefined,
      secondEntry: undefined,
      secondExit: undefined,
      ret: undefined,
      ended: call.ns,
    };
    call.ioctl = probes;
    return probes;
  }

  /** The return of the call under way was not seen. */
  private abandon(task: Task): void {
    const { call } = task;
    task.call = undefined;
    if (call?.ioctl !== undefined) this.finishIoctl(task, call, call.ioctl, call.ioctl.ret);
  }

  private finishIoctl(task: Task, call: SystemCall, probes: IoctlProbes, ret: number | undefined): void {
    const fd = this.descriptor(task, call, (probes.entry ?? probes.exit)?.kind);
    const made = ioctlLine(task, call, probes, ret ?? probes.ret, fd);
    if (typeof made === 'string') this.add({ ev: 'lost', seq: 0, ns: call.ns, count: 1, place: made });
    const line = typeof made === 'string' ? undefined : made;
    this.order.complete(probes.slot, () => {
      if (line !== undefined) this.hand(line);
    });
    if (line === undefined || line.ret !== 0) return;
    const kind = kindIssuedBy(Number(line.req));
    const issued = kind === undefined ? -1 : issuedBy(line);
    if (kind !== undefined && issued >= 0) task.process.fds.set(issued, { kind, closesOnExec: true });
  }

  private descriptor(task: Task, call: SystemCall, kind: FdKind | undefined): number {
    const told = descriptorOf(call);
    if (told >= 0) {
      if (kind !== undefined && !task.process.fds.has(told)) {
        this.tasks.adopt(task, told, kind);
        if (kind === 'iommufd' && !task.process.fds.has(told)) this.tasks.adopt(task, told, 'vfio-container');
      }
      return told;
    }
    const candidates = [...task.process.fds].filter(([, open]) => open.kind === kind);
    return candidates.length === 1 ? (candidates[0]?.[0] ?? -1) : -1;
  }

  private opened(task: Task, call: SystemCall, ret: number): void {
    const path = call.args['filename'] ?? call.path ?? '';
    const kind = kindOfPath(path) ?? (call.path === undefined ? undefined : kindOfPath(call.path));
    if (kind === undefined) {
      // The number was handed out for another file: whatever had it was closed unseen.
      if (ret >= 0) {
        task.process.fds.delete(ret);
        task.process.paths.set(ret, path);
      }
      return;
    }
    const told = kindOfPath(path) === undefined ? (call.path ?? path) : path;
    const line: Draft<OpenLine> = { ...this.origin(task, call.ns), ev: 'open', path: told };
    if (ret >= 0) {
      line.fd = ret;
      const flags = call.args['flags'] ?? '';
      const closesOnExec = flags.includes('O_CLOEXEC') || (Number.parseInt(flags, 16) & O_CLOEXEC) !== 0;
      task.process.fds.set(ret, { kind, closesOnExec });
    } else line.errno = -ret;
    this.add(line);
  }

  private duplicated(task: Task, call: SystemCall, ret: number): void {
    const fd = Number.parseInt(call.args['fildes'] ?? call.args['oldfd'] ?? call.args['fd'] ?? '', 16);
    const open = task.process.fds.get(fd);
    if (call.name === 'fcntl' && !DUPLICATING.has(Number.parseInt(call.args['cmd'] ?? '', 16))) return;
    if (ret < 0 || ret === fd) return;
    if (open === undefined) {
      if (task.process.fds.has(ret)) this.closing(task, call.ns, ret);
      return;
    }
    task.process.fds.set(ret, { kind: open.kind, closesOnExec: false });
    this.add({ ...this.origin(task, call.ns), ev: 'dup', fd, kind: open.kind, ret });
  }

  private closing(task: Task, ns: number, fd: number): void {
    const open = task.process.fds.get(fd);
    if (open === undefined) return;
    task.process.fds.delete(fd);
    this.add({ ...this.origin(task, ns), ev: 'close', fd, kind: open.kind, ret: 0 });
  }

  private mapped(task: Task, call: SystemCall, ret: string): void {
    const fd = Number.parseInt(call.args['fd'] ?? '', 16);
    const open = task.process.fds.get(fd);
    if (open?.kind !== 'iommufd' && open?.kind !== 'vfio-container') return;
    const failed = signedReturn(ret);
    const errno = ret.length === 16 && failed < 0 && failed >= -4095 ? -failed : 0;
    const line: Draft<MmapLine> = {
      ...this.origin(task, call.ns),
      ev: 'mmap',
      fd,
      kind: open.kind,
      len: hex(call.args['len']),
      prot: Number.parseInt(call.args['prot'] ?? '0', 16),
      flags: Number.parseInt(call.args['flags'] ?? '0', 16),
      off: hex(call.args['off']),
      addr: errno > 0 ? '0xffffffffffffffff' : `0x${ret}`,
    };
    if (errno > 0) line.errno = errno;
    this.add(line);
  }

  private origin(task: Task, ns: number): { seq: number; ns: number; pid: number; tid: number } {
    return { seq: 0, ns, pid: task.process.pid, tid: task.tid };
  }

  private add(line: Draft): void {
    this.order.add(() => this.hand(line));
  }

  private hand(line: Draft): void {
    if ('seq' in line) line.seq = this.seq++;
    this.sink(line);
  }
}

function descriptorOf(call: SystemCall): number {
  const fd = Number.parseInt(call.args['fd'] ?? '', 16);
  return Number.isNaN(fd) ? -1 : fd | 0;
}

function hex(digits: string | undefined): HexNumber {
  return `0x${digits ?? '0'}`;
}
