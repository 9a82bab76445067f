/** The threads of a trace, and which of them share descriptors, as far as the trace tells. */
import type { FdKind } from '../recording.ts';
import type { OpenDescriptor, Process, Task } from './kernel-event.ts';
import { MemoryMap } from './memory-map.ts';

const CLONE_FILES = 0x400;
const CLONE_THREAD = 0x1_0000;

export class TaskTable {
  private readonly tasks = new Map<number, Task>();
  private readonly processes = new Map<number, Process>();

  /** The thread `tid`; `tgid` is its process where the trace has it. */
  task(tid: number, comm: string, tgid: number | undefined): Task {
    let task = this.tasks.get(tid);
    if (task === undefined) {
      const process = this.process(tgid ?? tid);
      task = { tid, comm, process, call: undefined, lastNs: 0 };
      process.tids.add(tid);
      this.tasks.set(tid, task);
    } else if (tgid !== undefined && task.process.pid !== tgid) {
      this.move(task, this.process(tgid));
    }
    if (task.comm !== comm) task.comm = comm;
    return task;
  }

  /** Every process that has a thread. */
  allProcesses(): Iterable<Process> {
    return this.processes.values();
  }

  known(tid: number): Task | undefined {
    return this.tasks.get(tid);
  }

  all(): Iterable<Task> {
    return this.tasks.values();
  }

  /** `child` was made by `parent`: a thread of its process, or a process with a copy of its descriptors. */
  cloned(parent: Task, tid: number, comm: string, flags: number): Task {
    const former = this.tasks.get(tid);
    if (former !== undefined) this.ended(former);
    const shares = (flags & (CLONE_FILES | CLONE_THREAD)) !== 0;
    const process = shares ? parent.process : this.forked(parent.process, tid);
    const task: Task = { tid, comm, process, call: undefined, lastNs: 0 };
    process.tids.add(tid);
    this.tasks.set(tid, task);
    return task;
  }

  /** Whether the thread was the last of its process. */
  ended(task: Task): boolean {
    const { process } = task;
    process.tids.delete(task.tid);
    this.tasks.delete(task.tid);
    if (process.tids.size > 0) return false;
    this.processes.delete(process.pid);
    return true;
  }

  /**
   * A thread uses a descriptor that its process never got: its creation was not traced. It is taken for a thread of the process
   * that has such a descriptor, one of the same name first.
   */
  adopt(task: Task, fd: number, kind: FdKind): void {
    let found: Process | undefined;
    for (const other of this.tasks.values()) {
      const open = other.process.fds.get(fd);
      if (other.process === task.process || open === undefined || open.kind !== kind) continue;
      if (found === undefined || other.comm === task.comm) found = other.process;
    }
    if (found !== undefined) this.move(task, found);
  }

  private move(task: Task, process: Process): void {
    const former = task.process;
    former.tids.delete(task.tid);
    if (former.tids.size === 0) this.processes.delete(former.pid);
    task.process = process;
    process.tids.add(task.tid);
  }

  process(pid: number): Process {
    let process = this.processes.get(pid);
    if (process === undefined) {
      process = { pid, fds: new Map(), tids: new Set(), memory: new MemoryMap(), paths: new Map() };
      this.processes.set(pid, process);
    }
    return process;
  }

  private forked(parent: Process, pid: number): Process {
    const child: Process = {
      pid,
      fds: new Map<number, OpenDescriptor>(parent.fds),
      tids: new Set(),
      memory: parent.memory.copy(),
      paths: new Map(parent.paths),
    };
    this.processes.set(pid, child);
    return child;
  }
}
