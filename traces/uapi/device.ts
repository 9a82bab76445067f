import type {
  DeviceCommand,
  HwInfoAmd,
  HwInfoArmSmmuv3,
  HwInfoSelftest,
  HwInfoVtd,
} from '../../events/device-command.ts';
import type { Layout, LayoutsOf } from '../decode-struct.ts';

export const deviceLayouts = {
  GetHwInfo: {
    type: 'GetHwInfo',
    name: 'iommu_hw_info',
    size: 40,
    minSize: 32,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      devId: ['dev_id', 8, 'u32'],
      dataLen: ['data_len', 12, 'u32'],
      dataUptr: ['data_uptr', 16, 'u64'],
      inDataType: ['in_data_type', 24, 'u32'],
      outMaxPasidLog2: ['out_max_pasid_log2', 28, 'u8'],
      reserved: ['__reserved', 29, 'u24'],
      outCapabilities: ['out_capabilities', 32, 'u64'],
    },
  },
  DeviceBindIommufd: {
    type: 'DeviceBindIommufd',
    name: 'vfio_device_bind_iommufd',
    size: 24,
    minSize: 16,
    fields: {
      argsz: ['argsz', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      iommufd: ['iommufd', 8, 's32'],
      outDevid: ['out_devid', 12, 'u32'],
      tokenUuidPtr: ['token_uuid_ptr', 16, 'u64'],
    },
  },
  DeviceAttachIommufdPt: {
    type: 'DeviceAttachIommufdPt',
    name: 'vfio_device_attach_iommufd_pt',
    size: 16,
    minSize: 12,
    fields: {
      argsz: ['argsz', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      ptId: ['pt_id', 8, 'u32'],
      pasid: ['pasid', 12, 'u32'],
    },
  },
  DeviceDetachIommufdPt: {
    type: 'DeviceDetachIommufdPt',
    name: 'vfio_device_detach_iommufd_pt',
    size: 12,
    minSize: 8,
    fields: {
      argsz: ['argsz', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      pasid: ['pasid', 8, 'u32'],
    },
  },
  DeviceGetInfo: {
    type: 'DeviceGetInfo',
    name: 'vfio_device_info',
    size: 24,
    minSize: 16,
    fields: {
      argsz: ['argsz', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      numRegions: ['num_regions', 8, 'u32'],
      numIrqs: ['num_irqs', 12, 'u32'],
      capOffset: ['cap_offset', 16, 'u32'],
      pad: ['pad', 20, 'u32'],
    },
  },
} as const satisfies LayoutsOf<DeviceCommand>;

/** What the kernel writes to the `dataUptr` of IOMMU_GET_HW_INFO. */
export const hwInfoLayouts = {
  hwInfoSelftest: {
    name: 'iommu_test_hw_info',
    size: 8,
    minSize: 8,
    fields: {
      flags: ['flags', 0, 'u32'],
      testReg: ['test_reg', 4, 'u32'],
    },
  },
  hwInfoVtd: {
    name: 'iommu_hw_info_vtd',
    size: 24,
    minSize: 24,
    fields: {
      flags: ['flags', 0, 'u32'],
      reserved: ['__reserved', 4, 'u32'],
      capReg: ['cap_reg', 8, 'u64'],
      ecapReg: ['ecap_reg', 16, 'u64'],
    },
  },
  hwInfoArmSmmuv3: {
    name: 'iommu_hw_info_arm_smmuv3',
    size: 40,
    minSize: 40,
    fields: {
      flags: ['flags', 0, 'u32'],
      reserved: ['__reserved', 4, 'u32'],
      idr: ['idr', 8, 'u32x6'],
      iidr: ['iidr', 32, 'u32'],
      aidr: ['aidr', 36, 'u32'],
    },
  },
  hwInfoAmd: {
    name: 'iommu_hw_info_amd',
    size: 16,
    minSize: 16,
    fields: {
      efr: ['efr', 0, 'u64'],
      efr2: ['efr2', 8, 'u64'],
    },
  },
} as const satisfies {
  hwInfoSelftest: Layout<HwInfoSelftest>;
  hwInfoVtd: Layout<HwInfoVtd>;
  hwInfoArmSmmuv3: Layout<HwInfoArmSmmuv3>;
  hwInfoAmd: Layout<HwInfoAmd>;
};
