/** The memory of generated programs: 16 MiB at the place where syzkaller has its data area, with a read-only part and a hole. */
import { hex } from '../events/hex.ts';
import type { Vma } from './recording.ts';

const PAGE = 4096;

/** First byte of the data area, and its length in bytes. */
export const ARENA_START = 0x2000_0000;
export const ARENA_LENGTH = 0x100_0000;
export const ARENA_END = ARENA_START + ARENA_LENGTH;

/** Structs lie from here on, `STRUCT_STRIDE` bytes apart; second buffers from `SECOND_START`. */
export const STRUCT_START = ARENA_START;
export const STRUCT_STRIDE = 0x100;
export const SECOND_START = ARENA_START + 0x10_0000;
export const SECOND_STRIDE = 0x1000;
/** Pages that programs map into address spaces. */
export const PAGES_START = ARENA_START + 0x20_0000;
export const PAGES_LENGTH = 0x40_0000;
/** Can be read and not written. */
export const READ_ONLY_START = ARENA_START + 0xf0_0000;
export const READ_ONLY_LENGTH = 0x1_0000;
/** Cannot be read. */
export const HOLE_START = ARENA_START + 0xf2_0000;
const HOLE_LENGTH = 0x1_0000;
/** Where windows of an iommufd are mapped. */
export const WINDOW_START = ARENA_START + 0xe0_0000;

/** Private anonymous memory. */
export function anonymous(start: number, end: number, rights = 'rw-p'): Vma {
  return [hex(start), hex(end), rights, 'anon', 0, '0x0'];
}

/** The data area as syzkaller's executor makes it: all of it readable and writable. */
export const PLAIN_MEMORY: readonly Vma[] = [anonymous(ARENA_START, ARENA_END)];

/** The data area of generated programs. */
export const FUZZ_MEMORY: readonly Vma[] = [
  anonymous(ARENA_START, READ_ONLY_START),
  anonymous(READ_ONLY_START, READ_ONLY_START + READ_ONLY_LENGTH, 'r--p'),
  anonymous(READ_ONLY_START + READ_ONLY_LENGTH, HOLE_START),
  anonymous(HOLE_START + HOLE_LENGTH, ARENA_END),
];

/** Whether [address, address + length) lies in the data area. */
export function inArena(address: bigint, length = 0n): boolean {
  return address >= BigInt(ARENA_START) && address + length <= BigInt(ARENA_END);
}

/** The memory without [start, end); both are rounded to pages. */
export function unmapped(memory: readonly Vma[], start: number, end: number): Vma[] {
  const from = Math.floor(start / PAGE) * PAGE;
  const to = Math.ceil(end / PAGE) * PAGE;
  return memory.flatMap((vma) => [...clip(vma, 0, from), ...clip(vma, to, Number.POSITIVE_INFINITY)]);
}

/** The memory with [start, end) mapped as `vma` says, whatever was there. */
export function mapped(memory: readonly Vma[], vma: Vma): Vma[] {
  const rest = unmapped(memory, Number(vma[0]), Number(vma[1]));
  return merged([...rest, vma].sort((one, other) => Number(one[0]) - Number(other[0])));
}

function clip(vma: Vma, from: number, to: number): Vma[] {
  const [start, end, rights, kind, inode, offset, huge] = vma;
  const first = Math.max(Number(start), from);
  const last = Math.min(Number(end), to);
  if (first >= last) return [];
  const moved = inode === 0 ? offset : hex(Number(offset) + first - Number(start));
  const bounds = [hex(first), hex(last)] as const;
  return huge === undefined
    ? [[...bounds, rights, kind, inode, moved]]
    : [[...bounds, rights, kind, inode, moved, huge]];
}

/** Neighbours of private anonymous memory with equal rights are one mapping, as in the kernel. */
function merged(memory: readonly Vma[]): Vma[] {
  const result: Vma[] = [];
  for (const vma of memory) {
    const before = result.at(-1);
    const joins =
      before !== undefined &&
      before[1] === vma[0] &&
      before[2] === vma[2] &&
      before[3] === 'anon' &&
      vma[3] === 'anon' &&
      before[6] === vma[6];
    if (joins) result[result.length - 1] = anonymous(Number(before[0]), Number(vma[1]), vma[2]);
    else result.push(vma);
  }
  return result;
}
