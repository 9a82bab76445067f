import { describe, expect, it } from 'vitest';
import { destroy, F, ioasAlloc, ioasMap, ioasUnmap, iovaRanges, option, R, W } from './support/commands.ts';
import { type Given, given, refusal } from './support/given.ts';
import { RO } from './support/memory.ts';
import { APERTURE, addReserved, mockDomain } from './support/mock-commands.ts';
import { OK, type Step, vector } from './support/play.ts';
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

refusals('IoasMap', { given: oneIoas, valid: at(0x10000n) }, [
  [{ flags: 0x15 }, 'EOPNOTSUPP', 'ioas-map/flags'],
  [{ reserved: 1 }, 'EOPNOTSUPP', 'ioas-map/flags'],
  [{ iova: U64_MAX }, 'EOVERFLOW', 'ioas-map/overflow'],
  [{ length: U64_MAX }, 'EOVERFLOW', 'ioas-map/overflow'],
  [{ flags: F }, 'EINVAL', 'ioas-map/access'],
  [{ ioasId: 9 }, 'ENOENT', 'ioas/exists'],
  [{ set: { userVa: U64_MAX - 0xfffn, length: 0x1000n } }, 'EOVERFLOW', 'pages/overflow'],
  [{ length: 0n }, 'EINVAL', 'pages/length'],
  [{ set: { userVa: 0n, length: 0xffff_ffff_ffff_f000n } }, 'EINVAL', 'pages/length'],
  [{ in: (world) => world.after(option({ val64: 0n })), set: { length: 0x800n } }, 'EINVAL', 'map/length'],
  [
    { in: (world) => world.after(option({ val64: 0n })), set: { iova: 0x10800n } },
    'EINVAL',
    'map/iova-aligned',
  ],
  [{ set: { length: 0x2000n, iova: U64_MAX - 0xfffn } }, 'EOVERFLOW', 'map/iova-overflow'],
  [{ in: (world) => world.after(addReserved({ start: 0x10fffn, length: 1n })) }, 'EINVAL', 'map/reserved'],
  [{ in: (world) => world.after(at(0x10fffn, 1n)), apart: true }, 'EEXIST', 'map/exists'],
  [
    { in: (world) => world.after(option({ val64: 0n })), set: { userVa: V + 0x800n } },
    'EINVAL',
    'map/page-offset',
  ],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('IoasMap where the kernel picks the IOVA', { given: oneIoas, valid: auto(0x1000n) }, [
  [{ iova: U64_MAX }, 'EOVERFLOW', 'ioas-map/overflow'],
  [{ in: (world) => world.after(option({ val64: 0n })), set: { length: 0x1800n } }, 'EINVAL', 'map/length'],
  [{ set: { userVa: 0n, length: 0x7fff_ffff_ffff_ffffn } }, 'EOVERFLOW', 'map/auto-length'],
  [
    { in: (world) => world.after(option({ val64: 0n })), set: { userVa: V + 0x800n } },
    'EINVAL',
    'map/auto-alignment',
  ],
  [{ in: (world) => world.after(addReserved({ start: 0n, length: U64_MAX })) }, 'ENOSPC', 'map/no-space'],
]);

describe('IoasMap', () => {
  vector('core 36', 'judges flags before anything else', oneIoas, [
    [ioasMap({ flags: 0 }), 'EINVAL'],
    [ioasMap({ flags: F }), 'EINVAL'],
    [ioasMap({ flags: 8 }), 'EOPNOTSUPP'],
    [ioasMap({ flags: R | 8 }), 'EOPNOTSUPP'],
    [ioasMap({ flags: R, reserved: 1 }), 'EOPNOTSUPP'],
  ]);
  vector('core 37', 'judges overflow and rights before it looks for the IOAS', oneIoas, [
    [ioasMap({ flags: R, iova: U64_MAX }), 'EOVERFLOW'],
    [ioasMap({ flags: 0, length: U64_MAX }), 'EOVERFLOW'],
    [ioasMap({ ioasId: 9, flags: 0, length: 0n }), 'EINVAL'],
    [ioasMap({ ioasId: 9, flags: R, length: 0n }), 'ENOENT'],
    [ioasMap({ flags: R, length: 0n }), 'EINVAL'],
  ]);
  vector('core 38', 'wants an end below 2^64', oneIoas, [
    [auto(0x1000n, U64_MAX - 0xfffn), 'EOVERFLOW'],
    [auto(0xfffn, U64_MAX - 0xfffn), 0x1000],
  ]);
  vector('core 39', 'takes almost everything as one area', oneIoas, [
    [at(0n, 0xffff_ffff_ffff_efffn, 0n), 0],
    [auto(1n), 'ENOSPC'],
    [unmapAll, 0xffff_ffff_ffff_efffn],
  ]);
  vector('core 40', 'limits the length to 2^64 - 4097', oneIoas, [
    [at(0n, 0xffff_ffff_ffff_f000n, 0n), 'EINVAL'],
    [at(0n, 0xffff_ffff_ffff_f000n, 0x1000n), 'EOVERFLOW'],
  ]);
  it('refuses a number of pages that wraps to nothing (core 41)', () => {
    const answer = oneIoas().when(at(0n, 0xffff_ffff_ffff_efffn, 2n));
    expect(answer).toEqual(refusal('map/pages-wrap', 'EOVERFLOW'));
  });
  vector('core 42', 'reaches the last byte', oneIoas, [
    [at(0xffff_ffff_ffff_f000n, 0x2000n), 'EOVERFLOW'],
    [at(0xffff_ffff_ffff_f000n), 0xffff_ffff_ffff_f000n],
    [unmap(0xffff_ffff_ffff_f000n, 0x1000n), 0x1000],
  ]);
  it('judges the end before reservations', () => {
    const world = oneIoas().after(addReserved({ start: U64_MAX, length: 1n }));
    expect(world.when(at(U64_MAX - 0xfffn, 0x2000n))).toEqual(refusal('map/iova-overflow', 'EOVERFLOW'));
  });
  it('follows a kernel that is known to have chosen another IOVA', () => {
    const by = { trusting: true, adoptedIova: 0x77000n };
    expect(oneIoas().when(auto(0x1000n), by)).toEqual({ iova: 0x77000n });
    expect(oneIoas().when(auto(0x1000n), { trusting: true })).toEqual({ iova: 0x1000n });
  });
  vector('core 43', 'shares no byte with another area', oneIoas, [
    [at(0x10000n, 0x2000n), OK],
    [at(0x10000n), 'EEXIST'],
    [at(0x11000n), 'EEXIST'],
    [at(0xf000n, 0x2000n), 'EEXIST'],
    [at(0xf000n, 0x4000n), 'EEXIST'],
    [at(0xf000n), OK],
    [at(0x12000n), OK],
  ]);
  vector('core 44', 'fills the whole space, whose length is reported as 0', oneIoas, [
    [at(0n, 1n << 63n, 0n), OK],
    [at(1n << 63n, 1n << 63n, 0n), OK],
    [unmapAll, 0],
    [unmapAll, 0],
  ]);
  vector('core 45', 'does not look at memory without a domain', oneIoas, [
    [ioasMap({ userVa: 0xdead000n, flags: R | W }), 0x1000],
  ]);
  vector('core 46', 'stays in place when the write-back fails', oneIoas, [
    [at(0x5000n), 'EFAULT', { arg: RO }],
    [at(0x5000n), 'EEXIST'],
  ]);
  vector('core 47', 'takes single bytes and IOVA 0', oneIoas, [
    [at(0n, 1n), OK],
    [at(1n, 1n, V, F | W), OK],
  ]);
  vector('core 49', 'aligns to 2 MiB at most, and as the source is aligned', oneIoas, [
    [auto(0x4000_0000n, 0x4000_0000n), 0x20_0000],
    [auto(0x3000n, V + 0x5000n), 0x1000],
    [auto(0x3000n, V + 0x4000n), 0x4000],
  ]);
  const autos = (...rows: readonly (readonly [length: bigint, iova: number, userVa?: bigint])[]): Step[] =>
    rows.map(([length, iova, userVa]) => [auto(length, userVa), iova]);
  vector(
    'core 48',
    'takes the lowest aligned hole',
    oneIoas,
    autos(
      [0x1000n, 0x1000],
      [0x1000n, 0x2000],
      [0x2000n, 0x4000],
      [0x1000n, 0x3000],
      [0x3000n, 0x8000],
      [0x20_0000n, 0x20_0000],
      [0x1000n, 0x6000],
    ),
  );
  vector(
    'core 50',
    'skips a hole of which only the last byte would be used',
    oneIoas,
    autos([3n, 0x1000], [3n, 0x1004], [1n, 0x1007], [1n, 0x1008]),
  );
  vector(
    'core 51',
    'keeps the offset in the page',
    oneIoas,
    autos(
      [0x800n, 0x1800, V + 0x800n],
      [0x800n, 0x2800, V + 0x800n],
      [0x800n, 0x3800, V + 0x800n],
      [0x800n, 0x1000],
      [0x800n, 0x2000],
      [0x800n, 0x3000],
    ),
  );
  vector(
    'core 52',
    'keeps any offset in the page',
    oneIoas,
    autos(
      ...[0x1345, 0x1355, 0x1365, 0x1375, 0x13c5, 0x13d5].map((iova) => [0x10n, iova, V + 0x345n] as const),
    ),
  );
  vector(
    'core 105',
    'aligns by length where the source is address 0',
    oneIoas,
    autos([1n, 0x1000, 0n], [0x1000n, 0x2000, 0n], [0x800n, 0x1800, 0n]),
  );
  vector('core 53', 'picks no length of 2^63 - 1 and more', oneIoas, [
    [auto(0x7fff_ffff_ffff_fffen, 0n), 0x20_0000],
    [auto(0x7fff_ffff_ffff_fffen, 0n), 'ENOSPC'],
    [auto(0x7fff_ffff_ffff_ffffn, 0n), 'EOVERFLOW'],
  ]);
  vector('core 54', 'finds no room beside a huge reservation', oneIoas, [
    [addReserved({ start: 6n, length: 0xffff_ffff_ffff_8001n }), OK],
    [auto(0x5000n), 'ENOSPC'],
  ]);
  vector('core 55', 'goes around reservations', oneIoas, [
    [addReserved({ start: 0x4000n, length: 0x64000n }), OK],
    ...[0x1000, 0x2000, 0x68000, 0x6c000, 0x70000, 0x78000, 0x80000, 0x88000, 0x90000, 0xa0000].map(
      (iova, index): Step => [auto(BigInt(index + 1) * 0x1000n), iova],
    ),
    [at(0x4000n), 'EINVAL'],
  ]);
});

describe('areas and domains', () => {
  vector('core 91', 'have to lie in the aperture and in memory', withDomain, [
    [ioasMap({ userVa: 0x6000_0000n, iova: APERTURE, flags: F | R }), 'EFAULT'],
    [ioasMap({ iova: APERTURE, flags: F | R }), OK],
    [ioasMap({ length: 0x400n, flags: R }), 'EINVAL'],
    [ioasMap({ length: 0x800n, flags: R }), 0x100_1000],
    [ioasMap({ iova: 0x1000n, flags: F | R }), 'EINVAL'],
  ]);
  vector('core 92', 'are judged when a domain comes', oneIoas, [
    [ioasMap({ userVa: 0x6000_0000n, iova: APERTURE, flags: F | R }), OK],
    [mockDomain(), 'EFAULT'],
    [unmapAll, OK],
    [ioasMap({ iova: 0x1000n, flags: F | R }), OK],
    [mockDomain(), 'EADDRINUSE'],
    [unmapAll, OK],
    [ioasMap({ iova: APERTURE, length: 0x10n, flags: F | R }), OK],
    [mockDomain(), 'EADDRINUSE'],
    [unmapAll, OK],
    (world) => expect(world.when(mockDomain())).toEqual({ outStdevId: 2, outHwptId: 4, outIdevId: 3 }),
  ]);
  vector('core 107', 'keep their map when the domain goes', withDomain, [
    [ioasMap({ flags: R }), 0x100_0000],
    [destroy(2), OK],
    (world) => expect(world.charged('uid:0')).toBe(0),
    [iovaRanges(), OK],
    [ioasMap({ length: 0x10n, flags: R }), 0x1000],
    [mockDomain(), 'EADDRINUSE'],
  ]);
});
