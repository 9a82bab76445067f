/** Refusals of the first /dev/ioasid RFC. It names no errno; [D] marks what its text does not say in so many words. */
import { refusalsWithoutErrno } from '../proposal.ts';

const rule = refusalsWithoutErrno('ioasid-rfc-v1');

const V1 = 'V1 section 2';

export const NO_CONTEXT = rule('context-open', 'the descriptor is no /dev/ioasid', V1);
export const NOT_OPEN = rule('device-open', 'the device is not open', V1);
export const ALREADY_BOUND = rule(
  'device-unbound',
  'the device is bound already: it belongs to one ioasid descriptor at most',
  'V1 section 2, VFIO_BIND_IOASID_FD',
);
export const OTHER_OWNER = rule(
  'group-owner',
  'another descriptor has a member of its group',
  'V1 section 3 [D]: users must present the whole group',
);
export const NOT_MEDIATED = rule(
  'device-mediated',
  'a device with a RID of its own has no default PASID',
  'V1 section 4',
);
export const IS_MEDIATED = rule(
  'device-physical',
  'a mediated device needs a number behind the RID of its parent',
  'V1 section 4',
);
export const WIRE_TAKEN = rule('pasid-free', 'the number is in use on that RID', 'V1 section 4');
export const NOT_BOUND = rule('device-bound', 'the device is not bound', 'V1 section 2, VFIO_ATTACH_IOASID');
export const STILL_ATTACHED = rule(
  'unbind-detached',
  'the device is attached to an IOASID',
  'V1 section 2, VFIO_UNBIND_IOASID_FD [D]',
);
export const IS_USED = rule('ioasid-id', 'this id is in use', 'V1 section 2, IOASID_ALLOC');
export const NO_IOASID = rule('ioasid-exists', 'no such IOASID in this descriptor', V1);
export const IN_USE = rule(
  'ioasid-unused',
  'a device or a child refers to it',
  'V1 section 2, IOASID_FREE [D]: the text leaves it open',
);
export const INERT = rule(
  'ioasid-attached',
  'no device is attached to it: it takes no command',
  'V1 section 2, IOASID_ALLOC',
);
export const PARTIAL = rule(
  'group-complete',
  'of some group not every device is attached to it: it takes no command',
  'V1 section 3, partial_devices',
);
export const CANNOT_NEST = rule(
  'parent-nests',
  'the parent cannot nest',
  'V1T Yi Liu, 31 May 2021; IOASID_GET_INFO tells',
);
export const NOT_ON_PARENT = rule(
  'attach-parent',
  'the device is not attached to the parent',
  'V1 section 2, IOASID_CREATE_NESTING',
);
export const SLOT_TAKEN = rule(
  'slot-free',
  'the route of the device leads to another IOASID',
  'V1 section 2, VFIO_ATTACH_IOASID [D]; V1T Kevin Tian, 2 Jun 2021',
);
export const INCOMPATIBLE = rule(
  'attach-compatible',
  'the device can address less than those that are attached',
  'V1 section 2, VFIO_ATTACH_IOASID',
);
export const NOT_ATTACHED = rule('device-attached', 'it is attached to no IOASID in this way', V1);
export const CHILD_ATTACHED = rule(
  'detach-child-first',
  'the device is attached to a child, which needs its parent',
  'V1 section 2, IOASID_CREATE_NESTING [D]',
);
export const BEYOND_WIDTH = rule('pasid-width', 'the device has fewer PASIDs', 'V1 section 4 [D]');
export const NO_PASID = rule('device-pasid', 'the device or its IOMMU has no PASIDs', 'V1 section 4');
export const KIND_FIXED = rule(
  'ioasid-kind',
  'its kind does not take this command',
  'V1T <YLch6zbbYqV4PyVf@yekko> and the answers of 2 and 3 Jun 2021',
);
export const NOT_A_CHILD = rule(
  'bind-child',
  'the kernel trusts no table of the user without a parent below it',
  'V1 section 2, IOASID_BIND_PGTABLE',
);
export const NO_FORMAT = rule(
  'bind-format',
  'no such table: on Intel the PASID table is the host’s',
  'V1 section 1; S0',
);
export const OVERLAPS = rule('map-free', 'part of the range is mapped', 'V1 section 2: as type1v2');
export const NOT_MAPPED = rule(
  'unmap-exact',
  'no mapping has just this range',
  'V1 section 2, IOASID_UNMAP_DMA: as type1v2',
);
export const BEYOND = rule(
  'map-addressable',
  'a device on it cannot address the range',
  'V1 section 2, IOASID_GET_INFO: reserved IOVA',
);
export const NOT_REGISTERED = rule(
  'map-registered',
  'memory is registered in this descriptor, but not this page',
  'V1 section 2, IOASID_REGISTER_MEMORY',
);
export const REGISTERED = rule('register-once', 'it is registered already', V1);
export const MAPPED_BEFORE = rule(
  'register-first',
  'memory that is not registered is mapped',
  'V1 section 2, IOASID_REGISTER_MEMORY [D]',
);
export const NO_FAULT = rule('fault-pending', 'no such page fault is pending', 'V1 5.6');
export const NOT_ITS_FAULT = rule(
  'fault-attached',
  'the VMM blames a device that is attached to the IOASID',
  'V1 5.6',
);
export const NO_GLOBAL = rule(
  'cpu-map-attached',
  'no device with ENQCMD is attached to this IOASID with this vPASID',
  'V1T Jason Gunthorpe, 28 May 2021, and Kevin Tian, 3 Jun 2021',
);
export const CPU_MAPPED = rule('cpu-map-free', 'the CPU has a number for it', 'V1 section 2, KVM_MAP_PASID');
export const CPU_UNMAPPED = rule('cpu-mapped', 'the CPU has none for it', 'V1 section 2, KVM_UNMAP_PASID');
export const TRANSLATION_ON = rule('translation-off', 'it is on already', 'V1 section 4');
export const NO_ENQCMD = rule('device-enqcmd', 'the device has no portal, or it is open', 'V1 section 4');
export const HAS_DRIVER = rule('device-free', 'somebody has the device', 'V1 section 3');
