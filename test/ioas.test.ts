import { describe, expect, it } from 'vitest';
import { allowIovas, destroy, F, ioasAlloc, ioasMap, ioasUnmap, iovaRanges, R } from './support/commands.ts';
import { type CallOptions, type Given, given, refusal, unknown } from './support/given.ts';
import { HOLE, longs, RO, RW } from './support/memory.ts';
import { addReserved, mockDomain } from './support/mock-commands.ts';
import { OK, play, type Step, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const V = 0x7f00_0000_0000n;

const oneIoas = (): Given => given().after(ioasAlloc());

/** An array of ranges in the second buffer. */
function ranges(...bounds: readonly bigint[]): CallOptions {
  return { second: longs(...bounds) };
}

/** ALLOW_IOVAS of these starts and lasts. */
function allow(expected: string | number, ...bounds: readonly bigint[]): Step {
  return [allowIovas({ numIovas: bounds.length / 2 }), expected, ranges(...bounds)];
}

/** An automatic map of `length` bytes at `userVa`. */
const auto = (length: bigint, userVa = V) => ioasMap({ userVa, length, flags: R });

const range = (index: number, start: bigint, last: bigint): string =>
  `${index * 16}: ${Buffer.from(longs(start, last)).toString('hex')}`;

refusals('IoasAlloc', { given, valid: ioasAlloc() }, [
  [{ flags: 1 }, 'EOPNOTSUPP', 'ioas-alloc/flags'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('IoasIovaRanges', { given: oneIoas, valid: iovaRanges() }, [
  [{ reserved: 1 }, 'EOPNOTSUPP', 'ioas-iova-ranges/reserved'],
  [{ ioasId: 9 }, 'ENOENT', 'ioas/exists'],
  [{ allowedIovas: BigInt(HOLE) }, 'EFAULT', 'ioas-iova-ranges/array'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
  [
    { set: { numIovas: 1 }, in: (world) => world.after(addReserved()) },
    'EMSGSIZE',
    'ioas-iova-ranges/capacity',
  ],
]);

refusals(
  'IoasAllowIovas',
  {
    given: () => oneIoas().after(addReserved()),
    valid: allowIovas({ numIovas: 2 }),
    by: ranges(0x1000n, 0x1fffn, 0x2000n, 0x2fffn),
  },
  [
    [{ reserved: 1 }, 'EOPNOTSUPP', 'ioas-allow-iovas/reserved'],
    [{ ioasId: 9 }, 'ENOENT', 'ioas/exists'],
    [{ set: { allowedIovas: BigInt(HOLE), numIovas: 3 }, apart: true }, 'EFAULT', 'ioas-allow-iovas/array'],
    [{ by: ranges(0x1000n, 0x1000n, 0x2000n, 0x2fffn) }, 'EINVAL', 'ioas-allow-iovas/order'],
    [{ by: ranges(0x1000n, 0x1fffn, 0x1fffn, 0x2fffn) }, 'EINVAL', 'ioas-allow-iovas/overlap'],
    [{ by: ranges(0x1000n, 0x1fffn, 0x2000n, 0x4000n) }, 'EADDRINUSE', 'ioas-allow-iovas/reserved-range'],
  ],
);

describe('ids', () => {
  vector('core 11', 'are the lowest free from 1', given, [
    [ioasAlloc(), 1],
    [ioasAlloc(), 2],
    [ioasAlloc(), 3],
    [destroy(2), OK],
    [ioasAlloc(), 2],
    [ioasAlloc(), 4],
  ]);
  vector('core 12', 'are free at once', given, [
    [ioasAlloc(), 1],
    [destroy(1), OK],
    [destroy(1), 'ENOENT'],
    [ioasAlloc(), 1],
  ]);
  vector('core 13', 'are not used up by a failed write-back', given, [
    [ioasAlloc(), 'EFAULT', { arg: RO }],
    [ioasAlloc(), 1],
  ]);
  vector('core 16', 'belong to one descriptor', given, [
    (world) => world.open('/dev/iommu'),
    [ioasAlloc(), 1],
    [ioasAlloc(), 1, { fd: 4 }],
    [destroy(1), OK, { fd: 4 }],
    [ioasUnmap(), 0],
    [ioasUnmap(), 'ENOENT', { fd: 4 }],
  ]);
  it('start again from 1 after seventy of them went, in any order (core 15)', () => {
    const world = given();
    for (let id = 1; id <= 70; id++) expect(world.when(ioasAlloc())).toEqual({ outIoasId: id });
    for (let id = 1; id <= 70; id++) world.after(destroy((id * 13) % 71 || 71));
    expect(world.when(ioasAlloc())).toEqual({ outIoasId: 1 });
  });
});

describe('IoasIovaRanges', () => {
  it('writes each hole and their number and the alignment (core 22)', () => {
    const bytes = [range(0, 0n, U64_MAX)];
    expect(oneIoas().when(iovaRanges())).toEqual({ numIovas: 1, outIovaAlignment: 1n, bytes });
  });

  it('writes the number although the array is too small (core 23)', () => {
    const written = { numIovas: 1, outIovaAlignment: 1n };
    const answer = oneIoas().when(iovaRanges({ numIovas: 0, allowedIovas: 0n }));
    expect(answer).toEqual(refusal('ioas-iova-ranges/capacity', 'EMSGSIZE', written));
  });

  it('leaves the struct alone when the array cannot be written (core 24)', () => {
    const answer = oneIoas().when(iovaRanges({ numIovas: 1, allowedIovas: BigInt(HOLE) }));
    expect(answer).toEqual(refusal('ioas-iova-ranges/array', 'EFAULT'));
  });

  it('keeps what it wrote of the array before the fault', () => {
    const end = BigInt(RW + 0x40_0000);
    const answer = oneIoas()
      .after(addReserved({ start: 0x1000n }))
      .when(iovaRanges({ allowedIovas: end - 16n }));
    const bytes = [range(0, 0n, 0xfffn)];
    expect(answer).toEqual(refusal('ioas-iova-ranges/array', 'EFAULT', { bytes }));
  });

  it('keeps the array when the struct cannot be written back', () => {
    const answer = oneIoas().when(iovaRanges(), { arg: RO });
    expect(answer).toEqual(refusal('respond/fault', 'EFAULT', { bytes: [range(0, 0n, U64_MAX)] }));
  });

  it('fills what fits, and joins reserved ranges that touch (core 26)', () => {
    const world = oneIoas().after(addReserved({ start: 0x1000n }));
    const first = range(0, 0n, 0xfffn);
    const counts = { numIovas: 2, outIovaAlignment: 1n };
    expect(world.when(iovaRanges({ numIovas: 1 }))).toEqual(
      refusal('ioas-iova-ranges/capacity', 'EMSGSIZE', { ...counts, bytes: [first] }),
    );
    expect(world.when(iovaRanges({ numIovas: 2 }))).toEqual({
      ...counts,
      bytes: [first, range(1, 0x2000n, U64_MAX)],
    });
    world.after(addReserved({ start: 0x2000n }));
    expect(world.when(iovaRanges({ numIovas: 2 }))).toEqual({
      ...counts,
      bytes: [first, range(1, 0x3000n, U64_MAX)],
    });
  });

  it('finds no hole where everything is reserved (core 27)', () => {
    const world = oneIoas().after(addReserved({ start: 0n, length: U64_MAX }));
    expect(world.when(iovaRanges())).toMatchObject({ numIovas: 1, bytes: [range(0, U64_MAX, U64_MAX)] });
    world.after(addReserved({ start: U64_MAX, length: 1n }));
    expect(world.when(iovaRanges({ numIovas: 0 }))).toEqual({ numIovas: 0, outIovaAlignment: 1n });
  });

  it('shows the aperture of the domain while there is one (core 107)', () => {
    const world = oneIoas().after(mockDomain());
    expect(world.when(iovaRanges())).toEqual({
      numIovas: 1,
      outIovaAlignment: 0x800n,
      bytes: [range(0, 0x100_0000n, 0x7fff_ffffn)],
    });
    world.after(destroy(2));
    expect(world.when(iovaRanges())).toEqual({
      numIovas: 1,
      outIovaAlignment: 1n,
      bytes: [range(0, 0n, U64_MAX)],
    });
  });

  vector('core 25', 'tests the reserved field before the id', given, [
    [iovaRanges({ reserved: 1, ioasId: 9 }), 'EOPNOTSUPP'],
    [iovaRanges({ ioasId: 9 }), 'ENOENT'],
  ]);
});

describe('IoasAllowIovas', () => {
  vector('core 28', 'wants ranges of two bytes and more that share none', oneIoas, [
    allow('EINVAL', 0x1000n, 0x1000n),
    allow('EINVAL', 0x1000n, 0x1fffn, 0x1800n, 0x2fffn),
    [
      allowIovas({ numIovas: 2 }),
      refusal('ioas-allow-iovas/order', 'EINVAL'),
      ranges(0x1000n, 0x1fffn, 0x1800n, 0x1000n),
    ],
    allow(OK, 0x1000n, 0x1fffn, 0x2000n, 0x2fffn),
    allow(OK),
    [allowIovas({ numIovas: 1, allowedIovas: 0n }), 'EFAULT'],
  ]);
  vector('core 29', 'judges the ranges one by one and keeps the list when one is bad', oneIoas, [
    allow(OK, 0x10000n, 0x1ffffn),
    [allowIovas({ numIovas: 2, allowedIovas: BigInt(HOLE) }), 'EINVAL', ranges(0x2000n, 0x1000n)],
    [allowIovas({ numIovas: 2, allowedIovas: BigInt(HOLE) }), 'EFAULT', ranges(0x1000n, 0x1fffn)],
    [auto(0x1000n), 0x10000],
  ]);
  vector('core 30', 'and reservations exclude each other', oneIoas, [
    [addReserved({ start: 0x4000n }), OK],
    allow('EADDRINUSE', 0x1000n, 0x4000n),
    allow(OK, 0x1000n, 0x3fffn),
    [addReserved({ start: 0x2000n, length: 0x10n }), 'EADDRINUSE'],
  ]);
  vector('core 31', 'bind automatic maps only', oneIoas, [
    allow(OK, 0x10000n, 0x1ffffn),
    [ioasMap({ userVa: V, iova: 0x90000n, flags: F | R }), 0x90000],
    [auto(0x10000n), 0x10000],
    [auto(0x1000n), 'ENOSPC'],
  ]);
  vector('core 32', 'give nothing below the first page', oneIoas, [
    allow(OK, 0n, 0xfffn),
    [auto(0x10n), 'ENOSPC'],
  ]);
  vector('core 33', 'join where they touch', oneIoas, [
    allow(OK, 0x10000n, 0x10fffn, 0x11000n, 0x11fffn),
    [auto(0x2000n), 0x10000],
  ]);
  vector('core 34', 'do not join over a gap', oneIoas, [
    allow(OK, 0x10000n, 0x10fffn, 0x12000n, 0x12fffn),
    [auto(0x2000n), 'ENOSPC'],
    [auto(0x1000n), 0x10000],
    [auto(0x1000n), 0x12000],
    [auto(0x1000n), 'ENOSPC'],
  ]);
  vector('core 35', 'never give the last byte of a range alone', oneIoas, [
    allow(OK, 0x10000n, 0x10001n),
    [auto(1n), 0x10000],
    [auto(1n), 'ENOSPC'],
    [ioasMap({ userVa: V, length: 1n, iova: 0x10001n, flags: F | R }), 0x10001],
  ]);
  vector('core 104', 'are searched from the first aligned IOVA', oneIoas, [
    allow(OK, 0x10800n, 0x12fffn),
    [auto(0x1000n), 0x11000],
    [auto(0x1000n), 0x12000],
    [auto(0x1000n), 'ENOSPC'],
  ]);
  vector('core 93', 'and the aperture of a domain exclude each other', oneIoas, [
    allow(OK, 0x1000n, 0x1fffn),
    [mockDomain(), 'EADDRINUSE'],
    allow(OK),
    [mockDomain(), OK],
    allow('EADDRINUSE', 0x1000n, 0x1fffn),
    allow(OK, 0x200_0000n, 0x200_0fffn),
    [ioasMap({ flags: R }), 0x200_0000],
  ]);

  it('leaves automatic maps open when the recording lacks the list', () => {
    const world = oneIoas();
    expect(world.when(allowIovas({ numIovas: 1 }))).toEqual(unknown('element 0 of the array of ranges'));
    expect(world.when(auto(0x1000n))).toEqual(unknown('the ranges that ALLOW_IOVAS allowed'));
    expect(world.when(addReserved())).toEqual(unknown('the ranges that ALLOW_IOVAS allowed'));
    play(world, [
      allow(OK, 0x10000n, 0x1ffffn),
      [auto(0x1000n), unknown('the IOVA that an earlier mapping got')],
    ]);
  });
});
