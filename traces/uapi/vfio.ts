import type {
  VfioDmaAvailCap,
  VfioIommuInfo,
  VfioIovaRangeCap,
  VfioStructCommand,
} from '../../events/vfio-command.ts';
import type { Layout, LayoutsOf } from '../decode-struct.ts';

export const vfioLayouts = {
  VfioIommuGetInfo: {
    type: 'VfioIommuGetInfo',
    name: 'vfio_iommu_type1_info',
    size: 24,
    minSize: 16,
    fields: {
      argsz: ['argsz', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
    },
  },
  VfioIommuMapDma: {
    type: 'VfioIommuMapDma',
    name: 'vfio_iommu_type1_dma_map',
    size: 32,
    minSize: 32,
    fields: {
      argsz: ['argsz', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      vaddr: ['vaddr', 8, 'u64'],
      iova: ['iova', 16, 'u64'],
      length: ['size', 24, 'u64'],
    },
  },
  VfioIommuUnmapDma: {
    type: 'VfioIommuUnmapDma',
    name: 'vfio_iommu_type1_dma_unmap',
    size: 24,
    minSize: 24,
    fields: {
      argsz: ['argsz', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      iova: ['iova', 8, 'u64'],
      length: ['size', 16, 'u64'],
    },
  },
} as const satisfies LayoutsOf<VfioStructCommand>;

/** What VFIO_IOMMU_GET_INFO writes back: the struct, then its capabilities. */
export const vfioDataLayouts = {
  vfioIommuInfo: {
    name: 'vfio_iommu_type1_info',
    size: 24,
    minSize: 16,
    fields: {
      argsz: ['argsz', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      iovaPgsizes: ['iova_pgsizes', 8, 'u64'],
      capOffset: ['cap_offset', 16, 'u32'],
      pad: ['pad', 20, 'u32'],
    },
  },
  vfioDmaAvailCap: {
    name: 'vfio_iommu_type1_info_dma_avail',
    size: 12,
    minSize: 12,
    fields: {
      id: ['id', 0, 'u16'],
      version: ['version', 2, 'u16'],
      next: ['next', 4, 'u32'],
      avail: ['avail', 8, 'u32'],
    },
  },
  vfioIovaRangeCap: {
    name: 'vfio_iommu_type1_info_cap_iova_range',
    size: 16,
    minSize: 16,
    fields: {
      id: ['id', 0, 'u16'],
      version: ['version', 2, 'u16'],
      next: ['next', 4, 'u32'],
      nrIovas: ['nr_iovas', 8, 'u32'],
      reserved: ['reserved', 12, 'u32'],
    },
  },
} as const satisfies {
  vfioIommuInfo: Layout<VfioIommuInfo>;
  vfioDmaAvailCap: Layout<VfioDmaAvailCap>;
  vfioIovaRangeCap: Layout<VfioIovaRangeCap>;
};
