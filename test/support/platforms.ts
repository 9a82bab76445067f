/** Machines for examples: the mock, and PCI devices behind the IOMMUs of Intel, AMD and Arm. */
import type { DeviceTraits } from '../../events/device.ts';
import type { Driver } from '../../machines/drivers/driver.ts';
import { mockDriver } from '../../machines/drivers/mock.ts';
import { amdDriver, smmuv3Driver, vtdDriver } from '../../machines/drivers/pci-iommu.ts';
import type { Platform, VfioDevice } from '../../machines/platform.ts';

const FOLDER = '/dev/vfio/devices/';

export const MSI_WINDOW = { start: 0xfee0_0000n, last: 0xfeef_ffffn, type: 'msi' } as const;

/** Scalable mode, first and second stage, nesting, coherent. */
export const VTD_ECAP = (1n << 43n) | (1n << 47n) | (1n << 26n) | (1n << 7n);
export const VTD_CAP = 0xd2_0086_22f0_0000n;

export function vtd(): Driver {
  return vtdDriver(VTD_CAP, VTD_ECAP, 48);
}

type Changes = Readonly<{ traits?: Partial<DeviceTraits> } & Partial<Omit<VfioDevice, 'traits'>>>;

/** A function of its own group behind `driver`. */
export function pciDevice(driver: Driver, name: string, changes: Changes = {}): VfioDevice {
  const traits: DeviceTraits = {
    driver: driver.name,
    instance: driver.name,
    groupKey: `group:${name}`,
    name,
    maxPasids: 1 << 20,
    dirty: false,
    pri: false,
    noIommu: false,
    reserved: [MSI_WINDOW],
    members: [],
    ...changes.traits,
  };
  return { pasidOps: true, isolatedMsi: true, ...changes, traits };
}

/** A machine with these devices, by name: `/dev/vfio/devices/` and the name. */
export function machineOf(driver: Driver, devices: readonly VfioDevice[], allowUnsafe = false): Platform {
  return {
    driver,
    devices: new Map(devices.map((device) => [devicePath(device.traits.name), device])),
    allowUnsafeInterrupts: allowUnsafe,
  };
}

export function devicePath(name: string): string {
  return `${FOLDER}${name}`;
}

export const MOCK: Platform = { driver: mockDriver, devices: new Map(), allowUnsafeInterrupts: false };

/** Devices `A` and `B`, each in a group of its own, behind VT-d. */
export function vtdMachine(changes: Changes = {}): Platform {
  const driver = vtd();
  return machineOf(driver, [pciDevice(driver, 'A', changes), pciDevice(driver, 'B', changes)]);
}

/** Devices `A` and `B` in one group behind VT-d. */
export function oneGroupMachine(): Platform {
  const driver = vtd();
  const shared = { traits: { groupKey: 'group:AB' } };
  return machineOf(driver, [pciDevice(driver, 'A', shared), pciDevice(driver, 'B', shared)]);
}

export function amdMachine(changes: Changes = {}): Platform {
  const driver = amdDriver(0x25bf_7320_0002_20n);
  return machineOf(driver, [
    pciDevice(driver, 'A', { ...changes, traits: { maxPasids: 0, ...changes.traits } }),
  ]);
}

export function smmuMachine(changes: Changes = {}): Platform {
  const driver = smmuv3Driver(44);
  return machineOf(driver, [pciDevice(driver, 'A', changes)]);
}
