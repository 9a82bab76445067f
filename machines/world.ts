/** Everything that the deciders read: processes, descriptors, iommufd contexts and their objects. Types and lookups. */
import type { AddressSpace } from './address-space.ts';
import { emptyHardware, type Hardware } from './hardware.ts';
import type { IommuObject } from './objects.ts';
import type { Pages } from './pages.ts';

/** One user process (thread group). */
export interface Process {
  readonly pid: number;
  spaceId: number;
  uid: number;
  /** RLIMIT_MEMLOCK, soft, in bytes. */
  memlock: bigint;
  /** Effective capability mask. */
  capabilities: bigint;
  /** Descriptor number to open file. */
  fds: Map<number, number>;
  /** Numbers in use by files that the recording does not follow: descriptors are handed out lowest first. */
  foreign: Set<number>;
  /** A number of an event queue came back although nobody told of its close: others may be closed too. */
  closesUnseen: boolean;
}

export type FileKind = 'iommufd' | 'vfio-container' | 'vfio-dev' | 'access' | 'fault' | 'eventq' | 'dmabuf';

/** One open file description; dup and fork share it. */
export interface OpenFile {
  readonly id: number;
  readonly kind: FileKind;
  /** The iommufd context behind it (for a VFIO device: the one it is bound to, 0 before). */
  contextId: number;
  /** The object behind it: access, fault queue, event queue; the DEVICE of a bound VFIO file. */
  objectId: number;
  /** Path it was opened by; empty for descriptors that an ioctl handed out. */
  readonly path: string;
  /** Descriptors and kernel users that keep it open. */
  refs: number;
  /** VFIO device file: lifecycle value of `vfioFileMachine`. */
  phase: string;
  /** VFIO device file: the plain attach path believes that the RID is attached. */
  attached: boolean;
  /** VFIO device file: PASIDs attached through it, ascending. */
  pasids: number[];
  /** dma-buf: length in bytes and whether it is revoked. */
  length: bigint;
  revoked: boolean;
}

/** A file that MAP_FILE or a mapping refers to; contents are counted in generations. */
export interface Inode {
  readonly ino: number;
  size: bigint;
  /** Raised when pages were dropped (truncation): page identities change. */
  generation: number;
}

/** One (group, PASID) slot: the HWPT it holds and the devices that asked for it. */
export interface Slot {
  phase: string;
  hwptId: number;
  deviceIds: number[];
  /** The device that attached it first or moved it last: page requests of the whole group carry its id (attach handle). */
  movedBy: number;
}

/** The part of an iommu group that one context owns. */
export interface Group {
  readonly key: string;
  phase: string;
  /** Devices bound, in bind order. */
  deviceIds: number[];
  /** PASID (0 is the RID) to slot; absent when nothing is attached. */
  slots: Map<number, Slot>;
}

/** A window that mmap of the iommufd can map: both in bytes. */
export interface MmapWindow {
  readonly offset: bigint;
  readonly length: bigint;
  readonly ownerId: number;
}

/** A window mapped into a process; address and length in bytes. */
export type WindowMapping = {
  readonly ownerId: number;
  readonly pid: number;
  /** 0 until the recording shows where it lies. */
  address: number;
  readonly length: number;
};

export type AccountMode = 'none' | 'user' | 'mm';

/** One open of /dev/iommu: a table of objects and what belongs to it. */
export interface Context {
  readonly id: number;
  /** Index is the object id; index 0 is never used. */
  objects: (IommuObject | undefined)[];
  /** No id below it is free. */
  lowestFree: number;
  /** Ids in use, tombstones included. */
  live: number;
  accountMode: AccountMode;
  compatIoasId: number;
  noIommuMode: boolean;
  pages: Map<number, Pages>;
  groups: Map<string, Group>;
  windows: MmapWindow[];
  /** Mappings of windows that are live: each holds its owner. */
  mappings: WindowMapping[];
  /** What keeps the context alive beyond its own descriptors: accesses, event files, bound devices, mappings. */
  refs: number;
  /** The invariant that broke here; nothing is claimed afterwards. */
  broken: string;
  /** Some IOAS has areas of which nobody knows where they are. */
  adrift?: boolean;
}

/** The whole machine as far as the uAPI can tell. */
export interface World {
  readonly userTop: number;
  processes: Map<number, Process>;
  spaces: Map<number, AddressSpace>;
  files: Map<number, OpenFile>;
  inodes: Map<number, Inode>;
  contexts: Map<number, Context>;
  /** Pages charged per account, `uid:N` or `mm:N`. */
  charged: Map<string, number>;
  /** iommu group to the context that owns its DMA, for VFIO devices. */
  groupOwners: Map<string, number>;
  /** What the IOMMUs are programmed with; no decider reads it. */
  hardware: Hardware;
  nextFileId: number;
  nextContextId: number;
  nextPagesId: number;
}

/** The open file behind a descriptor; undefined where the number is free, or what has it is not followed. */
export function openFileAt(world: World, process: Process | undefined, fd: number): OpenFile | undefined {
  const fileId = process?.fds.get(fd);
  return fileId === undefined ? undefined : world.files.get(fileId);
}

/** A context as opening its device makes it, without objects; 0 is the id of no context at all. */
export function emptyContext(id: number): Context {
  return {
    id,
    objects: [undefined],
    lowestFree: 1,
    live: 0,
    accountMode: 'none',
    compatIoasId: 0,
    noIommuMode: false,
    pages: new Map(),
    groups: new Map(),
    windows: [],
    mappings: [],
    refs: 0,
    broken: '',
  };
}

/** A machine before anything happened; `userTop` is the first byte that user space cannot have. */
export function emptyWorld(userTop: number): World {
  return {
    userTop,
    processes: new Map(),
    spaces: new Map(),
    files: new Map(),
    inodes: new Map(),
    contexts: new Map(),
    charged: new Map(),
    groupOwners: new Map(),
    hardware: emptyHardware(),
    nextFileId: 1,
    nextContextId: 1,
    nextPagesId: 1,
  };
}
