import { describe, expect, it } from 'vitest';
import {
  destroy,
  F,
  faultQueueAlloc,
  hwptAlloc,
  hwQueueAlloc,
  ioasAlloc,
  ioasMap,
  ioasMapFile,
  ioasUnmap,
  R,
  viommuAlloc,
  W,
} from './support/commands.ts';
import { bound, MV } from './support/fixtures.ts';
import { type Given, given, refusal, unknown } from './support/given.ts';
import { HUGE, RO, RW } from './support/memory.ts';
import { APERTURE, accessPages, createAccess, dmabufGet, mdCheckRefs } from './support/mock-commands.ts';
import { amdMachine } from './support/platforms.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const map = (change = {}) => ioasMap({ iova: APERTURE, flags: F | R | W, ...change });
const mapped = (): Given => MV().after(map());

refusals('HwQueueAlloc', { given: mapped, valid: hwQueueAlloc() }, [
  [{ flags: 1 }, 'EOPNOTSUPP', 'hw-queue-alloc/flags'],
  [{ hwQueueType: 0 }, 'EOPNOTSUPP', 'hw-queue-alloc/flags'],
  [{ length: 0n }, 'EINVAL', 'hw-queue-alloc/length'],
  [{ nestingParentIova: U64_MAX }, 'EOVERFLOW', 'hw-queue-alloc/overflow'],
  [{ viommuId: 5 }, 'ENOENT', 'viommu/exists'],
  [{ hwQueueType: 1 }, 'EOPNOTSUPP', 'hw-queue-alloc/type'],
  [{ set: { nestingParentIova: 1n, length: U64_MAX } }, 'ERANGE', 'hw-queue-alloc/pages-overflow'],
  [
    { in: (world) => world.after(map({ iova: APERTURE + 0x1000n, length: 0x800n })) },
    'EADDRINUSE',
    'ioas/alignment',
  ],
  [{ set: { nestingParentIova: APERTURE + 0x2000n } }, 'ENOENT', 'access/covered'],
  [{ index: 2 }, 'EINVAL', 'mock/hw-queue-index'],
  [{ index: 1 }, 'EIO', 'mock/hw-queue-order'],
  [{ in: (world) => world.after(hwQueueAlloc()), apart: true }, 'EEXIST', 'mock/hw-queue-used'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

describe('HwQueueAlloc', () => {
  vector('device 134', 'judges type, length and the end', MV, [
    [hwQueueAlloc({ hwQueueType: 0 }), 'EOPNOTSUPP'],
    [hwQueueAlloc({ length: 0n }), 'EINVAL'],
    [hwQueueAlloc({ nestingParentIova: U64_MAX }), 'EOVERFLOW'],
    [hwQueueAlloc({ nestingParentIova: 1n, length: U64_MAX }), 'ERANGE'],
    [hwQueueAlloc({ viommuId: 5 }), 'ENOENT'],
  ]);
  vector('device 135', 'wants memory behind the queue, and loses no id', MV, [
    [hwQueueAlloc(), 'ENOENT'],
    [faultQueueAlloc(), 7],
  ]);
  vector('device 136', 'wants queue 0 before queue 1', mapped, [
    [hwQueueAlloc({ index: 1 }), 'EIO'],
    [hwQueueAlloc({ index: 2 }), 'EINVAL'],
    [hwQueueAlloc(), 7],
    [hwQueueAlloc(), 'EEXIST'],
  ]);
  vector('device 137', 'takes two ids and keeps the memory', () => mapped().after(hwQueueAlloc()), [
    [ioasUnmap(), 'EBUSY'],
    [destroy(8), 'EBUSY'],
    [faultQueueAlloc(), 9],
    [destroy(7), OK],
    [ioasUnmap(), 0x1000],
  ]);
  vector('device 138', 'holds the queue that it depends on', mapped, [
    [hwQueueAlloc({ length: 0x800n }), 7],
    [hwQueueAlloc({ index: 1, nestingParentIova: APERTURE + 0x800n, length: 0x800n }), 9],
    [destroy(7), 'EBUSY'],
    [destroy(9), OK],
    [destroy(7), OK],
  ]);
  it('may reach the last page, where nothing is mapped', () => {
    const all = { nestingParentIova: 0n, length: U64_MAX - 0xfffn };
    expect(mapped().when(hwQueueAlloc(all))).toEqual(refusal('access/covered', 'ENOENT'));
  });
  it('reads the memory (device 139)', () => {
    const world = MV().after(map({ flags: F | W }));
    expect(world.when(hwQueueAlloc())).toEqual(refusal('access/permission', 'EPERM'));
    expect(
      MV()
        .after(map({ flags: F | R }))
        .when(hwQueueAlloc()),
    ).toEqual({ outHwQueueId: 7 });
  });
  it('of a dma-buf is refused', () => {
    const world = MV().after(
      dmabufGet(),
      ioasMapFile({ fd: 4, iova: APERTURE, flags: F | R | W, length: 0x4000n }),
    );
    expect(world.when(hwQueueAlloc())).toEqual(refusal('access/dmabuf', 'EINVAL'));
  });
  it('locks its area against the unmap of everything', () => {
    const world = mapped().after(map({ iova: APERTURE + 0x8000n }), hwQueueAlloc());
    expect(world.when(ioasUnmap())).toEqual(refusal('unmap/locked', 'EBUSY'));
    expect(world.when(ioasUnmap({ iova: APERTURE, length: 0x1000n }))).toEqual(
      refusal('unmap/locked', 'EBUSY'),
    );
    expect(world.when(ioasUnmap({ iova: APERTURE + 0x8000n, length: 0x1000n }))).toEqual({ length: 0x1000n });
  });
  it('unlocks nothing when an access of the same area is let go', () => {
    const world = mapped().after(hwQueueAlloc(), createAccess(), accessPages());
    world.close(4);
    expect(world.when(ioasUnmap())).toEqual(refusal('unmap/locked', 'EBUSY'));
  });
  it('of one page is always in a row', () => {
    expect(mapped().when(hwQueueAlloc({ nestingParentIova: APERTURE + 1n, length: 0xfffn }))).toEqual({
      outHwQueueId: 7,
    });
  });
  it('of huge pages is in a row within each', () => {
    const big = { userVa: BigInt(HUGE), length: 0x20_0000n };
    expect(
      MV()
        .after(map(big))
        .when(hwQueueAlloc({ length: 0x20_0000n })),
    ).toEqual({ outHwQueueId: 7 });
  });
  it('of small pages may not be in a row', () => {
    const missing = unknown('the physical contiguity of the pinned pages');
    const world = MV().after(map({ length: 0x2000n }));
    expect(world.when(hwQueueAlloc({ length: 0x2000n }))).toEqual(missing);
    const scattered = refusal('hw-queue-alloc/contiguity', 'EFAULT');
    expect(world.when(hwQueueAlloc({ length: 0x2000n }), { supposing: 'refused' })).toEqual(scattered);
    expect(world.when(hwQueueAlloc({ length: 0x2000n }), { supposing: 'granted' })).toEqual({
      outHwQueueId: 7,
    });
    const two = MV().after(
      map({ userVa: BigInt(HUGE) }),
      map({ userVa: BigInt(HUGE + 0x4000), iova: APERTURE + 0x1000n }),
    );
    expect(two.when(hwQueueAlloc({ length: 0x2000n }))).toEqual(missing);
  });
  it('pins nothing that a domain has pinned already', () => {
    const world = mapped().after(hwQueueAlloc());
    play(world, [
      [mdCheckRefs({ uptr: BigInt(RW) }), OK],
      [destroy(7), OK],
      [mdCheckRefs({ uptr: BigInt(RW) }), OK],
    ]);
  });
  it('is nothing that other drivers have', () => {
    const world = given().after(ioasAlloc());
    expect(world.when(hwQueueAlloc({ viommuId: 1 }))).toEqual(refusal('viommu/exists', 'ENOENT'));
    expect(bound(amdMachine()).when(hwptAlloc({ devId: 1, ptId: 2, flags: 1 }))).toMatchObject({
      errno: 'EOPNOTSUPP',
    });
  });
});

describe('the slots of the mock', () => {
  it('forget which queue goes: slot 0 is emptied, whatever it was', () => {
    const world = mapped().after(hwQueueAlloc(), hwQueueAlloc({ index: 1 }));
    play(world, [
      [destroy(9), OK],
      [hwQueueAlloc(), 9],
      [hwQueueAlloc({ index: 1 }), 'EEXIST'],
    ]);
  });
  it('are those of one vIOMMU', () => {
    const world = mapped().after(hwQueueAlloc(), viommuAlloc());
    expect(world.when(hwQueueAlloc({ viommuId: 9, index: 1 }))).toEqual(
      refusal('mock/hw-queue-order', 'EIO'),
    );
    expect(world.when(hwQueueAlloc({ viommuId: 9 }))).toEqual({ outHwQueueId: 10 });
  });
});
