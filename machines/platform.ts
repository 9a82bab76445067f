/** The machine under the kernel: which IOMMU driver, and which VFIO devices stand behind it. */
import type { DeviceTraits } from '../events/device.ts';
import type { Driver } from './drivers/driver.ts';

/** A device that /dev/vfio/devices offers. */
export type VfioDevice = Readonly<{
  traits: DeviceTraits;
  /** The driver can attach PASIDs (plain vfio-pci). */
  pasidOps: boolean;
  /** All devices of the group have isolated MSI. */
  isolatedMsi: boolean;
}>;

export type Platform = Readonly<{
  driver: Driver;
  /** By path of the character device. */
  devices: ReadonlyMap<string, VfioDevice>;
  /** iommufd.allow_unsafe_interrupts */
  allowUnsafeInterrupts: boolean;
}>;
