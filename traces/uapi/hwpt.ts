import type {
  ArmSmmuv3Invalidation,
  HwptArmSmmuv3Data,
  HwptCommand,
  HwptSelftestData,
  HwptVtdS1Data,
  SelftestInvalidation,
  SelftestViommuInvalidation,
  VtdS1Invalidation,
} from '../../events/hwpt-command.ts';
import type { Layout, LayoutsOf } from '../decode-struct.ts';

export const hwptLayouts = {
  HwptAlloc: {
    type: 'HwptAlloc',
    name: 'iommu_hwpt_alloc',
    size: 48,
    minSize: 24,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      devId: ['dev_id', 8, 'u32'],
      ptId: ['pt_id', 12, 'u32'],
      outHwptId: ['out_hwpt_id', 16, 'u32'],
      reserved: ['__reserved', 20, 'u32'],
      dataType: ['data_type', 24, 'u32'],
      dataLen: ['data_len', 28, 'u32'],
      dataUptr: ['data_uptr', 32, 'u64'],
      faultId: ['fault_id', 40, 'u32'],
      reserved2: ['__reserved2', 44, 'u32'],
    },
  },
  HwptSetDirtyTracking: {
    type: 'HwptSetDirtyTracking',
    name: 'iommu_hwpt_set_dirty_tracking',
    size: 16,
    minSize: 16,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      hwptId: ['hwpt_id', 8, 'u32'],
      reserved: ['__reserved', 12, 'u32'],
    },
  },
  HwptGetDirtyBitmap: {
    type: 'HwptGetDirtyBitmap',
    name: 'iommu_hwpt_get_dirty_bitmap',
    size: 48,
    minSize: 48,
    fields: {
      size: ['size', 0, 'u32'],
      hwptId: ['hwpt_id', 4, 'u32'],
      flags: ['flags', 8, 'u32'],
      reserved: ['__reserved', 12, 'u32'],
      iova: ['iova', 16, 'u64'],
      length: ['length', 24, 'u64'],
      pageSize: ['page_size', 32, 'u64'],
      data: ['data', 40, 'u64'],
    },
  },
  HwptInvalidate: {
    type: 'HwptInvalidate',
    name: 'iommu_hwpt_invalidate',
    size: 32,
    minSize: 32,
    fields: {
      size: ['size', 0, 'u32'],
      hwptId: ['hwpt_id', 4, 'u32'],
      dataUptr: ['data_uptr', 8, 'u64'],
      dataType: ['data_type', 16, 'u32'],
      entryLen: ['entry_len', 20, 'u32'],
      entryNum: ['entry_num', 24, 'u32'],
      reserved: ['__reserved', 28, 'u32'],
    },
  },
} as const satisfies LayoutsOf<HwptCommand>;

/** What the `dataUptr` of IOMMU_HWPT_ALLOC points to; `minSize` is the shortest `dataLen` taken. */
export const hwptDataLayouts = {
  hwptSelftest: {
    name: 'iommu_hwpt_selftest',
    size: 8,
    minSize: 4,
    fields: {
      iotlb: ['iotlb', 0, 'u32'],
      pagetableType: ['pagetable_type', 4, 'u32'],
    },
  },
  hwptVtdS1: {
    name: 'iommu_hwpt_vtd_s1',
    size: 24,
    minSize: 24,
    fields: {
      flags: ['flags', 0, 'u64'],
      pgtblAddr: ['pgtbl_addr', 8, 'u64'],
      addrWidth: ['addr_width', 16, 'u32'],
      reserved: ['__reserved', 20, 'u32'],
    },
  },
  hwptArmSmmuv3: {
    name: 'iommu_hwpt_arm_smmuv3',
    size: 16,
    minSize: 16,
    fields: {
      ste: ['ste', 0, 'u64x2'],
    },
  },
} as const satisfies {
  hwptSelftest: Layout<HwptSelftestData>;
  hwptVtdS1: Layout<HwptVtdS1Data>;
  hwptArmSmmuv3: Layout<HwptArmSmmuv3Data>;
};

/** One entry of the array of IOMMU_HWPT_INVALIDATE; on a vIOMMU a shorter one is extended with zeros. */
export const invalidationLayouts = {
  selftestInvalidation: {
    name: 'iommu_hwpt_invalidate_selftest',
    size: 8,
    minSize: 8,
    fields: {
      flags: ['flags', 0, 'u32'],
      iotlbId: ['iotlb_id', 4, 'u32'],
    },
  },
  selftestViommuInvalidation: {
    name: 'iommu_viommu_invalidate_selftest',
    size: 12,
    minSize: 1,
    fields: {
      flags: ['flags', 0, 'u32'],
      vdevId: ['vdev_id', 4, 'u32'],
      cacheId: ['cache_id', 8, 'u32'],
    },
  },
  vtdS1Invalidation: {
    name: 'iommu_hwpt_vtd_s1_invalidate',
    size: 24,
    minSize: 24,
    fields: {
      addr: ['addr', 0, 'u64'],
      npages: ['npages', 8, 'u64'],
      flags: ['flags', 16, 'u32'],
      reserved: ['__reserved', 20, 'u32'],
    },
  },
  armSmmuv3Invalidation: {
    name: 'iommu_viommu_arm_smmuv3_invalidate',
    size: 16,
    minSize: 1,
    fields: {
      cmd: ['cmd', 0, 'u64x2'],
    },
  },
} as const satisfies {
  selftestInvalidation: Layout<SelftestInvalidation>;
  selftestViommuInvalidation: Layout<SelftestViommuInvalidation>;
  vtdS1Invalidation: Layout<VtdS1Invalidation>;
  armSmmuv3Invalidation: Layout<ArmSmmuv3Invalidation>;
};
