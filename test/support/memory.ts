/** The address space of the process in examples: one mapping of each kind, and places where nothing is mapped. */
import type { MappingFact } from '../../events/memory.ts';

/** Start of each mapping, in bytes. Each is 4 MiB long unless said otherwise. */
export const RW = 0x1000_0000;
/** Private memory that can only be read. */
export const RO = 0x2000_0000;
/** Shared memory of a memfd, inode 77. */
export const MEMFD = 0x3000_0000;
/** Huge pages of 2 MiB, private. */
export const HUGE = 0x4000_0000;
/** Registers of a device. */
export const DEVICE = 0x5000_0000;
/** Nothing is mapped here, nor for 16 MiB around it. */
export const HOLE = 0x6000_0000;
/** A file on disk, shared and writable, inode 99. */
export const SHARED_FILE = 0x7000_0000;
/** The heap; what lies above its end is not known. */
export const HEAP = 0x8000_0000;
/** Mapped without any right. */
export const NO_ACCESS = 0x9000_0000;
/** Where the structs of commands lie. */
export const STRUCT = 0xf000_0000;

export const MAPPED_BYTES = 0x40_0000;
export const MEMFD_INODE = 77;
export const FILE_INODE = 99;

function mapping(start: number, rest: Partial<MappingFact> = {}): MappingFact {
  return {
    start,
    end: start + MAPPED_BYTES,
    read: true,
    write: true,
    shared: false,
    kind: 'anon',
    ino: 0,
    offset: 0,
    huge: false,
    ...rest,
  };
}

export const MAPPINGS: readonly MappingFact[] = [
  mapping(RW),
  mapping(RO, { write: false }),
  mapping(MEMFD, { kind: 'memfd', shared: true, ino: MEMFD_INODE }),
  mapping(HUGE, { kind: 'hugetlb', huge: true }),
  mapping(DEVICE, { kind: 'device', shared: true }),
  mapping(SHARED_FILE, { kind: 'file', shared: true, ino: FILE_INODE }),
  mapping(HEAP, { kind: 'heap' }),
  mapping(NO_ACCESS, { read: false, write: false }),
  mapping(STRUCT),
];

/** Little-endian 32-bit words. */
export function words(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value >>> 0, true);
  return new Uint8Array(view.buffer);
}

/** Little-endian 64-bit words. */
export function longs(...values: readonly bigint[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 8));
  for (const [index, value] of values.entries()) view.setBigUint64(index * 8, value, true);
  return new Uint8Array(view.buffer);
}
