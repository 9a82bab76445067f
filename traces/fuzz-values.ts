/** Numbers that calls are made with: usual ones, and those near which this kind of code goes wrong. */
import type { Random } from '../explore/random.ts';
import { ARENA_END, HOLE_START, PAGES_START, READ_ONLY_START, SECOND_START } from './program-memory.ts';

const PAGE = 0x1000n;
const U64 = 1n << 64n;

function pagesFrom(start: bigint, count: number): bigint[] {
  return Array.from({ length: count }, (_, index) => start + BigInt(index) * PAGE);
}

/** IOVAs in the aperture of the mock's default domain, few enough to meet again. */
export const USUAL_IOVAS: readonly bigint[] = pagesFrom(0x100_0000n, 24);

/** IOVAs at the edges of apertures, of reserved ranges, and of 64 bits. */
export const EDGE_IOVAS: readonly bigint[] = [
  0n,
  0x800n,
  PAGE,
  0xff_f000n,
  0x100_0800n,
  0x120_0000n,
  0x7fff_f000n,
  0x8000_0000n,
  0xfee0_0000n,
  0x3f_ffff_f000n,
  0x40_0000_0000n,
  0x7fff_ffff_ffff_f000n,
  1n << 63n,
  U64 - 0x10_0000n,
  U64 - 2n * PAGE,
  U64 - PAGE,
  U64 - 0x800n,
  U64 - 1n,
];

export const USUAL_LENGTHS: readonly bigint[] = [
  PAGE,
  PAGE,
  PAGE,
  2n * PAGE,
  2n * PAGE,
  3n * PAGE,
  4n * PAGE,
  8n * PAGE,
];

export const EDGE_LENGTHS: readonly bigint[] = [
  0n,
  1n,
  0x7ffn,
  0x800n,
  0xfffn,
  0x1001n,
  0x1800n,
  0x20_0000n,
  0x100_0000n,
  0x100_0001n,
  (1n << 63n) - PAGE,
  (1n << 63n) - 1n,
  1n << 63n,
  U64 - 2n * PAGE,
  U64 - PAGE,
  U64 - 0x800n,
  U64 - 1n,
];

/** Lengths that only an IOAS without domains takes. */
export const ODD_LENGTHS: readonly bigint[] = [1n, 0x100n, 0x700n, 0x800n, 0x900n, 0xf00n];

/** [address, length] where sums and roundings reach the end of 64 bits. */
export const WRAPPING: readonly (readonly [bigint, bigint])[] = [
  [0xfffn, U64 - PAGE - 1n],
  [2n, U64 - PAGE - 1n],
  [0n, U64 - PAGE - 1n],
  [U64 - PAGE, 0x800n],
  [U64 - PAGE, 0xfffn],
  [U64 - 2n * PAGE, PAGE],
  [U64 - PAGE, PAGE],
  [1n << 63n, 1n << 63n],
];

export const USUAL_ADDRESSES: readonly bigint[] = pagesFrom(BigInt(PAGES_START), 16);

/** Addresses of other memory: read-only, unmapped, odd, at the ends. */
export const EDGE_ADDRESSES: readonly bigint[] = [
  0n,
  BigInt(PAGES_START) + 0x800n,
  BigInt(PAGES_START) + 1n,
  BigInt(READ_ONLY_START),
  BigInt(READ_ONLY_START) + PAGE,
  BigInt(HOLE_START),
  BigInt(HOLE_START) - PAGE,
  BigInt(ARENA_END) - PAGE,
  BigInt(ARENA_END) - 0x10n,
  0x7fff_ffff_f000n,
  1n << 63n,
  U64 - 2n * PAGE,
  U64 - PAGE,
  U64 - 0x10n,
];

/** Where a second buffer cannot be read or not be written, in whole or from some byte on. */
export const BAD_BUFFERS: readonly bigint[] = [
  0n,
  BigInt(READ_ONLY_START),
  BigInt(HOLE_START),
  BigInt(HOLE_START) - 0x10n,
  BigInt(ARENA_END) - 8n,
  U64 - PAGE,
];

export const BUFFERS: readonly bigint[] = pagesFrom(BigInt(SECOND_START), 64);

export const ODD_NUMBERS: readonly number[] = [
  0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 63, 64, 127, 255, 256, 1023, 1024, 4095, 4096, 0x1_0000, 0x8_0000,
  0x8_0001, 0xf_ffff, 0x10_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffea, 0xffff_fffe, 0xffff_ffff,
];

/** An edge with probability `share`, else a usual value. */
export function mostly(
  random: Random,
  share: number,
  usual: readonly bigint[],
  edges: readonly bigint[],
): bigint {
  return random.pick(random.chance(share) ? edges : usual);
}

const U64_MAX = U64 - 1n;

/** A value near `value`: a step off, half a page off, its complement, an edge. */
export function bent(random: Random, value: bigint): bigint {
  switch (random.below(8)) {
    case 0:
      return (value + 1n) & U64_MAX;
    case 1:
      return (value - 1n) & U64_MAX;
    case 2:
      return value ^ 0x800n;
    case 3:
      return (value + PAGE) & U64_MAX;
    case 4:
      return (U64 - value) & U64_MAX;
    case 5:
      return random.pick(EDGE_IOVAS);
    default:
      return random.pick(EDGE_LENGTHS);
  }
}
