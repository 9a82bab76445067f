/**
 * The lines of the recorder format, `iommufd-rec` version 2, as they stand in the file: one JSON object a line.
 * Results (`ret`, `errno`, `out`, `ptrOut`, the data of a read, `addr`, `dur`) may be left out by whoever wants a prediction.
 */
import type { FaultKind } from '../events/dma.ts';

/** `0x` and at most 16 hexadecimal digits: an address, a length, a mask. */
export type HexNumber = `0x${string}`;

/** Two hexadecimal digits a byte, in memory order. */
export type HexBytes = string;

/** What a descriptor refers to. */
export type FdKind = 'iommufd' | 'vfio-dev' | 'vfio-container' | 'fault' | 'access' | 'eventq' | 'dmabuf';

/** Start, last and kind of an IOVA range that a device may not use. */
export type ReservedRange = readonly [start: HexNumber, last: HexNumber, kind: string];

export type RecordedDevice = Readonly<{
  path: string;
  bdf: string;
  group: number;
  members: readonly string[];
  reserved: readonly ReservedRange[];
  /** PASIDs of the device, 0 (and absent): none; told by whoever writes a scenario. */
  maxPasids?: number;
  /** The device can ask for pages (PRI); likewise. */
  pri?: boolean;
  /** The device keeps translations itself (ATS); likewise. */
  ats?: boolean;
}>;

/** The IOMMU and the PCI devices of a recording with real drivers; which registers are told depends on the driver. */
export type Machine = Readonly<{
  driver: string;
  devices: readonly RecordedDevice[];
  scalableMode?: boolean;
  cap?: HexNumber;
  ecap?: HexNumber;
  addressWidth?: number;
  features?: HexNumber;
  interruptRemapping?: boolean;
  allowUnsafeInterrupts?: boolean;
  oas?: number;
  stage?: string;
}>;

export type TraceLine = Readonly<{
  ev: 'trace';
  format: 'iommufd-rec';
  version: 2;
  kernel: string;
  arch: string;
  /** Bytes. */
  pageSize: number;
  program: string;
  iommu: string;
  test?: string;
  testResult?: string;
  machine?: Machine;
  /** What a capture does not say and its reader took for granted. */
  assumed?: readonly string[];
}>;

/** A new random program begins. */
export type ProgramLine = Readonly<{ ev: 'program'; seq: number; ns?: number; seed: number }>;

/** What every line of a process has. `ns`: start of the call, monotonic nanoseconds. */
type Call = Readonly<{ seq: number; ns: number; pid: number; tid: number }>;

/** What a capture did not catch of a call; the recorder's own files lack nothing. */
export type Lacks = Readonly<{
  /** The struct before the call, from this byte on. */
  in?: number;
  /** The struct after the call. */
  out?: boolean;
  /** The second buffer that the struct points to, before and after the call. */
  second?: boolean;
  /** The second buffer after the call. */
  secondOut?: boolean;
  /** Whether the call succeeded: its return was lost. */
  ret?: boolean;
  /** The errno of a call that failed. */
  errno?: boolean;
}>;

/** Events of the capture were lost here, `count` of them where it tells; what they were is not known. */
export type LostLine = Readonly<{ ev: 'lost'; seq: number; ns?: number; count?: number; place: string }>;

/** `memlock`: the soft limit in bytes; `capEff`: the effective capability mask. */
export type CredLine = Call & Readonly<{ ev: 'cred'; uid: number; memlock: HexNumber; capEff: HexNumber }>;

/** `unknown`: a capture does not tell what is there, if anything. */
export type VmaKind =
  | 'anon'
  | 'heap'
  | 'stack'
  | 'shm'
  | 'memfd'
  | 'hugetlb'
  | 'file'
  | 'device'
  | 'special'
  | 'unknown';

/** `end` is exclusive, as in /proc; `permissions` like `rw-p`; `offset` within the file, bytes. */
export type Vma = readonly [
  start: HexNumber,
  end: HexNumber,
  permissions: string,
  kind: VmaKind,
  inode: number,
  offset: HexNumber,
  huge?: 'huge',
];

/** The whole address space of the process, told when it changed. */
export type VmasLine = Call & Readonly<{ ev: 'vmas'; vmas: readonly Vma[] }>;

/** `fd` is absent only where the open failed or where `nextFd` stands for it. */
export type OpenLine = Call &
  Readonly<{ ev: 'open'; path: string; fd?: number; errno?: number; nextFd?: number }>;

/** `ret` of a dup is the new descriptor. */
export type DupLine = Call &
  Readonly<{ ev: 'dup'; fd: number; kind: FdKind; ret?: number; errno?: number; nextFd?: number }>;

export type CloseLine = Call &
  Readonly<{ ev: 'close'; fd: number; kind: FdKind; ret?: number; errno?: number }>;

/** `pid` began as a copy of `parent`, descriptors included. */
export type ForkLine = Call & Readonly<{ ev: 'fork'; parent: number }>;

/** The process ended with descriptors open. */
export type ExitLine = Call & Readonly<{ ev: 'exit' }>;

/** What the descriptor in IOMMU_IOAS_MAP_FILE was: a file, or an error of looking at it. */
export type RecordedFile = Readonly<{
  fd: number;
  errno?: number;
  ino?: number;
  /** Bytes. */
  size?: HexNumber;
  type?: string;
}>;

/**
 * `in`: the struct before the call, as many bytes as its own size field says, 256 at most, empty where unreadable;
 * `out`: the struct after it, only where it changed; `ptr`, `ptrIn`, `ptrOut`: the second buffer, likewise;
 * `dur`: nanoseconds.
 */
export type IoctlLine = Call &
  Readonly<{
    ev: 'ioctl';
    fd: number;
    kind: FdKind;
    req: HexNumber;
    arg: HexNumber;
    in: HexBytes;
    ret?: number | undefined;
    errno?: number | undefined;
    out?: HexBytes | undefined;
    ptr?: HexNumber | undefined;
    ptrIn?: HexBytes | undefined;
    ptrOut?: HexBytes | undefined;
    file?: RecordedFile | undefined;
    dur?: number | undefined;
    nextFd?: number | undefined;
    lacks?: Lacks | undefined;
  }>;

type QueueCall = Call &
  Readonly<{ fd: number; kind: FdKind; len: number; ret?: number; errno?: number; dur?: number }>;

export type ReadLine = QueueCall & Readonly<{ ev: 'read'; data?: HexBytes }>;
export type WriteLine = QueueCall & Readonly<{ ev: 'write'; data: HexBytes }>;

export type PollLine = Call &
  Readonly<{
    ev: 'poll';
    fd: number;
    kind: FdKind;
    events: number;
    revents?: number;
    ret?: number;
    errno?: number;
  }>;

/** An mmap of an iommufd; `addr` is all ones where it failed. `len` and `off` in bytes. */
export type MmapLine = Call &
  Readonly<{
    ev: 'mmap';
    fd: number;
    kind: FdKind;
    len: HexNumber;
    prot: number;
    flags: number;
    off: HexNumber;
    addr?: HexNumber;
    errno?: number;
  }>;

/** `size` in bytes. */
export type FtruncateLine = Call &
  Readonly<{ ev: 'ftruncate'; fd: number; ino: number; size: HexNumber; ret?: number; errno?: number }>;

/**
 * A device reads or writes memory: written by hand or by a fuzzer, not recorded. `length` in bytes; absent `pasid`: untagged;
 * `grpid`: of the page request that it may end in, 0 where absent. Results: `transferred` is the bytes before the first fault,
 * `fault` its kind, or none.
 */
export type DmaLine = Readonly<{
  ev: 'dma';
  seq: number;
  ns?: number;
  rid: string;
  pasid?: number;
  iova: HexNumber;
  length: number;
  write: boolean;
  grpid?: number;
  transferred?: number;
  fault?: FaultKind | 'none';
}>;

export type RecordedLine =
  | TraceLine
  | ProgramLine
  | CredLine
  | VmasLine
  | OpenLine
  | DupLine
  | CloseLine
  | ForkLine
  | ExitLine
  | IoctlLine
  | ReadLine
  | WriteLine
  | PollLine
  | MmapLine
  | FtruncateLine
  | DmaLine
  | LostLine;
