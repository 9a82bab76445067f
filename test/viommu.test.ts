import { describe, expect, it } from 'vitest';
import { amdDriver } from '../machines/drivers/pci-iommu.ts';
import { bind, destroy, hwptAlloc, ioasAlloc, vdeviceAlloc, viommuAlloc } from './support/commands.ts';
import { bound, C, M, MV, nested, P } from './support/fixtures.ts';
import { type Given, given, refusal } from './support/given.ts';
import { HOLE, MAPPINGS, RO, STRUCT, words } from './support/memory.ts';
import { mockDomain, mockReplace } from './support/mock-commands.ts';
import {
  amdMachine,
  devicePath,
  machineOf,
  pciDevice,
  smmuMachine,
  vtdMachine,
} from './support/platforms.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const parent = () => M().after(hwptAlloc({ flags: 1 }));
/** in_data and room for the answer. */
const DATA = { dataLen: 24, dataUptr: 0x1000_0000n };
const data = { second: words(0xbeef, 0, 0, 0, 0, 0) };

refusals('ViommuAlloc', { given: parent, valid: viommuAlloc(DATA), by: data }, [
  [{ flags: 1 }, 'EOPNOTSUPP', 'viommu-alloc/flags'],
  [{ viommuType: 0 }, 'EOPNOTSUPP', 'viommu-alloc/flags'],
  [{ devId: 99 }, 'ENOENT', 'device/exists'],
  [{ viommuType: 0xdead }, 'EOPNOTSUPP', 'viommu-alloc/type'],
  [{ hwptId: 99 }, 'ENOENT', 'hwpt-paging/exists'],
  [{ hwptId: 4 }, 'EINVAL', 'viommu-alloc/nest-parent'],
  [{ dataLen: 7 }, 'EINVAL', 'mock/viommu-data-length'],
  [{ dataLen: 25 }, 'EINVAL', 'mock/viommu-data-length'],
  [{ set: { dataUptr: BigInt(HOLE) }, by: { second: new Uint8Array(0) } }, 'EFAULT', 'mock/data-fault'],
  [{ dataUptr: BigInt(RO) }, 'EFAULT', 'mock/data-fault'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('VdeviceAlloc', { given: MV, valid: vdeviceAlloc() }, [
  [{ viommuId: 5 }, 'ENOENT', 'viommu/exists'],
  [{ devId: 1 }, 'ENOENT', 'device/exists'],
  [
    { in: (world) => world.after(vdeviceAlloc({ virtId: 5n })), apart: true },
    'EEXIST',
    'vdevice-alloc/device-taken',
  ],
  [
    { in: (world) => world.after(mockDomain(), vdeviceAlloc({ devId: 8 })), apart: true },
    'EEXIST',
    'vdevice-alloc/virt-id-taken',
  ],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

describe('ViommuAlloc', () => {
  vector('device 117', 'tests type and flags, device, kind, parent', MV, [
    [viommuAlloc({ viommuType: 0, devId: 99 }), 'EOPNOTSUPP'],
    [viommuAlloc({ flags: 1 }), 'EOPNOTSUPP'],
    [viommuAlloc({ devId: 99 }), 'ENOENT'],
    [viommuAlloc({ viommuType: 0xdead, hwptId: 99 }), 'EOPNOTSUPP'],
    [viommuAlloc({ hwptId: 99 }), 'ENOENT'],
    [viommuAlloc({ hwptId: 4 }), 'EINVAL'],
  ]);
  vector('device 118', 'ignores its reserved field and judges the data', MV, [
    [viommuAlloc({ reserved: 1 }), OK],
    [viommuAlloc({ dataLen: 4 }), 'EINVAL'],
  ]);
  it('is nothing behind VT-d and SMMUv3, and anything behind AMD (device 120)', () => {
    const ask = { devId: 1, hwptId: 3 };
    const intel = bound().after(hwptAlloc({ devId: 1, ptId: 2, flags: 1 }));
    expect(intel.when(viommuAlloc({ ...ask, viommuType: 1 }))).toEqual(
      refusal('viommu-alloc/op', 'EOPNOTSUPP'),
    );
    const arm = bound(smmuMachine()).after(hwptAlloc({ devId: 1, ptId: 2, flags: 1 }));
    expect(arm.when(viommuAlloc({ ...ask, viommuType: 1 }))).toEqual(
      refusal('viommu-alloc/type', 'EOPNOTSUPP'),
    );
    const amd = bound(amdMachine()).after(hwptAlloc({ devId: 1, ptId: 2 }));
    expect(amd.when(viommuAlloc({ ...ask, viommuType: 77 }))).toEqual(
      refusal('viommu-alloc/nest-parent', 'EINVAL'),
    );
  });
  it('is nothing for a device without IOMMU (device 145)', () => {
    const world = bound(vtdMachine({ traits: { noIommu: true } }));
    expect(world.when(viommuAlloc({ devId: 1, viommuType: 1 }))).toEqual(
      refusal('viommu-alloc/op', 'EOPNOTSUPP'),
    );
    const amd = bound(amdMachine({ traits: { noIommu: true } }));
    expect(amd.when(viommuAlloc({ devId: 1, viommuType: 1 }))).toEqual(
      refusal('viommu-alloc/op', 'EOPNOTSUPP'),
    );
  });
  it('answers in its data with a window (device 140)', () => {
    const world = MV();
    const answer = (offset: string, id: number) => ({
      outViommuId: id,
      bytes: [`0: efbe0000efbe0000${offset}00000000000000200000000000`.concat('00')],
    });
    expect(world.when(viommuAlloc(DATA), data)).toEqual(answer('0010', 7));
    expect(world.when(viommuAlloc(DATA), data)).toEqual(answer('0030', 8));
  });
  it('answers as far as the data reaches', () => {
    const bytes = ['0: efbe0000efbe0000'];
    expect(MV().when(viommuAlloc({ ...DATA, dataLen: 8 }), data)).toEqual({ outViommuId: 7, bytes });
  });
  it('is made although the recording lacks the data', () => {
    expect(MV().when(viommuAlloc(DATA))).toEqual({ outViommuId: 7 });
  });
  it('without data offers no window', () => {
    expect(MV().context().windows).toEqual([]);
  });
});

describe('VdeviceAlloc', () => {
  vector('device 121', 'is one for each device and each virtual id', MV, [
    [vdeviceAlloc({ viommuId: 5 }), 'ENOENT'],
    [vdeviceAlloc({ devId: 1 }), 'ENOENT'],
    [vdeviceAlloc(), 7],
    [vdeviceAlloc({ virtId: 0x98n }), 'EEXIST'],
  ]);
  vector('device 122', 'gives a virtual id to one device', MV, [
    [vdeviceAlloc(), 7],
    [mockDomain(), 8],
    [vdeviceAlloc({ devId: 9 }), 'EEXIST'],
    [vdeviceAlloc({ devId: 9, virtId: 0x98n }), 10],
  ]);
  it('gives the same virtual id on another vIOMMU', () => {
    const world = MV().after(vdeviceAlloc(), mockDomain(), viommuAlloc());
    expect(world.when(vdeviceAlloc({ viommuId: 10, devId: 9 }))).toEqual({ outVdeviceId: 11 });
  });
  it('wants the device behind the IOMMU of the vIOMMU', () => {
    const world = MV();
    const device = world.context().objects[3];
    if (device?.kind !== 'device') throw new Error('no device');
    Object.assign(device, { traits: { ...device.traits, instance: 'another' } });
    expect(world.when(vdeviceAlloc())).toEqual(refusal('vdevice-alloc/instance', 'EINVAL'));
    const [command, by] = nested(6);
    expect(world.when(command, by)).toEqual(refusal('hwpt-alloc/viommu-instance', 'EINVAL'));
  });
  it('is nothing for a device without IOMMU', () => {
    const world = MV();
    const device = world.context().objects[3];
    if (device?.kind !== 'device') throw new Error('no device');
    Object.assign(device, { traits: { ...device.traits, noIommu: true } });
    expect(world.when(vdeviceAlloc())).toEqual(refusal('vdevice-alloc/instance', 'EINVAL'));
    expect(world.when(...nested(6))).toEqual(refusal('hwpt-alloc/viommu-instance', 'EINVAL'));
  });
  it('judges the IOMMU, then the device, then what the driver says, then the struct', () => {
    const world = MV().after(vdeviceAlloc());
    const device = world.context().objects[3];
    if (device?.kind !== 'device') throw new Error('no device');
    Object.assign(device, { traits: { ...device.traits, instance: 'another' } });
    expect(world.when(vdeviceAlloc())).toEqual(refusal('vdevice-alloc/instance', 'EINVAL'));
    const [command, by] = nested(6);
    const refused = refusal('hwpt-alloc/viommu-instance', 'EINVAL');
    expect(world.when({ ...command, flags: 1 }, by)).toEqual(refused);
    const unusable = { ...command, flags: 1, dataLen: 0, dataType: 0 };
    expect(MV().when(unusable, by)).toEqual(refusal('hwpt-alloc/viommu-flags', 'EOPNOTSUPP'));
  });
  it('keeps its number when its device goes (device 125)', () => {
    const world = MV().after(vdeviceAlloc(), destroy(2));
    play(world, [
      [destroy(7), 'ENOENT'],
      [mockDomain(), 2],
      [vdeviceAlloc({ devId: 3 }), 8],
      [ioasAlloc(), 9],
    ]);
  });
  it('can follow one that went', () => {
    const world = MV().after(vdeviceAlloc(), destroy(7), vdeviceAlloc({ virtId: 0x98n }));
    expect(world.when(mockReplace())).toEqual({ ptId: 4 });
  });
  it('is what a driver can refuse', () => {
    const world = MV();
    const site = { ...world.platform.driver, initVdevice: () => 'vdevice-alloc/instance' as const };
    Object.assign(world.platform, { driver: site });
    const refused = world.when(vdeviceAlloc(), { arg: RO });
    Object.assign(world.platform, { driver: { ...site, initVdevice: () => undefined } });
    expect(refused).toEqual(refusal('vdevice-alloc/instance', 'EINVAL'));
  });
});

describe('a vIOMMU of a driver that nests nothing on it', () => {
  it('takes no nested HWPT', () => {
    const driver = { ...amdDriver(0n), allocPaging: vtdMachine().driver.allocPaging };
    const world = P(machineOf(driver, [pciDevice(driver, 'A')])).after(
      [bind(), C],
      ioasAlloc(),
      hwptAlloc({ devId: 1, ptId: 2, flags: 1 }),
    );
    world.after(viommuAlloc({ devId: 1, hwptId: 3, viommuType: 9 }));
    const request = hwptAlloc({ devId: 1, ptId: 4, dataType: 1, dataLen: 8 });
    expect(world.when(request)).toEqual(refusal('hwpt-alloc/viommu-op', 'EOPNOTSUPP'));
    expect(world.when({ ...request, dataType: 0, dataLen: 0 })).toEqual(
      refusal('hwpt-alloc/viommu-data', 'EOPNOTSUPP'),
    );
    expect(
      world.when({
        type: 'HwptInvalidate',
        size: 32,
        hwptId: 4,
        dataUptr: 1n,
        dataType: 0,
        entryLen: 8,
        entryNum: 1,
        reserved: 0,
      }),
    ).toEqual(refusal('hwpt-invalidate/op', 'EOPNOTSUPP', { entryNum: 0 }));
    expect(devicePath('A')).toContain('A');
  });
});

describe('mmap of the iommufd', () => {
  const window = (): Given => MV().after([viommuAlloc(DATA), data]);
  it('maps a whole window, shared, not executable (device 141)', () => {
    const world = window();
    expect(world.mmap({ offset: 0x2000n })).toEqual(refusal('mmap/whole-window', 'ENXIO'));
    expect(world.mmap({ length: 0x1000n })).toEqual(refusal('mmap/whole-window', 'ENXIO'));
    expect(world.mmap({ length: 0x3000n })).toEqual(refusal('mmap/whole-window', 'ENXIO'));
    expect(world.mmap({ flags: 2 })).toEqual(refusal('mmap/shared', 'EINVAL'));
    expect(world.mmap({ flags: 3 })).toEqual(refusal('mmap/shared', 'EINVAL'));
    expect(world.mmap({ offset: 0n })).toEqual(refusal('mmap/window', 'ENXIO'));
    expect(world.mmap({ offset: 0x3000n })).toEqual(refusal('mmap/window', 'ENXIO'));
    expect(world.mmap({ length: 0x1001n })).toEqual({});
  });
  it('judges length, sharing, rights and window in this order', () => {
    const bad = { length: 0n, flags: 2, prot: 7, offset: 0n };
    expect(window().mmap(bad)).toEqual(refusal('mmap/length', 'EINVAL'));
    expect(window().mmap({ ...bad, length: 1n })).toEqual(refusal('mmap/shared', 'EINVAL'));
    expect(window().mmap({ ...bad, length: 1n, flags: 1 })).toEqual(refusal('mmap/executable', 'EPERM'));
    expect(given().mmap({})).toEqual(refusal('mmap/window', 'ENXIO'));
    expect(given({ release: '6.12.117' }).mmap(bad)).toEqual(refusal('mmap/op', 'ENODEV'));
  });
  it('holds the vIOMMU until the memory is unmapped (device 141)', () => {
    const world = window();
    expect(world.mmap({})).toEqual({});
    expect(world.when(destroy(7))).toEqual(refusal('destroy/users', 'EBUSY'));
    world.told({ type: 'MappingsSeen', pid: 1, mappings: MAPPINGS.filter(({ start }) => start !== STRUCT) });
    expect(world.when(destroy(7))).toEqual({});
    expect(world.mmap({})).toEqual(refusal('mmap/window', 'ENXIO'));
  });
  it('uses the lowest offset that is free', () => {
    const world = window().after([viommuAlloc(DATA), data], [viommuAlloc(DATA), data], destroy(8));
    expect(world.when(viommuAlloc(DATA), data)).toMatchObject({
      bytes: [expect.stringContaining('efbe00000030')],
    });
    expect(world.when(viommuAlloc(DATA), data)).toMatchObject({
      bytes: [expect.stringContaining('efbe00000070')],
    });
    world.after(destroy(7));
    expect(world.when(viommuAlloc(DATA), data)).toMatchObject({
      bytes: [expect.stringContaining('efbe00000010')],
    });
  });
  it('outlives every descriptor of the context', () => {
    const world = window();
    world.mmap({});
    world.close(3);
    expect(world.world.contexts.size).toBe(1);
    world.exit(1);
    expect(world.world.contexts.size).toBe(0);
  });
});
