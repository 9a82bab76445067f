import type { FaultCommand, FaultRecord, FaultResponse } from '../../events/fault-command.ts';
import type { Layout, LayoutsOf } from '../decode-struct.ts';

export const faultLayouts = {
  FaultQueueAlloc: {
    type: 'FaultQueueAlloc',
    name: 'iommu_fault_alloc',
    size: 16,
    minSize: 16,
    fields: {
      size: ['size', 0, 'u32'],
      flags: ['flags', 4, 'u32'],
      outFaultId: ['out_fault_id', 8, 'u32'],
      outFaultFd: ['out_fault_fd', 12, 'u32'],
    },
  },
} as const satisfies LayoutsOf<FaultCommand>;

/** The records of read and write on a fault queue. */
export const faultDataLayouts = {
  faultRecord: {
    name: 'iommu_hwpt_pgfault',
    size: 40,
    minSize: 40,
    fields: {
      flags: ['flags', 0, 'u32'],
      devId: ['dev_id', 4, 'u32'],
      pasid: ['pasid', 8, 'u32'],
      grpid: ['grpid', 12, 'u32'],
      perm: ['perm', 16, 'u32'],
      reserved: ['__reserved', 20, 'u32'],
      addr: ['addr', 24, 'u64'],
      length: ['length', 32, 'u32'],
      cookie: ['cookie', 36, 'u32'],
    },
  },
  faultResponse: {
    name: 'iommu_hwpt_page_response',
    size: 8,
    minSize: 8,
    fields: {
      cookie: ['cookie', 0, 'u32'],
      code: ['code', 4, 'u32'],
    },
  },
} as const satisfies { faultRecord: Layout<FaultRecord>; faultResponse: Layout<FaultResponse> };
