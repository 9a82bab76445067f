/** A process's address space as the recording shows it: which pages exist, with which rights, and what they are. */

/** One line of /proc/PID/maps. Addresses are bytes; `end` is exclusive as the kernel prints it. */
export type Vma = Readonly<{
  start: number;
  end: number;
  read: boolean;
  write: boolean;
  shared: boolean;
  kind: string;
  ino: number;
  offset: number;
  huge: boolean;
  /** Number of the snapshot in which this mapping was first seen: new mappings have new pages. */
  born: number;
  /** Name of its pages; of a shared mapping only while the file was never truncated. */
  key: string;
}>;

/** Immutable once built; a change replaces it. */
export interface AddressSpace {
  readonly id: number;
  /** False until the recording told the mappings. */
  readonly known: boolean;
  /** Ascending, disjoint. */
  readonly vmas: readonly Vma[];
  /** Snapshots told so far. */
  readonly told: number;
  /** The process has exited: nothing can be pinned any more. */
  readonly gone: boolean;
  /** First byte that user space cannot have. */
  readonly top: number;
}

/** How far (bytes) a heap is taken to grow between two snapshots. */
const HEAP_GROWTH = 2 ** 25;

/** End of the user half: x86-64 with four-level tables, arm64 with 48-bit addresses. */
export const USER_TOP: Readonly<Record<string, number>> = { x86_64: 2 ** 47 - 4096, aarch64: 2 ** 48 };

export function unknownSpace(id: number, top: number): AddressSpace {
  return { id, known: false, vmas: [], told: 0, gone: false, top };
}

/** Index of the mapping that contains byte `address`, or -1. */
function indexOf(space: AddressSpace, address: number): number {
  let low = 0;
  let high = space.vmas.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const vma = space.vmas[middle] as Vma;
    if (address < vma.start) high = middle - 1;
    else if (address >= vma.end) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** The mapping that contains byte `address`. */
export function vmaAt(space: AddressSpace, address: number): Vma | undefined {
  const index = indexOf(space, address);
  return index < 0 ? undefined : space.vmas[index];
}

/** First byte in [address, address + length) that `allows` refuses or that is not mapped; -1 when there is none. */
function firstRefused(
  space: AddressSpace,
  address: number,
  length: number,
  allows: (vma: Vma) => boolean,
): number {
  let at = address;
  const end = address + length;
  for (let index = indexOf(space, at); at < end; index++) {
    const vma = index < 0 ? undefined : space.vmas[index];
    if (vma === undefined || at < vma.start || !allows(vma)) return at;
    at = vma.end;
  }
  return -1;
}

const readable = (vma: Vma): boolean => vma.read;
const writable = (vma: Vma): boolean => vma.write;

/** Whether copy_to_user() of `length` bytes succeeds; true where the recording does not know the mappings. */
export function canWrite(space: AddressSpace | undefined, address: number, length: number): boolean {
  if (length === 0 || space === undefined || !space.known) return true;
  if (address + length > space.top) return false;
  return firstRefused(space, address, length, writable) < 0;
}

/** As canWrite(), for memory that was just read: where no mapping is known, one was made since the last snapshot. */
export function canWriteBack(space: AddressSpace | undefined, address: number, length: number): boolean {
  if (canWrite(space, address, length) || space === undefined) return true;
  return address < space.top && vmaAt(space, address) === undefined;
}

/** Whether copy_from_user() of `length` bytes succeeds; true where the recording does not know the mappings. */
export function canRead(space: AddressSpace | undefined, address: number, length: number): boolean {
  if (length === 0 || space === undefined || !space.known) return true;
  if (address + length > space.top) return false;
  return firstRefused(space, address, length, readable) < 0;
}

/** The first byte of [address, address + length) that the caller cannot read (or write); -1 when there is none. */
export function firstFault(
  space: AddressSpace | undefined,
  address: number,
  length: number,
  write: boolean,
): number {
  if (length === 0 || space === undefined || !space.known) return -1;
  if (address + length > space.top) return address >= space.top ? address : space.top;
  return firstRefused(space, address, length, write ? writable : readable);
}

/** Heap growth inside the C library shows only at the next snapshot: above the last known end nothing is sure. */
export function maybeHeap(space: AddressSpace, address: number): boolean {
  return space.vmas.some(
    (vma) => vma.kind === 'heap' && address >= vma.end && address < vma.end + HEAP_GROWTH,
  );
}

/** Bytes from `address` on that copy_from_user() can read, up to `length`. */
export function readableBytes(space: AddressSpace | undefined, address: number, length: number): number {
  if (length === 0 || space === undefined || !space.known) return length;
  if (address >= space.top) return 0;
  const refused = firstRefused(space, address, length, readable);
  return refused < 0 ? length : refused - address;
}

/** Name of the pages of a private mapping. */
export function privateKey(spaceId: number, born: number): string {
  return `mm:${spaceId}/${born}`;
}

/** Name of the pages of a file; truncation makes new ones. */
export function fileKey(ino: number, generation: number): string {
  return `ino:${ino}/${generation}`;
}

/** Number of the page at `page` (address divided by 4096) among those of its mapping's key. */
export function pageInKey(vma: Vma, page: number): number {
  return vma.shared ? page - vma.start / 4096 + vma.offset / 4096 : page;
}
