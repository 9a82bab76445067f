import { describe, expect, it } from 'vitest';
import {
  allowIovas,
  attach,
  bind,
  destroy,
  detach,
  F,
  faultQueueAlloc,
  hwptAlloc,
  ioasAlloc,
  ioasMap,
  iovaRanges,
  R,
  vfioIoas,
} from './support/commands.ts';
import { bound, C, P, pair } from './support/fixtures.ts';
import { type Given, given, refusal } from './support/given.ts';
import { HOLE, longs, RO } from './support/memory.ts';
import {
  amdMachine,
  devicePath,
  MSI_WINDOW,
  machineOf,
  oneGroupMachine,
  pciDevice,
  smmuMachine,
  vtd,
  vtdMachine,
} from './support/platforms.ts';
import { OK, play, type Step, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const B = { fd: 5 };
const A = (ptId: number, expected: string | number, by = C): Step => [attach({ ptId }), expected, by];
const D = (by = C): Step => [detach(), OK, by];
const alloc = (change: Parameters<typeof hwptAlloc>[0] = {}) => hwptAlloc({ devId: 1, ptId: 2, ...change });
const msiMap = ioasMap({ ioasId: 2, iova: MSI_WINDOW.start, flags: F | R });
const grouped = () => pair(oneGroupMachine());
const apart = () => pair(vtdMachine());

refusals('DeviceAttachIommufdPt', { given: bound, valid: attach(), by: C }, [
  [{ argsz: 11 }, 'EINVAL', 'vfio-attach/argsz'],
  [{ flags: 2 }, 'EINVAL', 'vfio-attach/flags'],
  [{ ptId: 77 }, 'ENOENT', 'attach/pt-exists'],
  [{ ptId: 1 }, 'EINVAL', 'attach/pt-kind'],
  [{ in: (world) => world.after(msiMap) }, 'EADDRINUSE', 'reserve/in-use'],
  [{ by: { arg: RO }, apart: true }, 'EFAULT', 'respond/fault'],
]);

describe('attaching a device to an IOAS', () => {
  vector('device 20', 'makes an automatic HWPT', bound, [A(2, 3)]);
  vector('device 21', 'again changes nothing', bound, [A(2, 3), A(2, 3), A(3, 3)]);
  vector('device 22', 'holds device, IOAS and HWPT', bound, [
    A(2, 3),
    [destroy(1), 'EBUSY'],
    [destroy(2), 'EBUSY'],
    [destroy(3), 'EBUSY'],
  ]);
  vector('device 23', 'ends with the HWPT gone', bound, [
    A(2, 3),
    D(),
    [destroy(3), 'ENOENT'],
    [destroy(2), OK],
    [destroy(1), 'EBUSY'],
    D(),
  ]);
  vector('device 24', 'of another IOAS replaces', bound, [A(2, 3), [ioasAlloc(), 4], A(4, 5)]);
  vector('device 25', 'of another IOAS leaves the former', bound, [
    A(2, 3),
    [ioasAlloc(), 4],
    A(4, 5),
    [destroy(3), 'ENOENT'],
    [destroy(2), OK],
    [ioasAlloc(), 2],
  ]);
  vector('device 26', 'passes over HWPTs made by hand', bound, [[alloc(), 3], A(3, 3), A(2, 4)]);
  vector('device 27', 'gives the former HWPT free', bound, [
    [alloc(), 3],
    A(3, 3),
    A(2, 4),
    [destroy(3), OK],
    D(),
    [alloc(), 3],
  ]);
  vector('device 28', 'wants a page table', bound, [
    [attach({ ptId: 77 }), refusal('attach/pt-exists', 'ENOENT'), C],
    [attach({ ptId: 0 }), refusal('attach/pt-exists', 'ENOENT'), C],
    [attach({ ptId: 1 }), refusal('attach/pt-kind', 'EINVAL'), C],
  ]);
  vector('device 29', 'tests size and flags', bound, [
    [attach({ argsz: 11 }), 'EINVAL', C],
    [attach({ flags: 2 }), 'EINVAL', C],
    [attach({ argsz: 64, pasid: 7 }), 3, C],
    [attach({ argsz: 12 }), 3, C],
  ]);
  vector('device 30', 'takes no fault queue for a page table', bound, [
    [faultQueueAlloc(), 3],
    A(3, 'EINVAL'),
  ]);
  vector('device 31', 'shares the automatic HWPT', apart, [A(3, 4), A(3, 4, B), [ioasAlloc(), 5]]);
  vector('device 32', 'keeps the automatic HWPT to its last user', apart, [
    A(3, 4),
    A(3, 4, B),
    D(),
    [destroy(4), 'EBUSY'],
    D(B),
    [destroy(4), 'ENOENT'],
  ]);
  it('gives device, HWPT and address space free in this order', () => {
    const world = bound();
    const types = world.outcome(attach(), C).events.map(({ type }) => type);
    expect(types).toEqual(['HwptPagingAllocated', 'RangeReserved', 'DeviceAttached', 'VfioAttachmentNoted']);
    const back = world.outcome(detach(), C).events.map(({ type }) => type);
    expect(back).toEqual(['DeviceDetached', 'ReservationsDropped', 'HwptDestroyed', 'VfioAttachmentNoted']);
  });
});

describe('a group', () => {
  vector('device 33', 'moves as a whole', grouped, [
    A(3, 4),
    A(3, 4, B),
    [alloc({ ptId: 3 }), 5],
    A(5, 5, B),
    [destroy(4), 'ENOENT'],
  ]);
  vector('device 34', 'stays until its last device is detached', grouped, [
    A(3, 4),
    A(3, 4, B),
    [alloc({ ptId: 3 }), 5],
    A(5, 5, B),
    D(B),
    [destroy(5), 'EBUSY'],
    D(),
    [destroy(5), OK],
  ]);
  vector('device 35', 'has one HWPT', grouped, [
    [alloc({ ptId: 3 }), 4],
    A(4, 4),
    A(3, 'EINVAL', B),
    [ioasAlloc(), 5],
    A(4, 4, B),
  ]);
  it('refuses a second HWPT by name (device 36)', () => {
    const world = grouped().after(alloc({ ptId: 3 }), alloc({ ptId: 3 }), [attach({ ptId: 4 }), C]);
    expect(world.when(attach({ ptId: 5 }), B)).toEqual(refusal('attach/group-hwpt', 'EINVAL'));
  });
  it('reserves the windows of each device, and drops those of one', () => {
    const world = grouped().after([attach({ ptId: 3 }), C], [attach({ ptId: 3 }), B], [detach(), C]);
    const reserved = () => world.when(iovaRanges({ ioasId: 3 }))['numIovas'];
    expect(reserved()).toBe(2);
    world.after([detach(), B]);
    expect(reserved()).toBe(1);
  });
  it('moves the windows of all its devices', () => {
    const world = grouped().after([attach({ ptId: 3 }), C], [attach({ ptId: 3 }), B], ioasAlloc(), [
      attach({ ptId: 5 }),
      B,
    ]);
    expect(world.when(iovaRanges({ ioasId: 3 }))).toMatchObject({ numIovas: 1 });
    world.after([detach(), B]);
    expect(world.when(iovaRanges({ ioasId: 5 }))).toMatchObject({ numIovas: 2 });
  });
});

describe('reserved windows', () => {
  vector('device 37', 'exclude maps, and a refused attach leaves nothing', bound, [
    [msiMap, OK],
    A(2, 'EADDRINUSE'),
    [ioasAlloc(), 3],
    [detach(), OK, C],
    [destroy(2), OK],
  ]);
  vector('device 38', 'exclude allowed ranges', bound, [
    [allowIovas({ ioasId: 2, numIovas: 1 }), OK, { second: longs(0xfee0_0000n, 0xfee0_ffffn) }],
    A(2, 'EADDRINUSE'),
  ]);
  vector('device 39', 'of a refused replace stay where they were', bound, [
    A(2, 3),
    [ioasAlloc(), 4],
    [{ ...msiMap, ioasId: 4 }, OK],
    A(4, 'EADDRINUSE'),
    [msiMap, 'EINVAL'],
    D(),
    [destroy(3), 'ENOENT'],
  ]);
  it('come with the attachment and go with it (device 40)', () => {
    const world = bound();
    const ranges = () => world.when(iovaRanges({ ioasId: 2 }))['numIovas'];
    expect(ranges()).toBe(1);
    world.after([attach(), C]);
    expect(world.when(iovaRanges({ ioasId: 2 }))['bytes']).toEqual([
      `0: ${Buffer.from(longs(0n, 0xfedf_ffffn)).toString('hex')}`,
      `16: ${Buffer.from(longs(0xfef0_0000n, (1n << 47n) - 1n)).toString('hex')}`,
    ]);
    world.after([detach(), C]);
    expect(ranges()).toBe(1);
  });
  it('are not those of a HWPT without a device (device 41)', () => {
    const world = bound().after(alloc());
    expect(world.when(iovaRanges({ ioasId: 2 }))).toMatchObject({ numIovas: 1 });
    expect(world.when(msiMap)).toMatchObject({ iova: MSI_WINDOW.start });
  });
  it('that can be relaxed do not enter the IOAS', () => {
    const reserved = [
      { start: 0x1000n, last: 0x1fffn, type: 'direct-relaxable' },
      { start: 0x3000n, last: 0x3fffn, type: 'direct' },
    ];
    const world = bound(vtdMachine({ traits: { reserved } })).after([attach(), C]);
    expect(world.when(iovaRanges({ ioasId: 2 }))).toMatchObject({ numIovas: 2 });
  });
  it('get lost when a replace within the IOAS is refused (device 58)', () => {
    const world = bound().after(alloc({ flags: 8 }), alloc(), [attach({ ptId: 3 }), C]);
    world.after([attach({ ptId: 3, flags: 1, pasid: 5 }), C]);
    const left = ['ReservationsDropped'];
    expect(world.when(attach({ ptId: 4 }), C)).toEqual(refusal('attach/pasids-attached', 'EINVAL', { left }));
    expect(world.when(msiMap)).toMatchObject({ iova: MSI_WINDOW.start });
  });
  it('stay when a replace into another IOAS is refused', () => {
    const world = bound().after(
      alloc({ flags: 8 }),
      [attach({ ptId: 3 }), C],
      [attach({ ptId: 3, flags: 1, pasid: 5 }), C],
    );
    world.after(ioasAlloc(), alloc({ ptId: 4 }));
    expect(world.when(attach({ ptId: 5 }), C)).toEqual(refusal('attach/pasids-attached', 'EINVAL'));
    expect(world.when(msiMap)).toEqual(refusal('map/reserved', 'EINVAL'));
  });
  it('of a device without IOMMU do not matter', () => {
    const world = bound(vtdMachine({ traits: { noIommu: true } })).after(msiMap);
    expect(world.when(attach(), C)).toMatchObject({ ptId: 3 });
  });
});

describe('a failed write-back of an attach', () => {
  vector('device 42', 'takes device and HWPT back', bound, [
    [attach(), refusal('respond/fault', 'EFAULT'), { ...C, arg: RO }],
    [destroy(3), 'ENOENT'],
    [msiMap, OK],
  ]);
  it('of a replace detaches', () => {
    const world = bound().after([attach(), C], ioasAlloc());
    const left = ['DeviceDetached', 'ReservationsDropped', 'HwptDestroyed', 'VfioAttachmentNoted'];
    expect(world.when(attach({ ptId: 2 }), { ...C, arg: RO })).toEqual(
      refusal('respond/fault', 'EFAULT', { left }),
    );
    expect(world.fileOf(4).attached).toBe(false);
    play(world, [
      [destroy(2), OK],
      [destroy(3), 'ENOENT'],
    ]);
  });
});

describe('closing the device file', () => {
  vector('device 43', 'undoes binding and attachment', bound, [
    A(2, 3),
    (world) => world.close(4),
    [destroy(1), 'ENOENT'],
    [destroy(3), 'ENOENT'],
    [destroy(2), OK],
  ]);
  it('after the iommufd ends the context (device 44)', () => {
    const world = grouped()
      .after([attach({ ptId: 3 }), C])
      .close(5)
      .close(3);
    expect(world.world.contexts.size).toBe(1);
    const fd = world.open('/dev/iommu');
    const other = world.open(devicePath('B'));
    expect(world.when(bind({ iommufd: fd }), { fd: other })).toEqual(
      refusal('vfio-bind/group-owner', 'EPERM'),
    );
    world.close(4);
    expect([...world.world.contexts.keys()]).toEqual([2]);
    expect(world.when(bind({ iommufd: fd }), { fd: other })).toEqual({ outDevid: 1 });
  });
});

describe('the driver', () => {
  it('refuses a HWPT of another one', () => {
    const driver = vtd();
    const other = {
      ...driver,
      name: 'other',
      allocPaging: (...request: Parameters<typeof driver.allocPaging>) =>
        ({ ...driver.allocPaging(...request), driver: 'other' }) as never,
    };
    const world = bound(machineOf(other, [pciDevice(driver, 'A')])).after(alloc());
    expect(world.when(attach({ ptId: 3 }), C)).toEqual(refusal('core/driver', 'EINVAL'));
  });
  it.each([
    ['VT-d', vtdMachine, 'ENODEV', 'vtd/fault-without-pri', 4],
    ['AMD', amdMachine, 'EINVAL', 'driver/fault-queue', 4],
    ['SMMUv3', smmuMachine, 'EINVAL', 'driver/fault-queue', 4],
  ] as const)(
    'of %s wants page requests for a HWPT with a fault queue',
    (_name, machine, errno, rule, flags) => {
      const withQueue = (world: Given) => world.after(faultQueueAlloc(), alloc({ flags, faultId: 3 }));
      expect(withQueue(bound(machine())).when(attach({ ptId: 4 }), C)).toEqual(refusal(rule, errno));
      const paging = withQueue(bound(machine({ traits: { pri: true } })));
      expect(paging.when(attach({ ptId: 4 }), C)).toEqual({ ptId: 4 });
    },
  );
  it('that allocates nothing for an IOAS attaches nothing', () => {
    const driver = vtd();
    const poor = { ...driver, allocPaging: () => ({ rule: 'driver/paging-flags' }) as const };
    const world = bound(machineOf(poor, [pciDevice(driver, 'A')]));
    expect(world.when(attach(), C)).toEqual(refusal('driver/paging-flags', 'EOPNOTSUPP'));
  });
  it('gives an automatic HWPT that no other device takes to the next', () => {
    const world = apart().after([attach({ ptId: 3 }), C], vfioIoas({ ioasId: 3 }));
    expect(world.when(attach({ ptId: 3 }), B)).toEqual({ ptId: 4 });
  });
  it('needs memory behind what is mapped', () => {
    const world = bound().after(ioasMap({ ioasId: 2, userVa: BigInt(HOLE), flags: R }));
    expect(world.when(attach(), C)).toEqual(refusal('pin/user-memory', 'EFAULT'));
  });
});

describe('a device without IOMMU', () => {
  it('shares the automatic HWPT of a real one (device 146)', () => {
    const driver = vtd();
    const free = pciDevice(driver, 'A', { traits: { noIommu: true, reserved: [] } });
    const world = pair(machineOf(driver, [free, pciDevice(driver, 'B')]));
    expect(world.when(attach({ ptId: 3 }), B)).toEqual({ ptId: 4 });
    expect(world.when(attach({ ptId: 3 }), C)).toEqual({ ptId: 4 });
  });
  it('has a page table that no real one takes (device 147)', () => {
    const driver = vtd();
    const free = pciDevice(driver, 'A', { traits: { noIommu: true, reserved: [] } });
    const given = () =>
      pair(machineOf(driver, [free, pciDevice(driver, 'B')])).after([attach({ ptId: 3 }), C]);
    const attaching = given();
    expect(attaching.when(attach({ ptId: 4 }), B)).toEqual(refusal('core/driver', 'EINVAL'));
    expect(attaching.when(attach({ ptId: 3 }), B)).toEqual({ ptId: 5 });
    const replacing = given().after(ioasAlloc(), [attach({ ptId: 5 }), B]);
    expect(replacing.when(attach({ ptId: 3 }), B)).toEqual(refusal('core/attach-op', 'ENODEV'));
  });
});

describe('without devices', () => {
  it('nothing is attached', () => {
    expect(given().after(ioasAlloc()).when(iovaRanges())).toMatchObject({ numIovas: 1 });
    expect(P().when(ioasAlloc())).toEqual({ outIoasId: 1 });
    expect(P().after([bind(), C]).when(detach(), C)).toEqual({});
  });
});
