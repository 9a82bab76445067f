/** Machines that programs can be meant for, by the name of their IOMMU. */
import type { Target } from './program.ts';
import type { Machine, RecordedDevice, ReservedRange, TraceLine } from './recording.ts';

const MSI: ReservedRange = ['0xfee00000', '0xfeefffff', 'msi'];

/** Three functions, two of them in one group with a fourth that nobody can open. */
function devices(reserved: readonly ReservedRange[]): readonly RecordedDevice[] {
  const alone = ['0000:00:00.0'];
  const together = ['0000:01:00.0', '0000:02:00.0', '0000:02:00.1'];
  const device = (index: number, group: number, members: readonly string[]): RecordedDevice => ({
    path: `/dev/vfio/devices/vfio${index}`,
    bdf: `0000:0${index}:00.0`,
    group,
    members,
    reserved,
  });
  return [device(0, 2, alone), device(1, 6, together), device(2, 6, together)];
}

const MACHINES: Readonly<Record<string, Readonly<{ arch: string; machine: Machine | undefined }>>> = {
  mock: { arch: 'x86_64', machine: undefined },
  'intel-vtd': {
    arch: 'x86_64',
    machine: {
      driver: 'intel-iommu',
      scalableMode: true,
      cap: '0xd2008c222f0606',
      ecap: '0x490080f00f4a',
      addressWidth: 48,
      devices: devices([MSI]),
    },
  },
  amd: {
    arch: 'x86_64',
    machine: {
      driver: 'amd-iommu',
      features: '0x29d3',
      interruptRemapping: true,
      devices: devices([MSI, ['0xfd00000000', '0xffffffffff', 'reserved']]),
    },
  },
  'arm-smmu-v3': {
    arch: 'aarch64',
    machine: {
      driver: 'arm-smmu-v3',
      oas: 44,
      stage: 'nested',
      devices: devices([['0x8000000', '0x80fffff', 'sw-msi']]),
    },
  },
};

/** The machine of this name (see IOMMU_NAMES) under this kernel. */
export function targetOf(kernel: string, iommu: string): Target {
  const found = MACHINES[iommu];
  if (found === undefined) throw new Error(`invariant: no machine with IOMMU ${iommu}`);
  const { arch, machine } = found;
  return machine === undefined ? { kernel, arch, iommu } : { kernel, arch, iommu, machine };
}

/** The first line of a recording of programs for this machine. */
export function headerOf(target: Target): TraceLine {
  const { kernel, arch, iommu, machine } = target;
  const header = {
    ev: 'trace',
    format: 'iommufd-rec',
    version: 2,
    kernel,
    arch,
    pageSize: 4096,
    program: 'ioasis program',
    iommu,
  } as const;
  return machine === undefined ? header : { ...header, machine };
}
