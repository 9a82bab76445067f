import { describe, expect, it } from 'vitest';
import { destroy, faultQueueAlloc, hwptAlloc, ioasAlloc, ioasMap, vdeviceAlloc } from './support/commands.ts';
import { M, MN, MP, MV, nested } from './support/fixtures.ts';
import { type Given, given, refusal } from './support/given.ts';
import { HOLE, RO } from './support/memory.ts';
import {
  APERTURE,
  checkCache,
  checkIotlb,
  mdCheckMap,
  mockDomain,
  mockDomainFlags,
  mockReplace,
  pasidAttach,
  triggerVevent,
  unknownOp,
} from './support/mock-commands.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const old = (): Given => given({ release: '6.12.117' }).after(ioasAlloc());

refusals('TestMockDomain', { given: () => given().after(ioasAlloc()), valid: mockDomain() }, [
  [{ id: 9 }, 'ENOENT', 'attach/pt-exists'],
  [{ id: 2 }, 'ENOENT', 'attach/pt-exists'],
  [{ id: 3 }, 'EINVAL', 'attach/pt-kind'],
  [{ in: (world) => world.after(ioasMap({ iova: 0x1000n })) }, 'EADDRINUSE', 'reserve/in-use'],
  [
    { in: (world) => world.after(ioasMap({ iova: APERTURE, length: 0x10n, flags: 7 })), apart: true },
    'EADDRINUSE',
    'ioas/alignment',
  ],
  [
    { in: (world) => world.after(ioasMap({ userVa: BigInt(HOLE), iova: APERTURE, flags: 7 })), apart: true },
    'EFAULT',
    'pin/user-memory',
  ],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals(
  'TestMockDomainFlags',
  { given: () => given().after(ioasAlloc()), valid: mockDomainFlags({ devFlags: 5 }) },
  [
    [{ devFlags: 2 }, 'EINVAL', 'mock-domain/flags'],
    [{ devFlags: 8 }, 'EINVAL', 'mock-domain/flags'],
    [{ id: 9 }, 'ENOENT', 'attach/pt-exists'],
    [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
  ],
);

refusals('TestMockDomainReplace', { given: () => M().after(hwptAlloc()), valid: mockReplace({ ptId: 5 }) }, [
  [{ id: 3 }, 'ENOENT', 'selftest/exists'],
  [{ ptId: 9 }, 'ENOENT', 'attach/pt-exists'],
  [{ ptId: 3 }, 'EINVAL', 'attach/pt-kind'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('TestMdCheckIotlb', { given: () => MN(7), valid: checkIotlb({ iotlb: 7 }) }, [
  [{ id: 5 }, 'ENOENT', 'md-check-iotlb/exists'],
  [{ iotlb: 8 }, 'EINVAL', 'md-check-iotlb/value'],
  [{ index: 4 }, 'EINVAL', 'md-check-iotlb/value'],
]);

refusals('TestDevCheckCache', { given: M, valid: checkCache() }, [
  [{ id: 2 }, 'ENOENT', 'device/exists'],
  [{ cache: 0 }, 'EINVAL', 'dev-check-cache/value'],
  [{ index: 4 }, 'EINVAL', 'dev-check-cache/value'],
]);

describe('TestMockDomain', () => {
  it('makes handle, device and HWPT in this order (core 18)', () => {
    const world = given().after(ioasAlloc());
    expect(world.when(mockDomain())).toEqual({ outStdevId: 2, outIdevId: 3, outHwptId: 4 });
    expect(world.when(mockDomain())).toEqual({ outStdevId: 5, outIdevId: 6, outHwptId: 4 });
  });
  it('leaves nothing when its write-back fails', () => {
    const world = given().after(ioasAlloc());
    expect(world.when(mockDomain(), { arg: RO })).toEqual(refusal('respond/fault', 'EFAULT'));
    expect(world.when(ioasAlloc())).toEqual({ outIoasId: 2 });
  });
  it('takes a HWPT as well as an IOAS', () => {
    const world = M().after(hwptAlloc());
    expect(world.when(mockDomain({ id: 5 }))).toEqual({ outStdevId: 6, outIdevId: 7, outHwptId: 5 });
    play(world, [
      [destroy(5), 'EBUSY'],
      [destroy(6), OK],
      [destroy(5), OK],
    ]);
  });
  vector('device 80', 'of a device that cannot track takes no HWPT that does', M, [
    [hwptAlloc({ flags: 2 }), 5],
    [mockDomainFlags({ id: 5, devFlags: 1 }), 'EINVAL'],
    [ioasAlloc(), 6],
  ]);
  it('names what the mock refuses', () => {
    const tracked = M().after(hwptAlloc({ flags: 2 }));
    expect(tracked.when(mockDomainFlags({ id: 5, devFlags: 1 }))).toEqual(
      refusal('mock/attach-dirty', 'EINVAL'),
    );
    expect(tracked.when(mockDomain({ id: 5 }))).toMatchObject({ outHwptId: 5 });
  });
  it('of 6.12 knows other flags', () => {
    expect(old().when(mockDomainFlags({ devFlags: 4 }))).toEqual(refusal('mock-domain/flags', 'EINVAL'));
    expect(old().when(mockDomainFlags({ devFlags: 3 }))).toMatchObject({ outHwptId: 4 });
  });
  it('of 6.12 has large pages for a device with large IOVAs', () => {
    const world = old().after(mockDomainFlags({ devFlags: 2 }), ioasMap({ length: 0x800n }));
    expect(world.when(mdCheckMap({ length: 0x800n }))).toEqual({});
  });
});

describe('TestMockDomainReplace', () => {
  it('makes an automatic HWPT and takes the former away', () => {
    const world = M().after(ioasAlloc());
    expect(world.when(mockReplace({ ptId: 5 }))).toEqual({ ptId: 6 });
    play(world, [
      [destroy(4), 'ENOENT'],
      [destroy(1), OK],
      [destroy(5), 'EBUSY'],
    ]);
  });
  it('of the same HWPT changes nothing', () => {
    const world = M();
    expect(world.outcome(mockReplace({ ptId: 4 })).events).toEqual([]);
    expect(world.outcome(mockReplace()).events).toEqual([]);
    expect(world.when(mockReplace())).toEqual({ ptId: 4 });
  });
  it('has happened when its write-back fails', () => {
    const world = M().after(hwptAlloc());
    const left = ['HwptReplaced', 'HwptDestroyed'];
    expect(world.when(mockReplace({ ptId: 5 }), { arg: RO })).toEqual(
      refusal('respond/fault', 'EFAULT', { left }),
    );
    expect(world.when(destroy(4))).toEqual(refusal('destroy/exists', 'ENOENT'));
  });
  it('wants something to replace', () => {
    const world = MP().after(hwptAlloc({ flags: 8 }), mockReplace({ ptId: 5 }), {
      type: 'TestPasidDetach',
      size: 72,
      op: 20,
      id: 2,
      pasid: 0,
    });
    expect(world.when(mockReplace({ ptId: 5 }))).toEqual(refusal('replace/attached', 'EINVAL'));
  });
  it('finds the first automatic HWPT, not one made by hand', () => {
    const world = M().after(hwptAlloc(), mockReplace({ ptId: 5 }));
    expect(world.when(mockReplace())).toEqual({ ptId: 4 });
    expect(world.when(mockReplace())).toEqual({ ptId: 4 });
  });
  it('onto an IOAS where memory is missing fails', () => {
    const world = M().after(
      ioasAlloc(),
      ioasMap({ ioasId: 5, userVa: BigInt(HOLE), iova: APERTURE, flags: 7 }),
    );
    expect(world.when(mockReplace({ ptId: 5 }))).toEqual(refusal('pin/user-memory', 'EFAULT'));
    expect(world.when(ioasAlloc())).toEqual({ outIoasId: 6 });
  });
  it('onto an IOAS is refused while PASIDs are attached', () => {
    const world = MP().after(hwptAlloc({ flags: 8 }), mockReplace({ ptId: 5 }), pasidAttach());
    expect(world.when(mockReplace())).toMatchObject({ rule: 'attach/pasids-attached', errno: 'EINVAL' });
  });
});

describe('a nested HWPT on a vIOMMU', () => {
  it('wants a vDEVICE on the RID (device 79)', () => {
    const world = MV().after(nested(6));
    expect(world.when(mockReplace({ ptId: 7 }))).toMatchObject(refusal('mock/attach-vdevice', 'ENOENT'));
    play(world, [
      [vdeviceAlloc(), 8],
      [mockReplace({ ptId: 7 }), 7],
      [destroy(4), 'ENOENT'],
      [destroy(8), OK],
    ]);
  });
  it('wants no vDEVICE on the nesting parent itself', () => {
    expect(MN().when(mockReplace({ ptId: 6 }))).toEqual({ ptId: 6 });
  });
  it('of another vIOMMU wants a vDEVICE there', () => {
    const world = MV().after(vdeviceAlloc(), nested(6), mockReplace({ ptId: 8 }));
    world.after({ ...secondViommu }, nested(4));
    expect(world.when(mockReplace({ ptId: 9 }))).toMatchObject({ rule: 'mock/attach-vdevice' });
  });
  it('gives the device the identity under which it reports, until it leaves', () => {
    const world = MV().after(vdeviceAlloc(), nested(6), mockReplace({ ptId: 8 }));
    expect(world.when(triggerVevent())).toEqual(refusal('trigger-vevent/queue', 'EOPNOTSUPP'));
    world.after(mockReplace());
    expect(world.when(triggerVevent())).toEqual(refusal('trigger-vevent/virt-id', 'ENOENT'));
  });
  it('loses the identity with the device', () => {
    const world = MV().after(vdeviceAlloc(), nested(6), mockReplace({ ptId: 8 }));
    const events = world.outcome(destroy(2)).events.map(({ type }) => type);
    expect(events).toEqual([
      'DeviceDetached',
      'VirtualIdentityTaken',
      'ReservationsDropped',
      'VdeviceBuried',
      'DeviceUnbound',
      'SelftestDestroyed',
    ]);
  });
});

const secondViommu = {
  type: 'ViommuAlloc',
  size: 48,
  flags: 0,
  viommuType: 0xdead_beef,
  devId: 3,
  hwptId: 5,
  outViommuId: 0,
  dataLen: 0,
  reserved: 0,
  dataUptr: 0n,
} as const;

describe('caches of the mock', () => {
  it('begin with what the nested HWPT brings, in all four slots', () => {
    const world = MN(7);
    for (const index of [0, 1, 2, 3]) expect(world.when(checkIotlb({ index, iotlb: 7 }))).toEqual({});
  });
  it('of a device begin with a value of their own', () => {
    for (const index of [0, 1, 2, 3]) expect(M().when(checkCache({ index }))).toEqual({});
  });
});

describe('IOMMU_TEST_CMD', () => {
  it('refuses operations that nobody knows', () => {
    expect(given().when(unknownOp())).toEqual(refusal('test/unknown-op', 'EOPNOTSUPP'));
  });
  it('knows no fault queue as a page table', () => {
    const world = M().after(faultQueueAlloc());
    expect(world.when(mockReplace({ ptId: 5 }))).toEqual(refusal('attach/pt-kind', 'EINVAL'));
  });
});
