import type { TestCommand } from '../../events/test-command.ts';
import type { Field, LayoutsOf } from '../decode-struct.ts';

/** All operations of IOMMU_TEST_CMD share one struct; its union starts at byte 16 and ends before byte 64. */
const testCmd = { name: 'iommu_test_cmd', size: 72, minSize: 68 } as const;

const header = {
  size: ['size', 0, 'u32'],
  op: ['op', 4, 'u32'],
  id: ['id', 8, 'u32'],
} as const satisfies Record<string, Field>;

/** The bytes that an operation has no field for are never looked at: 12, the rest of the union, 64 and up. */
export const testLayouts = {
  TestAddReserved: {
    type: 'TestAddReserved',
    ...testCmd,
    fields: {
      ...header,
      start: ['start', 16, 'u64'],
      length: ['length', 24, 'u64'],
    },
  },
  TestMockDomain: {
    type: 'TestMockDomain',
    ...testCmd,
    fields: {
      ...header,
      outStdevId: ['out_stdev_id', 16, 'u32'],
      outHwptId: ['out_hwpt_id', 20, 'u32'],
      outIdevId: ['out_idev_id', 24, 'u32'],
    },
  },
  TestMdCheckMap: {
    type: 'TestMdCheckMap',
    ...testCmd,
    fields: {
      ...header,
      iova: ['iova', 16, 'u64'],
      length: ['length', 24, 'u64'],
      uptr: ['uptr', 32, 'u64'],
    },
  },
  TestMdCheckRefs: {
    type: 'TestMdCheckRefs',
    ...testCmd,
    fields: {
      ...header,
      length: ['length', 16, 'u64'],
      uptr: ['uptr', 24, 'u64'],
      refs: ['refs', 32, 'u32'],
    },
  },
  TestCreateAccess: {
    type: 'TestCreateAccess',
    ...testCmd,
    fields: {
      ...header,
      outAccessFd: ['out_access_fd', 16, 'u32'],
      flags: ['flags', 20, 'u32'],
    },
  },
  TestDestroyAccessPages: {
    type: 'TestDestroyAccessPages',
    ...testCmd,
    fields: {
      ...header,
      accessPagesId: ['access_pages_id', 16, 'u32'],
    },
  },
  TestAccessPages: {
    type: 'TestAccessPages',
    ...testCmd,
    fields: {
      ...header,
      flags: ['flags', 16, 'u32'],
      outAccessPagesId: ['out_access_pages_id', 20, 'u32'],
      iova: ['iova', 24, 'u64'],
      length: ['length', 32, 'u64'],
      uptr: ['uptr', 40, 'u64'],
    },
  },
  TestAccessRw: {
    type: 'TestAccessRw',
    ...testCmd,
    fields: {
      ...header,
      iova: ['iova', 16, 'u64'],
      length: ['length', 24, 'u64'],
      uptr: ['uptr', 32, 'u64'],
      flags: ['flags', 40, 'u32'],
    },
  },
  TestSetTempMemoryLimit: {
    type: 'TestSetTempMemoryLimit',
    ...testCmd,
    fields: {
      ...header,
      limit: ['limit', 16, 'u32'],
    },
  },
  TestMockDomainReplace: {
    type: 'TestMockDomainReplace',
    ...testCmd,
    fields: {
      ...header,
      ptId: ['pt_id', 16, 'u32'],
    },
  },
  TestAccessReplaceIoas: {
    type: 'TestAccessReplaceIoas',
    ...testCmd,
    fields: {
      ...header,
      ioasId: ['ioas_id', 16, 'u32'],
    },
  },
  TestMockDomainFlags: {
    type: 'TestMockDomainFlags',
    ...testCmd,
    fields: {
      ...header,
      outStdevId: ['out_stdev_id', 16, 'u32'],
      outHwptId: ['out_hwpt_id', 20, 'u32'],
      outIdevId: ['out_idev_id', 24, 'u32'],
      devFlags: ['dev_flags', 28, 'u32'],
    },
  },
  TestDirty: {
    type: 'TestDirty',
    ...testCmd,
    fields: {
      ...header,
      flags: ['flags', 16, 'u32'],
      iova: ['iova', 24, 'u64'],
      length: ['length', 32, 'u64'],
      pageSize: ['page_size', 40, 'u64'],
      uptr: ['uptr', 48, 'u64'],
      outNrDirty: ['out_nr_dirty', 56, 'u64'],
    },
  },
  TestMdCheckIotlb: {
    type: 'TestMdCheckIotlb',
    ...testCmd,
    fields: {
      ...header,
      index: ['id', 16, 'u32'],
      iotlb: ['iotlb', 20, 'u32'],
    },
  },
  TestTriggerIopf: {
    type: 'TestTriggerIopf',
    ...testCmd,
    fields: {
      ...header,
      devId: ['dev_id', 16, 'u32'],
      pasid: ['pasid', 20, 'u32'],
      grpid: ['grpid', 24, 'u32'],
      perm: ['perm', 28, 'u32'],
      addr: ['addr', 32, 'u64'],
    },
  },
  TestDevCheckCache: {
    type: 'TestDevCheckCache',
    ...testCmd,
    fields: {
      ...header,
      index: ['id', 16, 'u32'],
      cache: ['cache', 20, 'u32'],
    },
  },
  TestTriggerVevent: {
    type: 'TestTriggerVevent',
    ...testCmd,
    fields: {
      ...header,
      devId: ['dev_id', 16, 'u32'],
    },
  },
  TestPasidAttach: {
    type: 'TestPasidAttach',
    ...testCmd,
    fields: {
      ...header,
      pasid: ['pasid', 16, 'u32'],
      ptId: ['pt_id', 20, 'u32'],
    },
  },
  TestPasidReplace: {
    type: 'TestPasidReplace',
    ...testCmd,
    fields: {
      ...header,
      pasid: ['pasid', 16, 'u32'],
      ptId: ['pt_id', 20, 'u32'],
    },
  },
  TestPasidDetach: {
    type: 'TestPasidDetach',
    ...testCmd,
    fields: {
      ...header,
      pasid: ['pasid', 16, 'u32'],
    },
  },
  TestPasidCheckHwpt: {
    type: 'TestPasidCheckHwpt',
    ...testCmd,
    fields: {
      ...header,
      pasid: ['pasid', 16, 'u32'],
      hwptId: ['hwpt_id', 20, 'u32'],
    },
  },
  TestDmabufGet: {
    type: 'TestDmabufGet',
    ...testCmd,
    fields: {
      ...header,
      length: ['length', 16, 'u32'],
      openFlags: ['open_flags', 20, 'u32'],
    },
  },
  TestDmabufRevoke: {
    type: 'TestDmabufRevoke',
    ...testCmd,
    fields: {
      ...header,
      dmabufFd: ['dmabuf_fd', 16, 's32'],
      revoked: ['revoked', 20, 'u32'],
    },
  },
  TestUnknownOp: {
    type: 'TestUnknownOp',
    ...testCmd,
    fields: {
      ...header,
    },
  },
} as const satisfies LayoutsOf<TestCommand>;
