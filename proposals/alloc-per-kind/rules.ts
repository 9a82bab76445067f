/** Refusals of the variant with one call for each kind. No errno is named; [D] marks what is deduced. */
import { refusalsWithoutErrno } from '../proposal.ts';

const rule = refusalsWithoutErrno('alloc-per-kind');

const S3 = 'S3 <20210602232352.GL1002214@...>';
const PLAN = 'PLAN Kevin Tian, 28 Jun 2021';

export const NO_CONTEXT = rule('context-open', 'the descriptor is no /dev/ioasid', 'V1 section 2');
export const NOT_OPEN = rule('device-open', 'the device is not open', 'V1 section 2');
export const ALREADY_BOUND = rule('device-unbound', 'the device is bound already', 'V1 section 2');
export const NOT_BOUND = rule('device-bound', 'the device is not bound', PLAN);
export const OTHER_OWNER = rule('group-owner', 'another descriptor has a member of its group', PLAN);
export const NOT_VIABLE = rule('group-viable', 'a member of its group has a driver of the host', PLAN);
export const MEDIATED = rule('device-physical', 'no route is defined for a mediated device', S3);
export const STILL_ATTACHED = rule('unbind-detached', 'the device is attached to an IOASID', `${PLAN} [D]`);
export const IS_USED = rule('ioasid-id', 'this id is in use', S3);
export const NO_IOASID = rule('ioasid-exists', 'no such IOASID in this descriptor', S3);
export const IN_USE = rule('ioasid-unused', 'a device or a child refers to it', `${S3} [D]`);
export const NOT_LEGAL = rule('kind-operation', 'its kind does not take this operation', S3);
export const NEEDS_PRI = rule(
  'attach-faultable',
  'its memory may be absent, and the device takes no page fault',
  'V1T <20210603125620.GX1002214@...>',
);
export const INCOMPATIBLE = rule(
  'attach-compatible',
  'the device can address less than those that are attached',
  'V1 section 2; S3: compatible with the devices of the descriptor',
);
export const SLOT_TAKEN = rule(
  'slot-free',
  'the route of the device leads to another IOASID',
  'V1T Kevin Tian, 2 Jun 2021 [D]',
);
export const MATE_ELSEWHERE = rule(
  'group-ioasid',
  'another device of its group is attached to another IOASID',
  PLAN,
);
export const NOT_ATTACHED = rule('device-attached', 'it is attached to no IOASID in this way', PLAN);
export const BEYOND_WIDTH = rule('pasid-width', 'the device has fewer PASIDs', 'V1 section 4 [D]');
export const NO_PASID = rule('device-pasid', 'the device or its IOMMU has no PASIDs', 'V1 section 4');
export const OVERLAPS = rule('map-free', 'part of the range is mapped', 'V1 section 2: as type1v2');
export const NOT_MAPPED = rule('unmap-exact', 'no mapping has just this range', 'V1 section 2: as type1v2');
export const BEYOND = rule('map-addressable', 'a device on it cannot address the range', 'V1 section 2');
export const NO_FAULT = rule('fault-pending', 'no such page fault is pending', 'V1 5.6');
export const NOT_ITS_FAULT = rule(
  'fault-device',
  'the report names the device that caused it',
  'V1T Jean-Philippe Brucker and Jason Gunthorpe, 28 May 2021',
);
export const HAS_DRIVER = rule('device-free', 'somebody has the device', PLAN);
