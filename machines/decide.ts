/** Command type to decider. A command without a decider is a compile error that names it. */
import type { Command, CommandOf, CommandType } from '../events/command.ts';
import { answer, type Outcome, refuse } from '../events/outcome.ts';
import {
  decideTestAccessPages,
  decideTestAccessReplaceIoas,
  decideTestAccessRw,
  decideTestCreateAccess,
  decideTestDestroyAccessPages,
} from './access.ts';
import { whereAdrift } from './adrift.ts';
import { decideIoasCopy, decideIoasMap, decideIoasMapFile, decideIoasUnmap } from './area.ts';
import { decideDestroy } from './destroy.ts';
import { decideHwptGetDirtyBitmap, decideHwptSetDirtyTracking, decideTestDirty } from './dirty.ts';
import { decideFaultQueueAlloc, decideTestTriggerIopf } from './fault.ts';
import { decideGetHwInfo } from './hw-info.ts';
import { decideHwQueueAlloc } from './hw-queue.ts';
import { decideHwptAlloc, decideHwptInvalidate } from './hwpt.ts';
import { decideIoasAlloc, decideIoasAllowIovas, decideIoasIovaRanges } from './ioas.ts';
import {
  decideTestDevCheckCache,
  decideTestMdCheckIotlb,
  decideTestMockDomain,
  decideTestMockDomainFlags,
  decideTestMockDomainReplace,
  decideTestPasidAttach,
  decideTestPasidCheckHwpt,
  decideTestPasidDetach,
  decideTestPasidReplace,
} from './mock-device.ts';
import {
  decideTestAddReserved,
  decideTestDmabufGet,
  decideTestDmabufRevoke,
  decideTestMdCheckMap,
  decideTestMdCheckRefs,
  decideTestSetTempMemoryLimit,
} from './mock-memory.ts';
import { decideIoasChangeProcess, decideIoasNoiommuGetPa, decideOption, decideVfioIoas } from './option.ts';
import type { Site } from './site.ts';
import { decideTestTriggerVevent, decideVeventqAlloc } from './veventq.ts';
import {
  decideVfioCheckExtension,
  decideVfioIommuGetInfo,
  decideVfioIommuMapDma,
  decideVfioIommuUnmapDma,
  decideVfioSetIommu,
} from './vfio-compat.ts';
import {
  decideDeviceAttachIommufdPt,
  decideDeviceBindIommufd,
  decideDeviceDetachIommufdPt,
  decideDeviceGetInfo,
} from './vfio-device.ts';
import { decideVdeviceAlloc, decideViommuAlloc } from './viommu.ts';

export type Decider<T extends CommandType> = (site: Site, command: CommandOf<T>) => Outcome;

const deciders: { readonly [T in CommandType]: Decider<T> } = {
  Destroy: decideDestroy,
  IoasAlloc: decideIoasAlloc,
  IoasAllowIovas: decideIoasAllowIovas,
  IoasCopy: decideIoasCopy,
  IoasIovaRanges: decideIoasIovaRanges,
  IoasMap: decideIoasMap,
  IoasMapFile: decideIoasMapFile,
  IoasUnmap: decideIoasUnmap,
  IoasChangeProcess: decideIoasChangeProcess,
  IoasNoiommuGetPa: decideIoasNoiommuGetPa,
  Option: decideOption,
  VfioIoas: decideVfioIoas,
  HwptAlloc: decideHwptAlloc,
  HwptInvalidate: decideHwptInvalidate,
  HwptSetDirtyTracking: decideHwptSetDirtyTracking,
  HwptGetDirtyBitmap: decideHwptGetDirtyBitmap,
  GetHwInfo: decideGetHwInfo,
  FaultQueueAlloc: decideFaultQueueAlloc,
  ViommuAlloc: decideViommuAlloc,
  VdeviceAlloc: decideVdeviceAlloc,
  VeventqAlloc: decideVeventqAlloc,
  HwQueueAlloc: decideHwQueueAlloc,
  VfioGetApiVersion: () => answer(0),
  VfioCheckExtension: decideVfioCheckExtension,
  VfioSetIommu: decideVfioSetIommu,
  VfioIommuGetInfo: decideVfioIommuGetInfo,
  VfioIommuMapDma: decideVfioIommuMapDma,
  VfioIommuUnmapDma: decideVfioIommuUnmapDma,
  DeviceBindIommufd: decideDeviceBindIommufd,
  DeviceAttachIommufdPt: decideDeviceAttachIommufdPt,
  DeviceDetachIommufdPt: decideDeviceDetachIommufdPt,
  DeviceGetInfo: decideDeviceGetInfo,
  TestAddReserved: decideTestAddReserved,
  TestMockDomain: decideTestMockDomain,
  TestMockDomainFlags: decideTestMockDomainFlags,
  TestMdCheckMap: decideTestMdCheckMap,
  TestMdCheckRefs: decideTestMdCheckRefs,
  TestCreateAccess: decideTestCreateAccess,
  TestDestroyAccessPages: decideTestDestroyAccessPages,
  TestAccessPages: decideTestAccessPages,
  TestAccessRw: decideTestAccessRw,
  TestSetTempMemoryLimit: decideTestSetTempMemoryLimit,
  TestMockDomainReplace: decideTestMockDomainReplace,
  TestAccessReplaceIoas: decideTestAccessReplaceIoas,
  TestDirty: decideTestDirty,
  TestMdCheckIotlb: decideTestMdCheckIotlb,
  TestTriggerIopf: decideTestTriggerIopf,
  TestDevCheckCache: decideTestDevCheckCache,
  TestTriggerVevent: decideTestTriggerVevent,
  TestPasidAttach: decideTestPasidAttach,
  TestPasidReplace: decideTestPasidReplace,
  TestPasidDetach: decideTestPasidDetach,
  TestPasidCheckHwpt: decideTestPasidCheckHwpt,
  TestDmabufGet: decideTestDmabufGet,
  TestDmabufRevoke: decideTestDmabufRevoke,
  TestUnknownOp: () => refuse('test/unknown-op'),
};

/** What answers commands of this type. */
export function deciderOf(type: CommandType): Decider<CommandType> {
  return deciders[type] as Decider<CommandType>;
}

/** What the kernel answers to `command` at `site`. Reads, never writes. `decider`: for whoever knows it already. */
export function decide(site: Site, command: Command, decider = deciderOf(command.type)): Outcome {
  const outcome = decider(site, command);
  return site.context.adrift ? whereAdrift(site, command, outcome) : outcome;
}
