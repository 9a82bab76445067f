import { describe, expect, it } from 'vitest';
import { destroy, F, faultQueueAlloc, ioasAlloc, ioasMap, ioasUnmap, R, W } from './support/commands.ts';
import { type Given, given, refusal } from './support/given.ts';
import { RO, RW } from './support/memory.ts';
import {
  APERTURE,
  accessPages,
  createAccess,
  destroyAccessPages,
  mockDomain,
} from './support/mock-commands.ts';
import { OK, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const V = 0x7f00_0000_0000n;

const oneIoas = (): Given => given().after(ioasAlloc());
const withDomain = (): Given => oneIoas().after(mockDomain());

/** MAP at a fixed IOVA. */
const at = (iova: bigint, length = 0x1000n, userVa = V, flags = F | R) =>
  ioasMap({ userVa, length, iova, flags });
/** MAP where the kernel picks the IOVA. */
const auto = (length: bigint, userVa = V) => ioasMap({ userVa, length, flags: R });
const unmap = (iova: bigint, length: bigint, ioasId = 1) => ioasUnmap({ ioasId, iova, length });
const unmapAll = ioasUnmap();

refusals('IoasUnmap', { given: () => oneIoas().after(at(0x10000n)), valid: unmap(0x10000n, 0x1000n) }, [
  [{ ioasId: 9 }, 'ENOENT', 'ioas/exists'],
  [{ iova: U64_MAX }, 'EOVERFLOW', 'ioas-unmap/overflow'],
  [{ length: U64_MAX }, 'EOVERFLOW', 'ioas-unmap/overflow'],
  [{ length: 0n }, 'EINVAL', 'ioas-unmap/length'],
  [{ set: { iova: U64_MAX - 0xfffn, length: 0x1001n } }, 'EOVERFLOW', 'ioas-unmap/end-overflow'],
  [{ set: { length: 0xfffn } }, 'ENOENT', 'unmap/partial'],
  [{ set: { iova: 0x10001n } }, 'ENOENT', 'unmap/partial'],
  [{ set: { iova: 0x20000n }, apart: true }, 'ENOENT', 'ioas-unmap/nothing'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

describe('IoasUnmap', () => {
  vector('core 68', 'knows its limits', oneIoas, [
    [unmap(0n, 1n, 9), 'ENOENT'],
    [unmapAll, 0],
    [unmap(0n, 0n), 'EINVAL'],
    [unmap(1n, U64_MAX), 'EOVERFLOW'],
    [unmap(U64_MAX, 1n), 'EOVERFLOW'],
    [unmap(0n, U64_MAX - 1n), 'ENOENT'],
    [unmap(U64_MAX - 0xfffn, 0x1001n), 'EOVERFLOW'],
  ]);
  vector('core 69', 'removes whole areas only', () => oneIoas().after(at(0x10000n, 0x2000n)), [
    [unmap(0x10000n, 0x1000n), 'ENOENT'],
    [unmap(0x11000n, 0x1000n), 'ENOENT'],
    [unmap(0xf000n, 0x2000n), 'ENOENT'],
    [unmap(0xf000n, 0x4000n), 0x2000],
  ]);
  it('keeps its progress before an error, and does not tell (core 70)', () => {
    const world = oneIoas().after(at(0x10000n), at(0x12000n), at(0x14000n, 0x2000n));
    const left = ['AreaUnmapped', 'AreaUnmapped'];
    expect(world.when(unmap(0x10000n, 0x5000n))).toEqual(refusal('unmap/partial', 'ENOENT', { left }));
    expect(world.when(unmap(0x10000n, 0x3000n))).toEqual(refusal('ioas-unmap/nothing', 'ENOENT'));
    expect(world.when(unmapAll)).toEqual({ length: 0x2000n });
  });
  vector('core 71', 'has happened when the write-back fails', () => oneIoas().after(at(0x10000n)), [
    [unmap(0x10000n, 0x1000n), 'EFAULT', { arg: RO }],
    [unmap(0x10000n, 0x1000n), 'ENOENT'],
  ]);
  it('reaches an area that begins with the last byte of the range', () => {
    const world = oneIoas().after(at(0x10000n), at(0x11000n, 1n));
    expect(world.when(unmap(0x10000n, 0x1001n))).toEqual({ length: 0x1001n });
  });
  it('lets go of a pin that ends with the first byte of the area', () => {
    const world = withDomain().after(
      createAccess(),
      ioasMap({ flags: R }),
      ioasMap({ flags: R }),
      accessPages({ id: 4, length: 0x1001n }),
    );
    world.after(unmap(APERTURE + 0x1000n, 0x1000n));
    expect(world.when(destroyAccessPages())).toEqual(refusal('access/item', 'ENOENT'));
  });
  it('of nothing is refused before the write-back is tried', () => {
    expect(oneIoas().when(unmap(0x10000n, 0x1000n), { arg: RO })).toEqual(
      refusal('ioas-unmap/nothing', 'ENOENT'),
    );
  });
  it('of an empty space still wants the struct back', () => {
    expect(oneIoas().when(unmapAll, { arg: RO })).toEqual(refusal('respond/fault', 'EFAULT'));
  });
  vector('core 17', 'is not needed before DESTROY', oneIoas, [
    [auto(0x1000n), OK],
    [destroy(1), OK],
  ]);
  vector('core 21', 'wants an IOAS', given, [
    [faultQueueAlloc(), 1],
    [unmapAll, 'ENOENT'],
  ]);
  it('lets go of the whole pin when it meets one of its areas', () => {
    const mapped = withDomain().after(
      ioasMap({ iova: APERTURE, flags: F | R | W }),
      ioasMap({ iova: APERTURE + 0x1000n, userVa: BigInt(RW) + 0x1000n, flags: F | R }),
    );
    const world = mapped.after(createAccess(), accessPages({ length: 0x2000n }));
    expect(world.outcome(unmap(APERTURE, 0x2000n)).events.map(({ type }) => type)).toEqual([
      'AccessUnpinned',
      'AreaUnmapped',
      'AreaUnmapped',
    ]);
  });
});
