/** What the fields of a command's struct stand for: which hold ids or descriptors, which point to memory, which the kernel fills. */
import type { CommandType } from '../events/command.ts';
import type { ObjectKind } from '../machines/objects.ts';

/** Descriptors that a struct can name. */
export type DescriptorRole = 'access' | 'iommufd' | 'file' | 'dmabuf' | 'fault' | 'eventq';

export type FieldRole =
  /** An object id in the context of the call's descriptor, of one of these kinds. */
  | Readonly<{ is: 'id'; kinds: readonly ObjectKind[] }>
  | Readonly<{ is: 'descriptor'; role: DescriptorRole }>
  /** The address of the second buffer; `in`: the kernel reads it. */
  | Readonly<{ is: 'buffer'; in: boolean }>
  /** The address of memory that is mapped or compared, page by page. */
  | Readonly<{ is: 'pages' }>
  | Readonly<{ is: 'made-id'; kind: ObjectKind }>
  | Readonly<{ is: 'made-descriptor'; role: DescriptorRole }>;

const id = (...kinds: ObjectKind[]) => ({ is: 'id', kinds }) as const;
const fd = (role: DescriptorRole) => ({ is: 'descriptor', role }) as const;
const reads = { is: 'buffer', in: true } as const;
const fills = { is: 'buffer', in: false } as const;
const pages = { is: 'pages' } as const;
const madeId = (kind: ObjectKind) => ({ is: 'made-id', kind }) as const;
const madeFd = (role: DescriptorRole) => ({ is: 'made-descriptor', role }) as const;

const IOAS = id('ioas');
const PAGING = id('hwpt-paging');
const DEVICE = id('device');
const VIOMMU = id('viommu');
const SELFTEST = id('selftest');
const PT = id('hwpt-paging', 'hwpt-nested', 'ioas');

/** Kinds that DESTROY is for. */
export const DESTROYABLE: readonly ObjectKind[] = [
  'ioas',
  'hwpt-paging',
  'hwpt-nested',
  'selftest',
  'fault',
  'viommu',
  'vdevice',
  'veventq',
  'hw-queue',
];

const MOCK_DOMAIN = {
  id: id('ioas', 'hwpt-paging'),
  outStdevId: madeId('selftest'),
  outHwptId: madeId('hwpt-paging'),
  outIdevId: madeId('device'),
} as const;

/** By command and by the field's name in the model; fields that are not here hold plain values. */
export const fieldRoles: Readonly<Partial<Record<CommandType, Readonly<Record<string, FieldRole>>>>> = {
  Destroy: { id: id(...DESTROYABLE) },
  IoasAlloc: { outIoasId: madeId('ioas') },
  IoasAllowIovas: { ioasId: IOAS, allowedIovas: reads },
  IoasIovaRanges: { ioasId: IOAS, allowedIovas: fills },
  IoasMap: { ioasId: IOAS, userVa: pages },
  IoasMapFile: { ioasId: IOAS, fd: fd('file') },
  IoasCopy: { dstIoasId: IOAS, srcIoasId: IOAS },
  IoasUnmap: { ioasId: IOAS },
  IoasNoiommuGetPa: { ioasId: IOAS },
  Option: { objectId: IOAS },
  VfioIoas: { ioasId: IOAS },
  HwptAlloc: {
    devId: DEVICE,
    ptId: id('ioas', 'hwpt-paging', 'viommu'),
    outHwptId: madeId('hwpt-paging'),
    dataUptr: reads,
    faultId: id('fault'),
  },
  HwptSetDirtyTracking: { hwptId: PAGING },
  HwptGetDirtyBitmap: { hwptId: PAGING, data: fills },
  HwptInvalidate: { hwptId: id('hwpt-nested', 'viommu'), dataUptr: reads },
  GetHwInfo: { devId: DEVICE, dataUptr: fills },
  FaultQueueAlloc: { outFaultId: madeId('fault'), outFaultFd: madeFd('fault') },
  ViommuAlloc: { devId: DEVICE, hwptId: PAGING, outViommuId: madeId('viommu'), dataUptr: reads },
  VdeviceAlloc: { viommuId: VIOMMU, devId: DEVICE, outVdeviceId: madeId('vdevice') },
  VeventqAlloc: { viommuId: VIOMMU, outVeventqId: madeId('veventq'), outVeventqFd: madeFd('eventq') },
  HwQueueAlloc: { viommuId: VIOMMU, outHwQueueId: madeId('hw-queue') },
  VfioIommuMapDma: { vaddr: pages },
  DeviceBindIommufd: { iommufd: fd('iommufd'), outDevid: madeId('device'), tokenUuidPtr: reads },
  DeviceAttachIommufdPt: { ptId: PT },
  TestAddReserved: { id: IOAS },
  TestMockDomain: MOCK_DOMAIN,
  TestMockDomainFlags: MOCK_DOMAIN,
  TestMdCheckMap: { id: PAGING, uptr: pages },
  TestMdCheckRefs: { uptr: pages },
  TestCreateAccess: { id: IOAS, outAccessFd: madeFd('access') },
  TestDestroyAccessPages: { id: fd('access') },
  TestAccessPages: { id: fd('access'), uptr: pages },
  TestAccessRw: { id: fd('access'), uptr: pages },
  TestMockDomainReplace: { id: SELFTEST, ptId: PT },
  TestAccessReplaceIoas: { id: fd('access'), ioasId: IOAS },
  TestDirty: { id: PAGING, uptr: reads },
  TestMdCheckIotlb: { id: id('hwpt-nested') },
  TestTriggerIopf: { devId: DEVICE },
  TestDevCheckCache: { id: DEVICE },
  TestTriggerVevent: { devId: DEVICE },
  TestPasidAttach: { id: SELFTEST, ptId: PT },
  TestPasidReplace: { id: SELFTEST, ptId: PT },
  TestPasidDetach: { id: SELFTEST },
  TestPasidCheckHwpt: { id: SELFTEST, hwptId: id('hwpt-paging', 'hwpt-nested') },
  TestDmabufRevoke: { dmabufFd: fd('dmabuf') },
};

/** The role of a field; undefined for a plain value. */
export function roleOf(type: CommandType | undefined, field: string): FieldRole | undefined {
  return type === undefined ? undefined : fieldRoles[type]?.[field];
}
