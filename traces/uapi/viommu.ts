import type {
  VeventHeader,
  VeventSelftest,
  ViommuCommand,
  ViommuSelftestData,
} from '../../events/viommu-command.ts';
import type { Layout, LayoutsOf } from '../decode-struct.ts';

export const viommuLayouts = {
  ViommuAlloc: {
    type: 'ViommuAlloc',
    name: 'iommu_viommu_alloc',
    size: 40,
    minSize: 24,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      viommuType: ['type', 8, 'u32'],
      devId: ['dev_id', 12, 'u32'],
      hwptId: ['hwpt_id', 16, 'u32'],
      outViommuId: ['out_viommu_id', 20, 'u32'],
      dataLen: ['data_len', 24, 'u32'],
      reserved: ['__reserved', 28, 'u32'],
      dataUptr: ['data_uptr', 32, 'u64'],
    },
  },
  VdeviceAlloc: {
    type: 'VdeviceAlloc',
    name: 'iommu_vdevice_alloc',
    size: 24,
    minSize: 24,
    fields: {
      size: ['size', 0, 'u32'],
      viommuId: ['viommu_id', 4, 'u32'],
      devId: ['dev_id', 8, 'u32'],
      outVdeviceId: ['out_vdevice_id', 12, 'u32'],
      virtId: ['virt_id', 16, 'u64'],
    },
  },
  VeventqAlloc: {
    type: 'VeventqAlloc',
    name: 'iommu_veventq_alloc',
    size: 32,
    minSize: 28,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      viommuId: ['viommu_id', 8, 'u32'],
      veventqType: ['type', 12, 'u32'],
      veventqDepth: ['veventq_depth', 16, 'u32'],
      outVeventqId: ['out_veventq_id', 20, 'u32'],
      outVeventqFd: ['out_veventq_fd', 24, 'u32'],
      reserved: ['__reserved', 28, 'u32'],
    },
  },
  HwQueueAlloc: {
    type: 'HwQueueAlloc',
    name: 'iommu_hw_queue_alloc',
    size: 40,
    minSize: 40,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      viommuId: ['viommu_id', 8, 'u32'],
      hwQueueType: ['type', 12, 'u32'],
      index: ['index', 16, 'u32'],
      outHwQueueId: ['out_hw_queue_id', 20, 'u32'],
      nestingParentIova: ['nesting_parent_iova', 24, 'u64'],
      length: ['length', 32, 'u64'],
    },
  },
} as const satisfies LayoutsOf<ViommuCommand>;

/** What the `dataUptr` of IOMMU_VIOMMU_ALLOC points to, and what a read of an event queue yields. */
export const viommuDataLayouts = {
  viommuSelftest: {
    name: 'iommu_viommu_selftest',
    size: 24,
    minSize: 8,
    fields: {
      inData: ['in_data', 0, 'u32'],
      outData: ['out_data', 4, 'u32'],
      outMmapOffset: ['out_mmap_offset', 8, 'u64'],
      outMmapLength: ['out_mmap_length', 16, 'u64'],
    },
  },
  veventHeader: {
    name: 'iommufd_vevent_header',
    size: 8,
    minSize: 8,
    fields: {
      flags: ['flags', 0, 'u32'],
      sequence: ['sequence', 4, 'u32'],
    },
  },
  veventSelftest: {
    name: 'iommu_viommu_event_selftest',
    size: 4,
    minSize: 4,
    fields: {
      virtId: ['virt_id', 0, 'u32'],
    },
  },
} as const satisfies {
  viommuSelftest: Layout<ViommuSelftestData>;
  veventHeader: Layout<VeventHeader>;
  veventSelftest: Layout<VeventSelftest>;
};
