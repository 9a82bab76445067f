import { describe, expect, it } from 'vitest';
import { destroy, F, ioasAlloc, ioasCopy, ioasMap, ioasUnmap, R, W } from './support/commands.ts';
import { type Given, given, refusal } from './support/given.ts';
import { RO } from './support/memory.ts';
import { OK, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const V = 0x7f00_0000_0000n;

const oneIoas = (): Given => given().after(ioasAlloc());
const twoIoases = (): Given => oneIoas().after(ioasAlloc());

/** MAP at a fixed IOVA. */
const at = (iova: bigint, length = 0x1000n, userVa = V, flags = F | R) =>
  ioasMap({ userVa, length, iova, flags });
const unmap = (iova: bigint, length: bigint, ioasId = 1) => ioasUnmap({ ioasId, iova, length });

/** COPY from IOAS 1. */
const copy = (srcIova: bigint, length: bigint, change: Partial<ReturnType<typeof ioasCopy>> = {}) =>
  ioasCopy({ srcIova, length, ...change });

refusals(
  'IoasCopy',
  {
    given: () => twoIoases().after(at(0x10000n, 0x2000n)),
    valid: ioasCopy({ srcIova: 0x10000n, dstIoasId: 2, dstIova: 0x50000n, flags: F | R }),
  },
  [
    [{ flags: 0x15 }, 'EOPNOTSUPP', 'ioas-copy/flags'],
    [{ length: U64_MAX }, 'EOVERFLOW', 'ioas-copy/overflow'],
    [{ srcIova: U64_MAX }, 'EOVERFLOW', 'ioas-copy/overflow'],
    [{ dstIova: U64_MAX }, 'EOVERFLOW', 'ioas-copy/overflow'],
    [{ flags: F }, 'EINVAL', 'ioas-map/access'],
    [{ srcIoasId: 9 }, 'ENOENT', 'ioas-copy/source-exists'],
    [{ length: 0n }, 'EINVAL', 'ioas-copy/length'],
    [{ set: { srcIova: U64_MAX - 0xfffn, length: 0x1001n } }, 'EOVERFLOW', 'ioas-copy/source-overflow'],
    [{ srcIova: 0x11001n }, 'ENOENT', 'ioas-copy/covered'],
    [{ srcIova: 0xffffn }, 'ENOENT', 'ioas-copy/covered'],
    [{ dstIoasId: 9 }, 'ENOENT', 'ioas/exists'],
    [
      {
        in: (world) =>
          world.after(
            at(0x50fffn, 1n),
            ioasCopy({ srcIova: 0x50fffn, length: 1n, dstIoasId: 2, dstIova: 0x50fffn, flags: F | R }),
          ),
      },
      'EEXIST',
      'map/exists',
    ],
    [{ flags: F | W }, 'EPERM', 'map/pages-writable'],
    [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
  ],
);

describe('IoasCopy', () => {
  const mapped = () => oneIoas().after(at(0x10_0000n, 0x4000n, V, F | R | W));
  vector('core 60', 'maps the same memory again', mapped, [
    [copy(0x10_1000n, 0x1000n, { dstIova: 0x10_0000n, flags: F | R }), 'EEXIST'],
    [copy(0x10_1000n, 0x1000n, { dstIova: 0x10_4000n, flags: F | R }), OK],
    [copy(0x10_1000n, 0x1000n), 0x1000],
  ]);
  vector('core 61', 'judges the source before the target', () => mapped().after(ioasAlloc()), [
    [copy(0x10_0000n, 0n, { srcIoasId: 9 }), 'ENOENT'],
    [copy(0x10_0000n, 0n, { dstIoasId: 9 }), 'EINVAL'],
    [copy(0x10_3000n, 0x1000n, { dstIoasId: 9 }), 'ENOENT'],
    [copy(0x10_3800n, 0x1000n), 'ENOENT'],
    [copy(U64_MAX - 0xfffn, 0x2000n), 'EOVERFLOW'],
    [copy(0x10_0000n, 0x1000n, { flags: F }), 'EINVAL'],
  ]);
  vector('core 62', 'cannot add the right to write', () => twoIoases().after(at(0x1000n)), [
    [copy(0x1000n, 0x1000n, { dstIoasId: 2, flags: W }), 'EPERM'],
    [copy(0x1000n, 0x1000n, { dstIoasId: 2, flags: R }), OK],
  ]);
  vector(
    'core 63',
    'may write what the first map could, whatever copies came between',
    () => twoIoases().after(ioasAlloc(), at(0x1000n, 0x1000n, V, F | R | W)),
    [
      [copy(0x1000n, 0x1000n, { dstIoasId: 2, dstIova: 0x1000n, flags: F | R }), OK],
      [destroy(1), OK],
      [copy(0x1000n, 0x1000n, { srcIoasId: 2, dstIoasId: 3, dstIova: 0x1000n, flags: F | W }), OK],
    ],
  );
  vector(
    'core 64',
    'keeps the cuts of its source',
    () => twoIoases().after(at(0x10000n), at(0x11000n, 0x2000n)),
    [
      [copy(0x10000n, 0x3000n, { dstIoasId: 2, dstIova: 0x50000n, flags: F | R }), OK],
      [unmap(0x50000n, 0x2000n, 2), 'ENOENT'],
      [unmap(0x50000n, 0x1000n, 2), 'ENOENT'],
      [unmap(0x51000n, 0x2000n, 2), 0x2000],
    ],
  );
  vector('core 65', 'wants a source without a gap', () => twoIoases().after(at(0x10000n), at(0x12000n)), [
    [copy(0x10000n, 0x3000n, { dstIoasId: 2 }), 'ENOENT'],
  ]);
  vector('core 66', 'places by the source address', () => twoIoases().after(at(0x10_0000n, 0x4000n)), [
    [copy(0x10_0100n, 0x100n, { dstIoasId: 2 }), 0x1100],
    [copy(0x10_1000n, 0x1000n, { dstIoasId: 2 }), 0x2000],
  ]);
  it('takes the number of an area for an IOVA, and says which it was (core 67)', () => {
    const answer = mapped().when(
      copy(0x1000_0000_0000n, 0x1000n, { flags: F | R | 0x1_0000, dstIova: 0x20_0000n }),
    );
    expect(answer).toEqual({ flags: F | R, srcIova: 0x10_1000n, dstIova: 0x20_0000n });
  });
  it('takes a number without an area for IOVA 0', () => {
    const answer = mapped().when(
      copy(0x1000_0000_0007n, 0x1000n, { flags: F | R | 0x1_0000, dstIova: 0x20_0000n }),
    );
    expect(answer).toEqual(refusal('ioas-copy/covered', 'ENOENT'));
  });
  it('reaches the last byte of all', () => {
    const world = oneIoas().after(at(U64_MAX - 0xfffn));
    expect(world.when(copy(U64_MAX - 0xfffn, 0x1000n))).toMatchObject({ dstIova: 0x1000n });
  });
  vector('core 106', 'outlives its source', () => oneIoas().after(at(0x1000n, 0x2000n)), [
    [copy(0x1800n, 0x1000n, { dstIova: 0x8000n, flags: F | R }), OK],
    [unmap(0x1000n, 0x2000n), 0x2000],
    [unmap(0x8000n, 0x1000n), 0x1000],
  ]);
  vector('core 108', 'stays within its descriptor', () => mapped(), [
    (world) => world.open('/dev/iommu'),
    [ioasAlloc(), 1, { fd: 4 }],
    [ioasAlloc(), 2],
    [copy(0x10_0000n, 0x1000n, { srcIoasId: 2 }), 'ENOENT', { fd: 4 }],
    [copy(0x10_0000n, 0x1000n), 'ENOENT', { fd: 4 }],
  ]);
});
