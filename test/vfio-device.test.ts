import { describe, expect, it } from 'vitest';
import { amdDriver } from '../machines/drivers/pci-iommu.ts';
import { attach, bind, destroy, detach, deviceInfo, ioasAlloc } from './support/commands.ts';
import { bound, C, P, pair } from './support/fixtures.ts';
import { CAPABILITIES_NONE, type Given, given, refusal, unknown } from './support/given.ts';
import { HOLE, RO, RW, STRUCT } from './support/memory.ts';
import { devicePath, machineOf, oneGroupMachine, pciDevice, vtdMachine } from './support/platforms.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const TOKEN = { flags: 1, tokenUuidPtr: BigInt(RW) };
const closedNumber = 99;
const unsafe = (allowed: boolean) => {
  const driver = amdDriver(0n);
  return machineOf(driver, [pciDevice(driver, 'A', { isolatedMsi: false })], allowed);
};

refusals('DeviceBindIommufd', { given: P, valid: bind(), by: C }, [
  [{ iommufd: -1 }, 'EINVAL', 'vfio-bind/arguments'],
  [{ flags: 2 }, 'EINVAL', 'vfio-bind/arguments'],
  [{ in: (world) => world.after([bind(), C]), apart: true }, 'EINVAL', 'vfio-bind/bound'],
  [{ set: { flags: 1, tokenUuidPtr: BigInt(HOLE) } }, 'EFAULT', 'vfio-bind/token-fault'],
  [{ set: { flags: 1, tokenUuidPtr: 0n } }, 'EFAULT', 'vfio-bind/token-fault'],
  [{ set: TOKEN }, 'EINVAL', 'vfio-bind/token'],
  [{ iommufd: closedNumber }, 'EBADF', 'vfio-bind/descriptor'],
  [{ iommufd: 4 }, 'EBADFD', 'vfio-bind/not-iommufd'],
  [{ iommufd: 0 }, 'EBADFD', 'vfio-bind/not-iommufd'],
  [
    {
      in: (world) => {
        world.open(devicePath('A'));
        world.after([bind(), { fd: 5 }]);
      },
      apart: true,
    },
    'EINVAL',
    'vfio-bind/other-file',
  ],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('DeviceDetachIommufdPt', { given: () => bound().after([attach(), C]), valid: detach(), by: C }, [
  [{ argsz: 7 }, 'EINVAL', 'vfio-detach/argsz'],
  [{ flags: 2 }, 'EINVAL', 'vfio-detach/flags'],
  [{ set: { flags: 1, argsz: 8 } }, 'EINVAL', 'vfio-detach/pasid-argsz'],
]);

refusals('DeviceGetInfo', { given: bound, valid: deviceInfo(), by: C }, [
  [{ argsz: 15 }, 'EINVAL', 'vfio-device-info/argsz'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

describe('DeviceBindIommufd', () => {
  vector('device 7', 'binds a file once', P, [
    [bind(), 1, C],
    [bind(), 'EINVAL', C],
    [ioasAlloc(), 2],
  ]);
  vector('device 8', 'binds a device by one file', P, [
    [bind(), 1, C],
    (world) => world.open(devicePath('A')),
    [bind(), 'EINVAL', { fd: 5 }],
    (world) => world.close(4),
    [bind(), 1, { fd: 5 }],
  ]);
  vector('device 11', 'judges flags and descriptor number', P, [
    [bind({ flags: 2 }), 'EINVAL', C],
    [bind({ iommufd: -1 }), 'EINVAL', C],
  ]);
  vector('device 12', 'wants an iommufd', P, [
    [bind({ iommufd: closedNumber }), 'EBADF', C],
    [bind({ iommufd: 4 }), 'EBADFD', C],
  ]);
  vector('device 13', 'judges the token before the descriptor', P, [
    [bind({ ...TOKEN, iommufd: closedNumber }), 'EINVAL', C],
    [bind({ flags: 1, tokenUuidPtr: BigInt(HOLE), iommufd: closedNumber }), 'EFAULT', C],
  ]);
  vector('device 14', 'reads the token', P, [[bind({ flags: 1, tokenUuidPtr: BigInt(HOLE) }), 'EFAULT', C]]);
  vector('device 17', 'gives a group to one context', () => pair(oneGroupMachine()).close(5), [
    (world) => world.open('/dev/iommu'),
    (world) => world.open(devicePath('B')),
    [bind({ iommufd: 5 }), 'EPERM', { fd: 6 }],
    [bind(), 2, { fd: 6 }],
  ]);
  it('judges the arguments of a file that is bound', () => {
    const world = bound();
    expect(world.when(bind({ flags: 2 }), C)).toEqual(refusal('vfio-bind/arguments', 'EINVAL'));
    expect(world.when(bind(TOKEN), C)).toEqual(refusal('vfio-bind/bound', 'EINVAL'));
  });
  it('judges unknown flags before what the driver can', () => {
    const world = bound(vtdMachine({ pasidOps: false }));
    expect(world.when(attach({ flags: 3 }), C)).toEqual(refusal('vfio-attach/flags', 'EINVAL'));
    expect(world.when(detach({ flags: 3 }), C)).toEqual(refusal('vfio-detach/flags', 'EINVAL'));
  });
  it('names the owner of the group', () => {
    const world = pair(oneGroupMachine()).close(5);
    world.open('/dev/iommu');
    world.open(devicePath('B'));
    expect(world.when(bind({ iommufd: 5 }), { fd: 6 })).toEqual(refusal('vfio-bind/group-owner', 'EPERM'));
  });
  it('wants isolated MSI, or the promise that its lack is fine (device 18)', () => {
    expect(P(unsafe(false)).when(bind(), C)).toEqual(refusal('vfio-bind/isolated-msi', 'EPERM'));
    expect(P(unsafe(true)).when(bind(), C)).toEqual({ outDevid: 1 });
  });
  it('asks nothing of that for a device without IOMMU', () => {
    const driver = amdDriver(0n);
    const noIommu = machineOf(driver, [
      pciDevice(driver, 'A', { isolatedMsi: false, traits: { noIommu: true } }),
    ]);
    expect(P(noIommu).when(bind(), C)).toEqual({ outDevid: 1 });
  });
  vector('device 19', 'loses no id when it fails', P, [
    [bind({ iommufd: closedNumber }), 'EBADF', C],
    [bind(), 'EFAULT', { ...C, arg: RO }],
    [bind(), 1, C],
  ]);
  it('writes four bytes back', () => {
    const edge = { ...C, arg: STRUCT - 12 };
    expect(P().when(bind(), edge)).toEqual({ outDevid: 1 });
    expect(P().when(bind(), { ...C, arg: STRUCT - 13 })).toEqual(refusal('respond/fault', 'EFAULT'));
    expect(P().when(bind(), { ...C, arg: STRUCT + 0x40_0000 - 16 })).toEqual({ outDevid: 1 });
  });
  it('takes a VFIO container as well', () => {
    const world = given({ platform: vtdMachine(), path: '/dev/vfio/vfio' });
    world.open(devicePath('A'));
    expect(world.when(bind(), C)).toEqual({ outDevid: 1 });
  });
  it('does not know a device that the recording does not describe', () => {
    const world = given({ platform: vtdMachine() });
    world.open(devicePath('Z'));
    expect(world.when(bind(), C)).toEqual(unknown(`what device ${devicePath('Z')} is`));
  });
  it('of 6.12 knows no token', () => {
    const world = given({ release: '6.12.117', platform: vtdMachine() });
    world.open(devicePath('A'));
    expect(world.when(bind(TOKEN), C)).toEqual(refusal('vfio-bind/arguments', 'EINVAL'));
  });
  it('keeps the context alive after its descriptor', () => {
    const world = bound().close(3);
    expect(world.world.contexts.size).toBe(1);
    world.close(4);
    expect(world.world.contexts.size).toBe(0);
  });
  it('leaves the group with the last device', () => {
    const world = bound();
    expect([...world.world.groupOwners.keys()]).toEqual(['group:A']);
    world.close(4);
    expect([...world.world.groupOwners.keys()]).toEqual([]);
  });
});

describe('6.12 and PASIDs', () => {
  it('knows no PASID flag', () => {
    const world = given({ release: '6.12.117', platform: vtdMachine() });
    world.open(devicePath('A'));
    world.after([bind(), C], ioasAlloc());
    expect(world.when(attach({ flags: 1 }), C)).toEqual(refusal('vfio-attach/flags', 'EINVAL'));
    expect(world.when(detach({ flags: 1 }), C)).toEqual(refusal('vfio-detach/flags', 'EINVAL'));
    play(world, [
      [attach(), 3, C],
      [detach(), OK, C],
      [destroy(3), 'ENOENT'],
    ]);
  });
});

describe('DeviceGetInfo', () => {
  const answer = (argsz: number, by = {}): unknown =>
    bound().when(deviceInfo({ argsz }), { ...C, ...by })['bytes'];
  it('tells regions and interrupts; one flag nobody knows', () => {
    expect(answer(24)).toEqual(['4: ??', `5: 0000000900000005000000${'00'.repeat(8)}`]);
    expect(answer(16)).toEqual(['4: ??', '5: 0000000900000005000000']);
    expect(answer(999)).toEqual(answer(24));
  });
  it('faults where a byte of it cannot be written', () => {
    const end = STRUCT + 0x40_0000;
    expect(bound().when(deviceInfo({ argsz: 16 }), { ...C, arg: end - 16 })).toMatchObject({
      bytes: expect.anything(),
    });
    expect(bound().when(deviceInfo({ argsz: 24 }), { ...C, arg: end - 23 })).toEqual(
      refusal('respond/fault', 'EFAULT'),
    );
  });
});

describe('the rights of the process', () => {
  it('do not matter for a device that is open', () => {
    const poor = (world: Given) =>
      world.told({ type: 'CredentialsSeen', pid: 1, uid: 7, memlock: 0n, capabilities: CAPABILITIES_NONE });
    expect(poor(P()).when(bind(), C)).toEqual({ outDevid: 1 });
  });
});
