import type { IoasCommand, IovaRange } from '../../events/ioas-command.ts';
import type { Layout, LayoutsOf } from '../decode-struct.ts';

export const ioasLayouts = {
  Destroy: {
    type: 'Destroy',
    name: 'iommu_destroy',
    size: 8,
    minSize: 8,
    fields: {
      size: ['size', 0, 'u32'],
      id: ['id', 4, 'u32'],
    },
  },
  IoasAlloc: {
    type: 'IoasAlloc',
    name: 'iommu_ioas_alloc',
    size: 12,
    minSize: 12,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      outIoasId: ['out_ioas_id', 8, 'u32'],
    },
  },
  IoasAllowIovas: {
    type: 'IoasAllowIovas',
    name: 'iommu_ioas_allow_iovas',
    size: 24,
    minSize: 24,
    fields: {
      size: ['size', 0, 'u32'],
      ioasId: ['ioas_id', 4, 'u32'],
      numIovas: ['num_iovas', 8, 'u32'],
      reserved: ['__reserved', 12, 'u32'],
      allowedIovas: ['allowed_iovas', 16, 'u64'],
    },
  },
  IoasCopy: {
    type: 'IoasCopy',
    name: 'iommu_ioas_copy',
    size: 40,
    minSize: 40,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      dstIoasId: ['dst_ioas_id', 8, 'u32'],
      srcIoasId: ['src_ioas_id', 12, 'u32'],
      length: ['length', 16, 'u64'],
      dstIova: ['dst_iova', 24, 'u64'],
      srcIova: ['src_iova', 32, 'u64'],
    },
  },
  IoasIovaRanges: {
    type: 'IoasIovaRanges',
    name: 'iommu_ioas_iova_ranges',
    size: 32,
    minSize: 32,
    fields: {
      size: ['size', 0, 'u32'],
      ioasId: ['ioas_id', 4, 'u32'],
      numIovas: ['num_iovas', 8, 'u32'],
      reserved: ['__reserved', 12, 'u32'],
      allowedIovas: ['allowed_iovas', 16, 'u64'],
      outIovaAlignment: ['out_iova_alignment', 24, 'u64'],
    },
  },
  IoasMap: {
    type: 'IoasMap',
    name: 'iommu_ioas_map',
    size: 40,
    minSize: 40,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      ioasId: ['ioas_id', 8, 'u32'],
      reserved: ['__reserved', 12, 'u32'],
      userVa: ['user_va', 16, 'u64'],
      length: ['length', 24, 'u64'],
      iova: ['iova', 32, 'u64'],
    },
  },
  IoasMapFile: {
    type: 'IoasMapFile',
    name: 'iommu_ioas_map_file',
    size: 40,
    minSize: 40,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      ioasId: ['ioas_id', 8, 'u32'],
      fd: ['fd', 12, 's32'],
      start: ['start', 16, 'u64'],
      length: ['length', 24, 'u64'],
      iova: ['iova', 32, 'u64'],
    },
  },
  IoasUnmap: {
    type: 'IoasUnmap',
    name: 'iommu_ioas_unmap',
    size: 24,
    minSize: 24,
    fields: {
      size: ['size', 0, 'u32'],
      ioasId: ['ioas_id', 4, 'u32'],
      iova: ['iova', 8, 'u64'],
      length: ['length', 16, 'u64'],
    },
  },
  IoasChangeProcess: {
    type: 'IoasChangeProcess',
    name: 'iommu_ioas_change_process',
    size: 8,
    minSize: 8,
    fields: {
      size: ['size', 0, 'u32'],
      reserved: ['__reserved', 4, 'u32'],
    },
  },
  IoasNoiommuGetPa: {
    type: 'IoasNoiommuGetPa',
    name: 'iommu_ioas_noiommu_get_pa',
    size: 40,
    minSize: 40,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      ioasId: ['ioas_id', 8, 'u32'],
      reserved: ['__reserved', 12, 'u32'],
      iova: ['iova', 16, 'u64'],
      length: ['length', 24, 'u64'],
      outPhys: ['out_phys', 32, 'u64'],
    },
  },
  Option: {
    type: 'Option',
    name: 'iommu_option',
    size: 24,
    minSize: 24,
    fields: {
      size: ['size', 0, 'u32'],
      optionId: ['option_id', 4, 'u32'],
      op: ['op', 8, 'u16'],
      reserved: ['__reserved', 10, 'u16'],
      objectId: ['object_id', 12, 'u32'],
      val64: ['val64', 16, 'u64'],
    },
  },
  VfioIoas: {
    type: 'VfioIoas',
    name: 'iommu_vfio_ioas',
    size: 12,
    minSize: 12,
    fields: {
      size: ['size', 0, 'u32'],
      ioasId: ['ioas_id', 4, 'u32'],
      op: ['op', 8, 'u16'],
      reserved: ['__reserved', 10, 'u16'],
    },
  },
} as const satisfies LayoutsOf<IoasCommand>;

/** One element of the array that IOMMU_IOAS_IOVA_RANGES fills and IOMMU_IOAS_ALLOW_IOVAS reads. */
export const iovaRange = {
  name: 'iommu_iova_range',
  size: 16,
  minSize: 16,
  fields: {
    start: ['start', 0, 'u64'],
    last: ['last', 8, 'u64'],
  },
} as const satisfies Layout<IovaRange>;
