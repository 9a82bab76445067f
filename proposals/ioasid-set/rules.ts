/** Refusals of the sketches of spring 2021, which name no errno. */
import { refusalsWithoutErrno } from '../proposal.ts';

const rule = refusalsWithoutErrno('ioasid-set');

const JASON = 'SET <20210422121020.GT1370958@...>';
const PHASES = 'SET Kevin Tian, 8 May 2021';
const SCENARIOS = 'SET <MWHPR11MB1886E22D03B14EE0D5725CE08C539@...>';
const INTENT = 'SET <20210507182050.GX1370958@nvidia.com>';
const REFCOUNT = 'SET <20210331173148.GN1463678@...>';

export const NO_CONTEXT = rule('context-open', 'the descriptor is not open', JASON);
export const NOT_OPEN = rule('device-open', 'the device is not open', JASON);
export const ALREADY_JOINED = rule('device-alone', 'the device has joined a descriptor', JASON);
export const OTHER_OWNER = rule(
  'group-owner',
  'its group is on another descriptor, or in use by the host',
  JASON,
);
export const NOT_JOINED = rule('device-joined', 'the device has joined no descriptor', JASON);
export const IS_MEDIATED = rule('own-rid', 'the device has no RID of its own', SCENARIOS);
export const NO_OWN_RID = rule('local-rid', 'no device has a RID, and numbers, of its own', SCENARIOS);
export const NOT_MEDIATED = rule('mediated', 'the device has a RID of its own', SCENARIOS);
export const NO_SPACE = rule('ioasid-exists', 'no such IOASID on this descriptor', JASON);
export const IS_USED = rule('ioasid-id', 'this id is in use', JASON);
export const HAS_CHILD = rule('ioasid-childless', 'another one is nested on it [D]', JASON);
export const ALREADY_ATTACHED = rule('device-detached', 'the device is attached to another one', PHASES);
export const NOT_ATTACHED = rule('device-attached', 'the device is not attached there', PHASES);
export const INCOMPATIBLE = rule('compatible', 'the device does not go with its first one', PHASES);
export const UNATTACHED_GROUP = rule('group-attached', 'a device of the group is not attached yet', PHASES);
export const NOT_KERNEL = rule('kernel-table', 'its table is not the kernel’s', PHASES);
export const NOT_USER = rule('user-table', 'it has no table of the user', PHASES);
export const OVERLAPS = rule('map-free', 'it is mapped already', PHASES);
export const NOT_MAPPED = rule('unmap-exact', 'no mapping has just this range', PHASES);
export const NOT_EMPTY = rule('table-free', 'it is no nested one, or has a table', JASON);
export const HOST_TABLE = rule('pasid-table', 'the PASID table is the host’s here', SCENARIOS);
export const GUEST_TABLE = rule('delegated', 'the PASID table is the guest’s here', SCENARIOS);
export const BEYOND_WIDTH = rule('pasid-width', 'the device has fewer PASIDs', PHASES);
export const NO_PASIDS = rule('pasids', 'the device, or the IOMMU behind it, has no PASIDs', PHASES);
export const LOCAL_TAKEN = rule('local-free', 'the number is in use on this RID', SCENARIOS);
export const NOT_LOCAL = rule('local', 'the number is of the global part', SCENARIOS);
export const NOT_GLOBAL = rule('global', 'a number for ENQCMD has to be asked for as global', INTENT);
export const OTHER_GLOBAL = rule(
  'one-global',
  'the local number stands for another one in this VM',
  SCENARIOS,
);
export const NUMBER_TAKEN = rule('number-free', 'the number is in use, or may be emitted still', REFCOUNT);
export const NUMBER_USED = rule('number-unused', 'somebody uses the number, or may emit it still', REFCOUNT);
export const NO_NUMBER = rule('number-allocated', 'the number is not allocated', SCENARIOS);
export const TRANSLATION_ON = rule('translation-off', 'translation is on already', REFCOUNT);
export const CPU_MAPPED = rule('cpu-free', 'KVM has the local number already', SCENARIOS);
export const CPU_UNMAPPED = rule('cpu-mapped', 'KVM does not have the local number', SCENARIOS);
export const NOT_FOR_PROCESS = rule(
  'process-device',
  'the device has no PASIDs or takes no page faults',
  INTENT,
);
export const PROCESS_BOUND = rule('process-unbound', 'the process has the device already', INTENT);
export const PROCESS_UNBOUND = rule('process-bound', 'the process does not have the device', INTENT);
export const OTHER_NUMBER = rule(
  'process-number',
  'the process has another number',
  'SET Ashok Raj, 5 May 2021',
);
export const LOCAL_ELSEWHERE = rule(
  'process-local',
  'the number was not asked for as valid on all devices',
  INTENT,
);
