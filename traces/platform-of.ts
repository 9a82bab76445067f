/** The machine that a recording's first line describes, in the model's words. */
import type { DeviceTraits } from '../events/device.ts';
import type { Driver } from '../machines/drivers/driver.ts';
import { mockDriver } from '../machines/drivers/mock.ts';
import { amdDriver, smmuv3Driver, vtdDriver } from '../machines/drivers/pci-iommu.ts';
import type { Platform, VfioDevice } from '../machines/platform.ts';
import type { Machine, RecordedDevice, TraceLine } from './recording.ts';

/** The names that `--iommu` and recordings use, and the driver that each means. */
export const IOMMU_NAMES: ReadonlyMap<string, string> = new Map([
  ['mock', 'mock'],
  ['selftest mock', 'mock'],
  ['intel-vtd', 'intel-vtd'],
  ['intel-iommu', 'intel-vtd'],
  ['amd', 'amd'],
  ['amd-iommu', 'amd'],
  ['arm-smmu-v3', 'arm-smmu-v3'],
]);

const ADDRESS_WIDTH = 48;

function driverOf(name: string, machine: Machine | undefined): Driver {
  switch (name) {
    case 'intel-vtd':
      return vtdDriver(
        BigInt(machine?.cap ?? 0),
        BigInt(machine?.ecap ?? 0),
        machine?.addressWidth ?? ADDRESS_WIDTH,
      );
    case 'amd':
      return amdDriver(BigInt(machine?.features ?? 0));
    case 'arm-smmu-v3':
      return smmuv3Driver(machine?.oas ?? ADDRESS_WIDTH);
    default:
      return mockDriver;
  }
}

function deviceOf(driver: Driver, machine: Machine, recorded: RecordedDevice): VfioDevice {
  const traits: DeviceTraits = {
    driver: driver.name,
    instance: driver.name,
    groupKey: `group:${recorded.group}`,
    name: recorded.bdf,
    maxPasids: 0,
    dirty: false,
    pri: false,
    noIommu: false,
    reserved: recorded.reserved.map(([start, last, type]) => ({
      start: BigInt(start),
      last: BigInt(last),
      type,
    })),
  };
  return { traits, pasidOps: true, isolatedMsi: machine.interruptRemapping ?? true };
}

/** The platform of a recording; `iommu` overrides the driver that it names. */
export function platformOf(header: TraceLine, iommu: string | undefined): Platform {
  const { machine } = header;
  const driver = driverOf(IOMMU_NAMES.get(iommu ?? header.iommu) ?? 'mock', machine);
  const devices = new Map(machine?.devices.map((device) => [device.path, deviceOf(driver, machine, device)]));
  return { driver, devices, allowUnsafeInterrupts: machine?.allowUnsafeInterrupts ?? false };
}
