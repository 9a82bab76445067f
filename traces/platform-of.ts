/** The machine that a recording's first line describes, in the model's words. */
import type { DeviceTraits } from '../events/device.ts';
import type { Driver } from '../machines/drivers/driver.ts';
import { mockDriver } from '../machines/drivers/mock.ts';
import { amdDriver, smmuv3Driver, vtdDriver } from '../machines/drivers/pci-iommu.ts';
import type { Platform, VfioDevice } from '../machines/platform.ts';
import type { Machine, RecordedDevice, ReservedRange, TraceLine } from './recording.ts';

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

/** Message-signalled interrupts of x86. */
const USUAL_RESERVED: readonly ReservedRange[] = [['0xfee00000', '0xfeefffff', 'msi']];

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
    maxPasids: recorded.maxPasids ?? 0,
    dirty: false,
    pri: recorded.pri ?? false,
    ats: recorded.ats,
    noIommu: false,
    reserved: recorded.reserved.map(([start, last, type]) => ({
      start: BigInt(start),
      last: BigInt(last),
      type,
    })),
    members: recorded.members,
  };
  return { traits, pasidOps: true, isolatedMsi: machine.interruptRemapping ?? true };
}

/** A capture that does not describe its devices: whatever is opened is one alone in its group, with the usual reserved range. */
class AssumedDevices extends Map<string, VfioDevice> {
  private readonly driver: Driver;

  constructor(driver: Driver) {
    super();
    this.driver = driver;
  }

  override get(path: string): VfioDevice {
    let device = super.get(path);
    if (device === undefined) {
      const group = this.size;
      const machine: Machine = { driver: this.driver.name, devices: [], allowUnsafeInterrupts: false };
      device = deviceOf(this.driver, machine, {
        path,
        bdf: path,
        group,
        members: [],
        reserved: USUAL_RESERVED,
      });
      this.set(path, device);
    }
    return device;
  }
}

/** The platform of a recording; `iommu` overrides the driver that it names. */
export function platformOf(header: TraceLine, iommu: string | undefined): Platform {
  const { machine } = header;
  const driver = driverOf(IOMMU_NAMES.get(iommu ?? header.iommu) ?? 'mock', machine);
  const assumed = header.assumed?.includes('machine') === true && machine === undefined;
  const devices = assumed
    ? new AssumedDevices(driver)
    : new Map(machine?.devices.map((device) => [device.path, deviceOf(driver, machine, device)]));
  return { driver, devices, allowUnsafeInterrupts: machine?.allowUnsafeInterrupts ?? false };
}
