/** Refusals of the 20-patch RFC, with the errno that its patches write. */
import { refusalsOf } from '../proposal.ts';

const rule = refusalsOf('iommufd-rfc-2021-09');

export const NOT_OPEN = rule('device-open', 'EINVAL', 'the device is not open', 'R20-05');
export const ALREADY_BOUND = rule('device-unbound', 'EBUSY', 'the device is bound already', 'R20-07');
export const NOT_PCI = rule('device-pci', undefined, 'only PCI devices have such a descriptor', 'R20-05');
export const NO_CONTEXT = rule('context-open', 'EINVAL', 'the descriptor is no iommufd', 'R20-08');
export const NOT_VIABLE = rule(
  'group-viable',
  'EINVAL',
  'a member of its group has a driver that may do DMA for the host',
  'R20-06',
);
export const OTHER_OWNER = rule('group-owner', 'EBUSY', 'another iommufd owns its group', 'R20-06');
export const NOT_BOUND = rule('device-bound', 'EINVAL', 'the device is not bound', 'R20-15');
export const BLOCKED_ACCESS = rule('access-granted', 'ENODEV', 'the device is not bound', 'R20-05');
export const NO_SPACE = rule('ioasid-exists', 'EINVAL', 'no such IOASID in this iommufd', 'R20-14');
export const ALREADY_ATTACHED = rule('device-detached', 'EBUSY', 'the device has an IOASID', 'R20-15');
export const MATE_ELSEWHERE = rule(
  'group-domain',
  'EBUSY',
  'another device of its group is attached to another domain',
  'R20-13',
);
export const INCOMPATIBLE = rule(
  'attach-compatible',
  'EINVAL',
  'its IOMMU cannot force snooping, or its address width is below that of the IOASID',
  'R20-14',
);
export const NOT_ATTACHED = rule('device-attached', 'EINVAL', 'the device has no IOASID', 'R20-15');
export const IN_USE = rule('ioasid-unused', 'EBUSY', 'devices are attached to it', 'R20-11');
export const IS_USED = rule('ioasid-id', 'EINVAL', 'this id is in use', 'R20-11');
export const NO_DEVICE = rule('map-attached', 'EINVAL', 'no device is attached to it', 'R20-18');
export const OVERLAPS = rule(
  'map-free',
  'EEXIST',
  'part of the range is mapped',
  'type1, as mapped by R20-18',
);
export const NOT_MAPPED = rule(
  'unmap-exact',
  'EINVAL',
  'no mapping has just this range',
  'type1, as used by R20-18',
);
