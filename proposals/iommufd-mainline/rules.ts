/** Refusals of mainline, with the rule of the register that the full model answers too; test/proposal-co-simulation.test.ts. */
import { errnoOf, RULES, type RuleId } from '../../events/rules.ts';
import { type Refusal, refusalsOf } from '../proposal.ts';

/** A refusal by a rule of the register. */
function registered(rule: RuleId): Refusal {
  const { says, source } = RULES[rule];
  return { rule, errno: errnoOf(rule), says, source: `${source}(), Linux 7.3` };
}

const own = refusalsOf('iommufd-mainline');

export const BAD_DESCRIPTOR = own('descriptor', 'EBADF', 'the descriptor is not open', 'fdget()');
export const IS_USED = own('id', undefined, 'this id is in use', 'a kernel never hands it out');
export const HOST_DRIVER = own(
  'group-viable',
  'EPERM',
  'a driver of the host owns the DMA of its group',
  'iommu_device_claim_dma_owner(), Linux 7.3',
);
export const PROBE_OWNED = own(
  'probe',
  'EBUSY',
  'user space owns the DMA of its group',
  'iommu_device_use_default_domain(), Linux 7.3',
);
export const HAS_USER = own('probe-used', undefined, 'it has a driver already', 'the driver core');
export const NO_PASIDS = own(
  'pasid-domain',
  'EOPNOTSUPP',
  'the IOMMU has no PASIDs',
  'domain_alloc_paging_flags of each driver, Linux 7.3',
);
export const BEYOND_WIDTH = own(
  'pasid-width',
  'EINVAL',
  'a member of its group that has PASIDs has fewer',
  'iommu_attach_device_pasid(), Linux 7.3',
);
export const BEYOND_DEVICE = own(
  'sva-width',
  'EOVERFLOW',
  'the process has a number that the device is too narrow for',
  'iommu_sva_bind_device(), Linux 7.3',
);
export const NO_DEVICE_SCOPE = own(
  'device-scope',
  'EOPNOTSUPP',
  'a vIOMMU takes it, and this IOMMU has none, or none that invalidates',
  'iommufd_hwpt_invalidate(), Linux 7.3',
);
export const NO_VDEVICE = own(
  'vdevice',
  undefined,
  'the device has no vDEVICE',
  'arm_vsmmu_vsid_to_sid(), Linux 7.3',
);
export const MATE_WITHOUT_VDEVICE = own(
  'mate-vdevice',
  'ENOENT',
  'a member of its group is not bound, so that it has no vDEVICE',
  'arm_smmu_attach_prepare_vmaster(), Linux 7.3',
);
export const NO_FAULT = own('no-fault', undefined, 'there is nothing to read', 'iommufd_fault_fops_read()');
export const OTHER_DEVICE = own(
  'fault-device',
  undefined,
  'a record names the device that faulted (dev_id)',
  'struct iommu_hwpt_pgfault',
);
export const NOT_FOR_SVA = own(
  'sva-device',
  'ENODEV',
  'it has no PASIDs or no page requests, or user space owns it',
  'iommu_sva_bind_device(), Linux 7.3',
);
export const SVA_BOUND = own('sva-bound', undefined, 'it is bound already', 'iommu_sva_bind_device()');
export const SVA_UNBOUND = own('sva-unbound', undefined, 'it is not bound', 'iommu_sva_unbind_device()');
export const OTHER_NUMBER = own(
  'sva-number',
  undefined,
  'the process has one number for all devices, and no two processes share one',
  'iommu_alloc_mm_data(), Linux 7.3',
);
export const NOT_TOLD = own(
  'unbound-info',
  'ENOENT',
  'the device is not bound',
  'iommufd_get_hw_info(), Linux 7.3',
);
export const FROZEN = own('frozen', undefined, 'the guest runs already', 'a VMM');

export const UNBOUND = registered('vfio/unbound');
export const ALREADY_BOUND = registered('vfio-bind/bound');
export const OTHER_OWNER = registered('vfio-bind/group-owner');
export const NO_PAGE_TABLE = registered('attach/pt-exists');
export const MATE_ELSEWHERE = registered('attach/group-hwpt');
export const NOT_FOR_PASIDS = registered('attach/pasid-compat');
export const RID_NOT_FOR_PASIDS = registered('attach/rid-pasid-compat');
export const PASIDS_ATTACHED = registered('attach/pasids-attached');
export const OUT_OF_REACH = registered('reserve/in-use');
export const NO_PRI_VTD = registered('vtd/fault-without-pri');
export const NO_PRI = registered('driver/fault-queue');
export const NO_PASID_OP = registered('vfio-attach/pasid-op');
export const NO_OBJECT = registered('destroy/exists');
export const IN_USE = registered('destroy/users');
export const NO_IOAS = registered('ioas/exists');
export const RESERVED = registered('map/reserved');
export const OVERLAPS = registered('map/exists');
export const NOT_MAPPED = registered('ioas-unmap/nothing');
export const SPLITS = registered('unmap/partial');
export const NO_DEVICE = registered('device/exists');

export const NOT_A_PARENT = registered('hwpt-alloc/pt-kind');
export const NO_VIOMMU = registered('viommu-alloc/op');
export const NO_HWPT = registered('hwpt-paging/exists');
export const NO_NESTING = registered('hwpt-alloc/nested-flags');
export const NOT_INVALIDATED = registered('hwpt-invalidate/exists');
export const KERNEL_TABLE = registered('hwpt-invalidate/kind');
export const NO_INVALIDATION = registered('hwpt-invalidate/op');
export const NO_FAULT_ANSWERED = registered('fault-write/cookie');
