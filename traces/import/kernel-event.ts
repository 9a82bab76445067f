/** What the readers of kernel traces agree on: the task, the time, the fields of a probe. Words are hex in memory order. */
import type { FdKind, HexBytes } from '../recording.ts';
import type { MemoryMap } from './memory-map.ts';

/** A thread as the kernel sees it. */
export type Task = {
  readonly tid: number;
  comm: string;
  /** The process whose descriptors it uses. */
  process: Process;
  /** Its system call under way. */
  call: SystemCall | undefined;
  lastNs: number;
};

/** Threads that share descriptors. */
export type Process = {
  readonly pid: number;
  readonly fds: Map<number, OpenDescriptor>;
  readonly tids: Set<number>;
  memory: MemoryMap;
  /** Paths of other open files, for what is mapped from them. */
  readonly paths: Map<number, string>;
};

export type OpenDescriptor = Readonly<{ kind: FdKind; closesOnExec: boolean }>;

/** A system call between its entry and its return. */
export type SystemCall = {
  readonly name: string;
  readonly ns: number;
  readonly args: SyscallArgs;
  /** An ioctl of ours, and what the probes inside it saw. */
  ioctl: IoctlProbes | undefined;
  /** A probe inside an open that told which file it was. */
  path: string | undefined;
};

/** Arguments by the kernel's names, as text without `0x`: hexadecimal numbers; a string for a path. */
export type SyscallArgs = Readonly<Record<string, string>>;

/** What a probe on an ioctl handler fetched. `words` holds 8 bytes each from the start of the struct, in memory order. */
export type ProbeFetch = Readonly<{
  /** undefined where the function cannot be told from the event. */
  kind: 'iommufd' | 'vfio-dev' | undefined;
  /** undefined in return probes of kernels that cannot read arguments there. */
  command: number | undefined;
  /** User address of the struct as hex; '' where the probe did not fetch it. */
  pointer: string;
  words: HexBytes;
}>;

/** What a probe fetched of the buffer that the struct points to; `pointer` is its address as hex. */
export type SecondFetch = Readonly<{ pointer: string; words: HexBytes }>;

export type IoctlProbes = {
  readonly slot: Slot;
  entry: ProbeFetch | undefined;
  exit: ProbeFetch | undefined;
  secondEntry: SecondFetch | undefined;
  secondExit: SecondFetch | undefined;
  ret: number | undefined;
  ended: number;
};

/** A place in the order of lines; filled when the call has returned. */
export type Slot = { state: 'waiting' | 'done' | 'late'; emit: (() => void) | undefined };

/** Events were lost, or could not be read: how many, where that is known. */
export type Loss = Readonly<{ count: number | undefined; place: string }>;
