/** Refusals of the second RFC. It names no errno; [D] marks what its text does not say in so many words. */
import { refusalsWithoutErrno } from '../proposal.ts';

const rule = refusalsWithoutErrno('iommu-rfc-v2');

// Descriptors and devices.
export const NO_CONTEXT = rule('context-open', 'the descriptor is no /dev/iommu', 'V2 2.1');
export const NOT_OPEN = rule('device-open', 'the device is not open', 'V2 1.3');
export const ALREADY_BOUND = rule('device-unbound', 'the device is bound to this descriptor', 'V2 1.3');
export const WRONG_KIND = rule('device-kind', 'devices of this kind are bound in another way', 'V2 1.2');
export const NOT_VIABLE = rule(
  'group-viable',
  'a member of its group has a driver that may do DMA for the host',
  'V2 1.3; PLAN 28 Jun 2021',
);
export const OTHER_OWNER = rule(
  'group-owner',
  'another descriptor is the security context of its group [D]',
  'V2 1.3',
);
export const NOT_BOUND = rule('device-bound', 'the device is not bound', 'V2 1.3');
export const BLOCKED_ACCESS = rule('device-blocked', 'no access before the device is bound', 'V2 1.3');
export const HAS_DRIVER = rule('driver', 'the host’s driver has it, or a user', 'V2 1.3');

// Spaces.
export const IS_USED = rule('ioasid-id', 'this id is in use', 'V2 2.1');
export const NO_SPACE = rule('ioasid-exists', 'no such IOASID in this descriptor', 'V2 2.1');
export const NO_PARENT = rule(
  'ioasid-parent',
  'nothing of this kind can lie over that IOASID, or it is of another descriptor',
  'V2 1.1, 2.1',
);
export const NO_FORMAT = rule(
  'pasid-table-format',
  'the IOMMU reports no format of PASID tables: it walks one in host memory',
  'V2 2.1 IOMMU_DEVICE_GET_INFO; S0',
);
export const IN_USE = rule(
  'ioasid-unused',
  'a device or a child refers to it [D]',
  'V2 2.1 IOMMU_IOASID_FREE',
);

// Routes.
export const ACCOUNTING_ONLY = rule(
  'root-unattachable',
  'the dummy root is for accounting; it has no domain',
  'V2 1.1; V2T David Gibson',
);
export const INCOMPATIBLE = rule(
  'attach-compatible',
  'its IOMMU cannot enforce snooping, or its width or kind does not fit the IOASID',
  'V2 1.5, 2.2 VFIO_ATTACH_IOASID',
);
export const ALREADY_ATTACHED = rule(
  'route-free',
  'the device is attached, and not to an ancestor of this IOASID',
  'V2 4.3; V2T <20210715175336.GH543781@...>',
);
export const MATE_ELSEWHERE = rule(
  'group-single',
  'another device of its group is attached to another IOASID',
  'V2 1.3',
);
export const NOT_ATTACHED = rule('device-attached', 'the device is not attached there', 'V2 2.2');

// PASIDs.
export const BEYOND_WIDTH = rule('pasid-width', 'the device has fewer PASIDs', 'V2 1.4.1 [D]');
export const NO_PASIDS = rule('pasid-capability', 'it has no VFIO_DEVICE_INFO_CAP_PASID', 'V2 2.2, 1.4.1');
export const TABLE_DELEGATED = rule(
  'pasid-delegated',
  'PASID_DELEGATED is set: the guest’s table has all its PASIDs',
  'V2 2.2 VFIO_ATTACH_IOASID',
);
export const NOT_ONE_SPACE = rule(
  'vpasid-space',
  'a PASID table is no address space of one vPASID',
  'V2 1.4.1',
);
export const VPASID_USED = rule('vpasid-free', 'the device has an IOASID at this vPASID', 'V2 2.2');
export const NUMBER_USED = rule(
  'ppasid-free',
  'this number is not free on the RID, or, for a device with DMWr, anywhere',
  'V2 1.4.1, 1.4.2',
);
export const OTHER_NUMBER = rule(
  'ppasid-global',
  'the vPASID has another number already, which the CPU of the VM sends',
  'V2 1.4.2',
);
export const SLOT_DIFFERS = rule(
  'slot-space',
  'the slot of this number leads to another IOASID [D]',
  'V2 1.4.2',
);

// The CPU.
export const NO_NUMBER = rule(
  'kvm-lookup',
  'the IOASID has no pPASID for this vPASID',
  'V2 2.3 KVM_MAP_PASID',
);
export const IS_MAPPED = rule('kvm-free', 'KVM has a number for this vPASID [D]', 'V2 2.3');
export const NOT_TRANSLATING = rule('kvm-translation', 'KVM does not translate PASIDs', 'V2 1.4.2');
export const IS_TRANSLATING = rule('kvm-once', 'KVM translates PASIDs already', 'V2 2.3');
export const NO_PORTAL = rule('portal', 'it takes no ENQCMD, or the guest has its portal', 'V2 1.4.2');
export const CPU_VIRT_DIFFERS = rule(
  'cpu-virt-agrees',
  'a device of the guest needs the other setting: all with PASID_CPU must agree on PASID_CPU_VIRT',
  'V2 1.4.3, 1.4.4',
);

// Memory and faults.
export const NOT_KERNEL = rule('map-kernel-managed', 'its table is the user’s', 'V2 1.1');
export const NOT_USER = rule('invalidate-user-managed', 'its table is not the user’s', 'V2 1.1, 2.1');
export const OVERLAPS = rule('map-free', 'part of the range is mapped', 'V2 2.1, as type1v2');
export const NOT_BELOW = rule('map-parent', 'the parent does not map this memory [D]', 'V2 4.3');
export const OUT_OF_RANGE = rule('map-permitted', 'outside the permitted ranges', 'V2 2.1');
export const NOT_MAPPED = rule('unmap-exact', 'no mapping has just this range', 'V2 2.1, as type1v2');
export const NO_FAULT = rule('fault-pending', 'no such fault is pending', 'V2 4.6');
export const OTHER_COOKIE = rule(
  'fault-cookie',
  'the report has the cookie of the faulting device',
  'V2 4.6',
);
