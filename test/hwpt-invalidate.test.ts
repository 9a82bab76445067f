import { describe, expect, it } from 'vitest';
import { mockDriver } from '../machines/drivers/mock.ts';
import { hwptAlloc, hwptInvalidate, vdeviceAlloc } from './support/commands.ts';
import { M, MN, MV, nested } from './support/fixtures.ts';
import { refusal, unknown } from './support/given.ts';
import { HOLE, RO, words } from './support/memory.ts';
import { checkCache, checkIotlb } from './support/mock-commands.ts';
import { MOCK } from './support/platforms.ts';
import { OK, play } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const old = () => M({ release: '6.12.117' });

const entries = (...values: number[]) => ({ second: words(...values) });

refusals(
  'HwptInvalidate of a nested HWPT',
  { given: () => MN(7), valid: hwptInvalidate(), by: entries(0, 3) },
  [
    [{ reserved: 1 }, 'EOPNOTSUPP', 'hwpt-invalidate/reserved'],
    [{ dataUptr: 0n }, 'EINVAL', 'hwpt-invalidate/array'],
    [{ entryLen: 0 }, 'EINVAL', 'hwpt-invalidate/array'],
    [{ entryLen: 4097 }, 'EINVAL', 'hwpt-invalidate/array'],
    [{ set: { entryNum: (1 << 19) + 1 }, apart: true }, 'EINVAL', 'hwpt-invalidate/array'],
    [{ hwptId: 99 }, 'ENOENT', 'hwpt-invalidate/exists'],
    [{ hwptId: 5 }, 'EINVAL', 'hwpt-invalidate/kind'],
    [{ dataType: 0xdead }, 'EINVAL', 'mock/invalidate-type'],
    [{ entryLen: 12 }, 'EINVAL', 'mock/invalidate-length'],
    [{ entryLen: 4 }, 'EINVAL', 'mock/invalidate-length'],
    [
      { by: { second: new Uint8Array(0) }, set: { dataUptr: BigInt(HOLE) } },
      'EFAULT',
      'mock/invalidate-fault',
    ],
    [{ by: entries(2, 4) }, 'EOPNOTSUPP', 'mock/invalidate-flags'],
    [{ by: entries(0, 4) }, 'EINVAL', 'mock/invalidate-slot'],
  ],
);

describe('HwptInvalidate', () => {
  const one = (change: Parameters<typeof hwptInvalidate>[0] = {}) => hwptInvalidate(change);
  it('writes the number of entries that it handled, whatever happens (device 96 to 101)', () => {
    const answers = (change: Parameters<typeof hwptInvalidate>[0], ...values: number[]) =>
      MN(7).when(one(change), entries(...values));
    expect(answers({ entryNum: 0 })).toEqual({ entryNum: 0 });
    expect(answers({ entryNum: 0, dataUptr: 0n, entryLen: 0 })).toEqual({ entryNum: 0 });
    expect(answers({ entryNum: 0, dataType: 1 })).toEqual(
      refusal('mock/invalidate-type', 'EINVAL', { entryNum: 0 }),
    );
    expect(answers({ reserved: 1 })).toEqual(
      refusal('hwpt-invalidate/reserved', 'EOPNOTSUPP', { entryNum: 0 }),
    );
    expect(answers({ entryLen: 0 })).toEqual(refusal('hwpt-invalidate/array', 'EINVAL', { entryNum: 0 }));
    const left = ['IotlbInvalidated'];
    expect(answers({ entryNum: 2 }, 0, 0, 2, 0)).toEqual(
      refusal('mock/invalidate-flags', 'EOPNOTSUPP', { entryNum: 1, left }),
    );
    expect(answers({ entryNum: 2 }, 0, 0, 0, 4)).toEqual(
      refusal('mock/invalidate-slot', 'EINVAL', { entryNum: 1, left }),
    );
    expect(answers({ entryNum: 1 }, 1, 4)).toEqual(
      refusal('mock/invalidate-slot', 'EINVAL', { entryNum: 0 }),
    );
    expect(answers({ hwptId: 5 })).toEqual(refusal('hwpt-invalidate/kind', 'EINVAL', { entryNum: 0 }));
    expect(answers({ hwptId: 99 })).toEqual(refusal('hwpt-invalidate/exists', 'ENOENT', { entryNum: 0 }));
    expect(answers({ entryLen: 12 })).toEqual(refusal('mock/invalidate-length', 'EINVAL', { entryNum: 0 }));
    expect(answers({ entryNum: 1 << 19, dataUptr: BigInt(HOLE) })).toMatchObject({
      rule: 'mock/invalidate-fault',
    });
    expect(answers({ entryLen: 4096 }, 0, 0)).toMatchObject({ rule: 'mock/invalidate-length' });
  });
  it('has happened when the write-back fails', () => {
    const world = MN(7);
    const left = ['IotlbInvalidated'];
    expect(world.when(one(), { arg: RO, ...entries(0, 3) })).toEqual(
      refusal('respond/fault', 'EFAULT', { left }),
    );
    play(world, [
      [checkIotlb({ index: 3, iotlb: 0 }), OK],
      [checkIotlb({ index: 2, iotlb: 7 }), OK],
    ]);
  });
  it('clears one cached value or all four', () => {
    const world = MN(7).after([one(), entries(0, 3)]);
    play(world, [
      [checkIotlb({ index: 3, iotlb: 0 }), OK],
      [checkIotlb({ index: 0, iotlb: 7 }), OK],
    ]);
    world.after([one(), entries(1, 0)]);
    play(world, [
      [checkIotlb({ index: 0, iotlb: 0 }), OK],
      [checkIotlb({ index: 1, iotlb: 0 }), OK],
    ]);
  });
  it('forgets the cached values when the recording lacks the entries', () => {
    const world = MN(7);
    expect(world.when(one())).toEqual(unknown('bytes 0 to 7 of the second buffer'));
    const entries = unknown('the entries of an earlier invalidation');
    expect(world.when(checkIotlb({ iotlb: 7 }))).toEqual(entries);
    expect(world.when(checkIotlb({ iotlb: 0 }))).toEqual(entries);
    expect(world.when(checkIotlb({ iotlb: 8 }))).toEqual(refusal('md-check-iotlb/value', 'EINVAL'));
  });
  const ENTRY = { hwptId: 6, entryLen: 12 };
  it('of a vIOMMU goes by virtual ids (device 102)', () => {
    const world = MV().after(vdeviceAlloc());
    expect(world.when(one({ ...ENTRY, entryNum: 2 }), entries(0, 0x99, 0, 0, 0x98, 0))).toEqual(
      refusal('mock/invalidate-vdevice', 'EINVAL', { entryNum: 1, left: ['CacheInvalidated'] }),
    );
    play(world, [
      [checkCache({ cache: 0 }), OK],
      [checkCache({ index: 1 }), OK],
    ]);
    world.after([one(ENTRY), entries(1, 0x99, 3)]);
    play(world, [
      [checkCache({ index: 1, cache: 0 }), OK],
      [checkCache({ index: 3, cache: 0 }), OK],
    ]);
  });
  it('of a vIOMMU copies the whole array first (device 103)', () => {
    const world = MV().after(vdeviceAlloc());
    const long = new Uint8Array(26);
    long.set(words(0, 0x99, 0));
    long[25] = 1;
    const request = one({ ...ENTRY, entryLen: 13, entryNum: 2 });
    expect(world.when(request, { second: long })).toEqual(
      refusal('mock/invalidate-tail', 'E2BIG', { entryNum: 0 }),
    );
    expect(world.when(one({ ...ENTRY, entryNum: 2, dataUptr: BigInt(HOLE) }), entries(0, 0x99, 0))).toEqual(
      refusal('mock/invalidate-fault', 'EFAULT', { entryNum: 0 }),
    );
    expect(world.when(one({ ...ENTRY, dataType: 1 }))).toEqual(
      refusal('mock/invalidate-type', 'EINVAL', { entryNum: 0 }),
    );
    expect(world.when(one({ ...ENTRY, entryNum: 2 }), entries(0, 0x99, 0, 2, 0x99, 0))).toMatchObject({
      rule: 'mock/invalidate-flags',
      entryNum: 1,
    });
    expect(world.when(one(ENTRY))).toEqual(unknown('bytes 0 to 11 of the second buffer'));
    const forgotten = unknown('the entries of an earlier invalidation');
    expect(world.when(checkCache({ index: 1, cache: 0 }))).toEqual(forgotten);
    expect(world.when(checkCache({ index: 1, cache: 0 }), { supposing: 'denied' })).toEqual(
      refusal('dev-check-cache/value', 'EINVAL', { left: ['CacheLearned'] }),
    );
    expect(world.when(checkCache({ index: 1 }))).toEqual({});
  });
  it('without its entries answers EFAULT where the count cannot be written back', () => {
    expect(MN(7).when(one(), { arg: RO })).toEqual(
      refusal('respond/fault', 'EFAULT', { left: ['IotlbForgotten'] }),
    );
  });
  it('without its entries tells by its count how many were done', () => {
    const denied = { supposing: 'denied', handled: 0 } as const;
    expect(MN(7).when(one(), denied)).toEqual(
      refusal('mock/invalidate-flags', 'EOPNOTSUPP', { entryNum: 0 }),
    );
    const two = one({ entryNum: 2 });
    expect(MN(7).when(two, { ...denied, handled: 1 })).toEqual(
      refusal('mock/invalidate-flags', 'EOPNOTSUPP', { entryNum: 1, left: ['IotlbForgotten'] }),
    );
    expect(MN(7).when(two, { trusting: true })).toEqual({ entryNum: 2 });
  });
  it('without its entries succeeds on a vIOMMU only where it has a vDEVICE that they can name', () => {
    const granted = { supposing: 'granted', checking: true } as const;
    expect(MV().when(one(ENTRY), granted)).toMatchObject({ rule: 'mock/invalidate-flags' });
    const world = () => MV().after(vdeviceAlloc());
    expect(world().when(one(ENTRY), granted)).toEqual({ entryNum: 1 });
    expect(world().when(one({ ...ENTRY, entryLen: 4 }), granted)).toMatchObject({
      rule: 'mock/invalidate-flags',
    });
  });
  it('of 6.12 knows nested HWPTs only', () => {
    const answer = old().when(one({ hwptId: 4 }), entries(0, 0));
    expect(answer).toEqual(refusal('hwpt-invalidate/exists', 'ENOENT', { entryNum: 0 }));
  });
  it('is nothing that a driver without it does', () => {
    const { invalidateNested: _nested, invalidateViommu: _viommu, ...rest } = mockDriver;
    const driver = { ...rest, invalidateNested: undefined, invalidateViommu: undefined };
    const refused = refusal('hwpt-invalidate/op', 'EOPNOTSUPP', { entryNum: 0 });
    const build = () => M({ platform: { ...MOCK, driver } }).after(hwptAlloc({ flags: 1 }), nested(5));
    expect(build().when(one(), entries(0, 0))).toEqual(refused);
  });
});
