import { describe, expect, it } from 'vitest';
import { errnoOf } from '../events/rules.ts';
import { mockDriver } from '../machines/drivers/mock.ts';
import { vtdDriver } from '../machines/drivers/pci-iommu.ts';
import { mustBe } from '../machines/objects.ts';
import {
  bind,
  destroy,
  F,
  faultQueueAlloc,
  hwptAlloc,
  hwptInvalidate,
  ioasAlloc,
  ioasCopy,
  ioasMap,
  mapDma,
  R,
  vfioIoas,
} from './support/commands.ts';
import { bound, C, M, MV, nested, P } from './support/fixtures.ts';
import { type Given, given, refusal, unknown } from './support/given.ts';
import { HOLE, RO, RW, words } from './support/memory.ts';
import {
  APERTURE,
  addReserved,
  checkIotlb,
  mockDomain,
  mockDomainFlags,
  mockReplace,
} from './support/mock-commands.ts';
import {
  amdMachine,
  MOCK,
  machineOf,
  pciDevice,
  smmuMachine,
  VTD_CAP,
  VTD_ECAP,
  vtd,
  vtdMachine,
} from './support/platforms.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const data = (...values: number[]) => ({ second: words(...values) });
const TABLE = { dataType: 0xdead, dataLen: 8, dataUptr: BigInt(RW) };
const old = () => M({ release: '6.12.117' });

refusals('HwptAlloc on an IOAS', { given: M, valid: hwptAlloc(TABLE), by: data(0, 1) }, [
  [{ reserved: 1 }, 'EOPNOTSUPP', 'hwpt-alloc/reserved'],
  [{ set: { dataType: 0 } }, 'EINVAL', 'hwpt-alloc/data-pair'],
  [{ set: { dataLen: 0 }, apart: true }, 'EINVAL', 'hwpt-alloc/data-pair'],
  [{ devId: 1 }, 'ENOENT', 'device/exists'],
  [{ ptId: 99 }, 'EINVAL', 'hwpt-alloc/pt-exists'],
  [{ ptId: 3 }, 'EINVAL', 'hwpt-alloc/pt-kind'],
  [{ flags: 0x10 }, 'EOPNOTSUPP', 'hwpt-alloc/flags'],
  [{ flags: 5 }, 'EOPNOTSUPP', 'hwpt-alloc/fault-nest-parent'],
  [{ dataType: 1 }, 'EOPNOTSUPP', 'mock/paging-data'],
  [{ set: { dataLen: 3 } }, 'EINVAL', 'mock/data-length'],
  [{ set: { dataLen: 9 } }, 'EINVAL', 'mock/data-length'],
  [{ by: { second: new Uint8Array(0) }, set: { dataUptr: BigInt(HOLE) } }, 'EFAULT', 'mock/data-fault'],
  [{ by: data(0, 2) }, 'EOPNOTSUPP', 'mock/page-table-type'],
  [{ in: (world) => world.after(ioasMap({ length: 0x800n })) }, 'EADDRINUSE', 'ioas/alignment'],
  [{ set: { flags: 4, faultId: 99 } }, 'ENOENT', 'hwpt-alloc/fault-exists'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals(
  'HwptAlloc on a nesting parent',
  {
    given: () => M().after(hwptAlloc({ flags: 1 })),
    valid: hwptAlloc({ ptId: 5, ...TABLE }),
    by: data(7, 0),
  },
  [
    [{ flags: 1 }, 'EOPNOTSUPP', 'hwpt-alloc/nested-flags'],
    [{ set: { dataLen: 0, dataType: 0 }, apart: true }, 'EOPNOTSUPP', 'hwpt-alloc/nested-flags'],
    [{ ptId: 4 }, 'EINVAL', 'hwpt-alloc/parent'],
    [{ dataType: 1 }, 'EOPNOTSUPP', 'mock/nested-type'],
    [{ dataLen: 3 }, 'EINVAL', 'mock/data-length'],
    [{ dataLen: 9 }, 'EINVAL', 'mock/data-length'],
    [{ by: { second: new Uint8Array(0) }, set: { dataUptr: BigInt(HOLE) } }, 'EFAULT', 'mock/data-fault'],
    [{ set: { flags: 4, faultId: 99 } }, 'ENOENT', 'hwpt-alloc/fault-exists'],
    [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
  ],
);

refusals('HwptAlloc on a vIOMMU', { given: MV, valid: hwptAlloc({ ptId: 6, ...TABLE }), by: data(7, 0) }, [
  [{ flags: 1 }, 'EOPNOTSUPP', 'hwpt-alloc/viommu-flags'],
  [{ set: { dataLen: 0, dataType: 0 }, apart: true }, 'EOPNOTSUPP', 'hwpt-alloc/viommu-data'],
  [{ dataType: 1 }, 'EOPNOTSUPP', 'mock/nested-type'],
  [{ set: { flags: 4, faultId: 99 } }, 'ENOENT', 'hwpt-alloc/fault-exists'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

describe('HwptAlloc', () => {
  vector('device 70', 'looks at one of two reserved fields', M, [
    [hwptAlloc({ reserved: 1 }), 'EOPNOTSUPP'],
    [hwptAlloc({ reserved2: 1 }), 5],
  ]);
  vector('device 71', 'wants a type and a length, or neither', M, [
    [hwptAlloc({ devId: 99, dataType: 1 }), 'EINVAL'],
    [hwptAlloc({ devId: 99, dataLen: 8 }), 'EINVAL'],
  ]);
  vector('device 72', 'tells an unknown device from an unknown page table', M, [
    [hwptAlloc({ devId: 1 }), 'ENOENT'],
    [hwptAlloc({ ptId: 99 }), 'EINVAL'],
    [hwptAlloc({ ptId: 3 }), 'EINVAL'],
  ]);
  vector('device 73', 'refuses sets of flags', M, [
    [hwptAlloc({ flags: 0x10 }), 'EOPNOTSUPP'],
    [hwptAlloc({ flags: 5 }), 'EOPNOTSUPP'],
    [mockDomainFlags({ devFlags: 1 }), 5],
    [hwptAlloc({ flags: 2, devId: 6 }), 'EOPNOTSUPP'],
    [hwptAlloc({ flags: 2 }), 7],
  ]);
  it('names its reasons', () => {
    const noDirty = M().after(mockDomainFlags({ devFlags: 1 }));
    expect(noDirty.when(hwptAlloc({ flags: 2, devId: 6 }))).toEqual(
      refusal('hwpt-alloc/dirty-capability', 'EOPNOTSUPP'),
    );
    expect(MV().when(hwptAlloc({ ptId: 6, ...TABLE, devId: 9 }))).toEqual(refusal('device/exists', 'ENOENT'));
  });
  vector('device 74', 'loses no id to a fault queue that is none', M, [
    [hwptAlloc({ flags: 4, faultId: 99 }), 'ENOENT'],
    [hwptAlloc({ flags: 4, faultId: 1 }), 'ENOENT'],
    [hwptAlloc(), 5],
  ]);
  vector('device 75', 'nests on nesting parents only', M, [
    [nested(4)[0], 'EINVAL', nested(4)[1]],
    [hwptAlloc(), 5],
    [nested(5)[0], 'EINVAL', nested(5)[1]],
  ]);
  vector(
    'device 77',
    'nests with data, and not on what is nested',
    () => M().after(hwptAlloc({ flags: 1 })),
    [
      [hwptAlloc({ ptId: 5 }), 'EOPNOTSUPP'],
      [hwptAlloc({ ptId: 5, ...TABLE, flags: 1 }), 'EOPNOTSUPP'],
      [nested(5)[0], 6, nested(5)[1]],
      [hwptAlloc({ ptId: 6, ...TABLE }), 'EINVAL'],
    ],
  );
  vector('device 78', 'nests with data of the mock', () => M().after(hwptAlloc({ flags: 1 })), [
    [hwptAlloc({ ptId: 5, dataType: 1, dataLen: 24 }), 'EOPNOTSUPP'],
    [hwptAlloc({ ptId: 5, dataType: 0xdead, dataLen: 3 }), 'EINVAL'],
    [hwptAlloc({ ptId: 5, dataType: 0xdead, dataLen: 9 }), 'EINVAL'],
    [hwptAlloc({ ptId: 5, dataType: 0xdead, dataLen: 4 }), 6, data(1)],
    [hwptAlloc({ ptId: 5, dataType: 0xdead, dataLen: 8 }), 7, data(1, 0)],
  ]);
  vector('device 81', 'takes no data behind VT-d', bound, [
    [hwptAlloc({ devId: 1, ptId: 2, dataType: 1, dataLen: 24 }), 'EOPNOTSUPP'],
    [hwptAlloc({ devId: 1, ptId: 2 }), 3],
  ]);
  it('holds what it stands on', () => {
    const world = M().after(faultQueueAlloc(), hwptAlloc({ flags: 4, faultId: 5 }));
    world.close(4);
    play(world, [
      [destroy(5), 'EBUSY'],
      [destroy(6), OK],
      [destroy(5), OK],
    ]);
  });
  it('does not know the data that the recording lacks', () => {
    expect(M().when(hwptAlloc(TABLE))).toEqual(unknown('bytes 0 to 7 of the second buffer'));
    const world = M().after(hwptAlloc({ flags: 1 }), hwptAlloc({ ptId: 5, ...TABLE }));
    expect(world.when(checkIotlb())).toEqual(unknown('the data that the nested HWPT was allocated with'));
    play(world, [
      [hwptInvalidate(), 1, data(1, 0)],
      [checkIotlb({ iotlb: 0 }), OK],
    ]);
  });
  it('chooses the page table of the mock', () => {
    const world = M().after(destroy(2));
    expect(world.when(mockDomain())).toMatchObject({ outHwptId: 4 });
    const coarse = M().after([hwptAlloc(TABLE), data(0, 1)], mockReplace({ ptId: 5 }));
    expect(coarse.when(ioasMap({ length: 0x800n, flags: R }))).toEqual(refusal('map/length', 'EINVAL'));
    const fine = M().after([hwptAlloc(TABLE), data(0, 0)]);
    expect(fine.when(ioasMap({ length: 0x800n, flags: R }))).toEqual({ iova: APERTURE });
  });
  it('asks the mock, which refuses flags that it does not know', () => {
    const world = M();
    const { traits } = mustBe(world.context(), 3, 'device');
    const request = { traits, flags: 0x10, data: { type: 0, length: 0, address: 0 } };
    expect(mockDriver.allocPaging(world.site(), request)).toEqual({ rule: 'mock/paging-flags' });
    const former = { ...request, flags: 8 };
    expect(mockDriver.allocPaging(old().site(), former)).toEqual({ rule: 'mock/paging-flags' });
    expect(errnoOf('mock/paging-flags')).toBe('EOPNOTSUPP');
    expect(mockDriver.allocPaging(world.site(), former)).toMatchObject({ format: 'default' });
  });
  it('takes four bytes of data for a page table', () => {
    expect(M().when(hwptAlloc({ ...TABLE, dataLen: 4 }), data(7))).toEqual({ outHwptId: 5 });
  });
  it('of 6.12 knows two flags and no data', () => {
    expect(old().when(hwptAlloc({ flags: 4 }))).toEqual(refusal('hwpt-alloc/flags', 'EOPNOTSUPP'));
    expect(old().when(hwptAlloc(TABLE), data(0, 0))).toEqual(refusal('mock/paging-data', 'EOPNOTSUPP'));
    const world = old().after(hwptAlloc({ flags: 1 }));
    const eight = hwptAlloc({ ptId: 5, ...TABLE });
    expect(world.when(eight, data(1, 0))).toEqual(refusal('mock/data-length', 'EINVAL'));
    expect(world.when({ ...eight, flags: 8 }, data(1, 0))).toEqual(
      refusal('hwpt-alloc/nested-flags', 'EOPNOTSUPP'),
    );
    expect(world.when({ ...eight, dataLen: 4 }, data(1))).toEqual({ outHwptId: 6 });
  });
});

describe('domains and slices', () => {
  /** Two pages of half a granule each, side by side in IOAS 1. */
  const halves = (world: Given) =>
    world.after(
      ioasMap({ length: 0x400n, iova: 0x10000n, flags: F | R }),
      ioasMap({ length: 0x400n, iova: 0x10400n, flags: F | R }),
    );
  const copy = ioasCopy({ srcIova: 0x10000n, length: 0x800n, dstIoasId: 2, dstIova: APERTURE, flags: F | R });
  it('refuse a copy whose slices are no granules', () => {
    const world = halves(given().after(ioasAlloc(), ioasAlloc(), mockDomain({ id: 2 })));
    expect(world.when(copy)).toEqual(refusal('domain/granule', 'ENXIO'));
    const former = halves(
      given({ release: '6.12.117' }).after(ioasAlloc(), ioasAlloc(), mockDomain({ id: 2 })),
    );
    expect(former.when(copy)).toEqual(refusal('domain/granule-classic', 'EINVAL'));
  });
  it('of a page size above that of the CPU join no IOAS', () => {
    const allocPaging: typeof mockDriver.allocPaging = (...request) =>
      ({ ...mockDriver.allocPaging(...request), granule: 65_536 }) as never;
    const world = given({ platform: { ...MOCK, driver: { ...mockDriver, allocPaging } } }).after(ioasAlloc());
    expect(world.when(mockDomain())).toEqual(refusal('join/page-size', 'EINVAL'));
  });
  it('of such a page size are refused before areas are looked at', () => {
    const allocPaging: typeof mockDriver.allocPaging = (...request) =>
      ({ ...mockDriver.allocPaging(...request), granule: 65_536 }) as never;
    const world = given({ platform: { ...MOCK, driver: { ...mockDriver, allocPaging } } });
    world.after(ioasAlloc(), ioasMap({ iova: APERTURE, length: 0x10n, flags: F | R }));
    expect(world.when(mockDomain())).toEqual(refusal('join/page-size', 'EINVAL'));
  });
  it('refuse areas and allowed ranges outside their aperture on both sides', () => {
    const below = M().after(destroy(2), ioasMap({ iova: 0x1000n, flags: F | R }));
    expect(below.when(mockDomain())).toEqual(refusal('reserve/in-use', 'EADDRINUSE'));
    const above = M().after(destroy(2), ioasMap({ iova: 0x8000_0000n, flags: F | R }));
    expect(above.when(mockDomain())).toEqual(refusal('reserve/in-use', 'EADDRINUSE'));
    expect(M().after(destroy(2), addReserved()).when(mockDomain())).toMatchObject({ outHwptId: 4 });
  });
  it('take no area without a right, once they are there', () => {
    const world = given().after(ioasAlloc(), vfioIoas(), mapDma({ flags: 0, iova: APERTURE }));
    expect(world.when(mockDomain())).toEqual(refusal('domain/prot', 'EINVAL'));
  });
});

describe('HwptAlloc behind PCI IOMMUs', () => {
  const alloc = (change = {}) => hwptAlloc({ devId: 1, ptId: 2, ...change });
  it.each([
    ['VT-d', vtdMachine(), [0, 1, 8], [2, 9]],
    ['AMD', amdMachine(), [0], [1, 8]],
    ['SMMUv3', smmuMachine(), [0, 1, 8], [9]],
  ] as const)('%s has its own sets of flags', (_name, platform, taken, refused) => {
    for (const flags of taken) expect(bound(platform).when(alloc({ flags }))).toEqual({ outHwptId: 3 });
    for (const flags of refused)
      expect(bound(platform).when(alloc({ flags }))).toMatchObject({ errno: 'EOPNOTSUPP' });
  });
  it('names the refusal of the driver', () => {
    expect(bound(amdMachine()).when(alloc({ flags: 1 }))).toEqual(
      refusal('driver/paging-flags', 'EOPNOTSUPP'),
    );
    expect(bound().when(alloc({ dataType: 1, dataLen: 24 }))).toEqual(
      refusal('driver/paging-flags', 'EOPNOTSUPP'),
    );
  });
  it('nests nowhere but behind a VT-d that can', () => {
    const onParent = { ptId: 3, dataType: 1, dataLen: 24 };
    const { allocNested } = vtdDriver(VTD_CAP, VTD_ECAP & ~(1n << 26n), 48);
    const machine = vtdMachine();
    const intel = bound({ ...machine, driver: { ...machine.driver, allocNested } }).after(
      alloc({ flags: 1 }),
    );
    expect(intel.when(alloc(onParent))).toEqual(refusal('driver/nested', 'EOPNOTSUPP'));
    const arm = bound(smmuMachine()).after(alloc({ flags: 1 }));
    expect(arm.when(alloc(onParent))).toEqual(refusal('hwpt-alloc/nested-flags', 'EOPNOTSUPP'));
  });
  it('is nothing for a device without IOMMU but a plain HWPT (device 145)', () => {
    const world = bound(vtdMachine({ traits: { noIommu: true, reserved: [] } }));
    const refused = refusal('hwpt-alloc/no-iommu', 'EOPNOTSUPP');
    expect(world.when(alloc({ flags: 8 }))).toEqual(refused);
    expect(world.when(alloc({ dataType: 1, dataLen: 24 }))).toEqual(refused);
    expect(world.when(alloc())).toEqual({ outHwptId: 3 });
    world.after(faultQueueAlloc());
    expect(world.when(alloc({ flags: 4, faultId: 4 }))).toEqual({ outHwptId: 5 });
  });
  it('tests unknown flags before the lack of an IOMMU, and that before dirty tracking', () => {
    const world = bound(vtdMachine({ traits: { noIommu: true, reserved: [] } }));
    expect(world.when(alloc({ flags: 0x10 }))).toEqual(refusal('hwpt-alloc/flags', 'EOPNOTSUPP'));
    expect(world.when(alloc({ flags: 2 }))).toEqual(refusal('hwpt-alloc/no-iommu', 'EOPNOTSUPP'));
    const clean = M().after(mockDomainFlags({ devFlags: 1 }));
    const all = hwptAlloc({ flags: 7, devId: 6 });
    expect(clean.when(all)).toEqual(refusal('hwpt-alloc/dirty-capability', 'EOPNOTSUPP'));
  });
  it('nests on no parent of another driver', () => {
    const driver = vtd();
    const stranger = pciDevice(driver, 'A', { traits: { driver: 'other' } });
    const world = P(machineOf(driver, [stranger])).after([bind(), C], ioasAlloc(), alloc({ flags: 1 }));
    expect(world.when(alloc({ ptId: 3, dataType: 1, dataLen: 24 }))).toEqual(
      refusal('hwpt-alloc/parent', 'EINVAL'),
    );
  });
});
