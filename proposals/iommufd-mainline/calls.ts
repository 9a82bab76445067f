/** The ioctls that the adapter makes, with the fields that it fills in; all others are zero. */
import type {
  DeviceAttachIommufdPt,
  DeviceBindIommufd,
  DeviceDetachIommufdPt,
  GetHwInfo,
} from '../../events/device-command.ts';
import type { FaultQueueAlloc } from '../../events/fault-command.ts';
import type { HwptAlloc, HwptInvalidate } from '../../events/hwpt-command.ts';
import type { Destroy, IoasAlloc, IoasMap, IoasUnmap } from '../../events/ioas-command.ts';
import type { VdeviceAlloc, ViommuAlloc } from '../../events/viommu-command.ts';
import { BUFFER } from './kernel.ts';

const FLAG_PASID = 1;
/** FIXED_IOVA, WRITEABLE, READABLE. */
const MAP_FLAGS = 7;
const DATA_BYTES = 24;

export function ioasAlloc(): IoasAlloc {
  return { type: 'IoasAlloc', size: 12, flags: 0, outIoasId: 0 };
}

export function destroy(id: number): Destroy {
  return { type: 'Destroy', size: 8, id };
}

export function ioasMap(ioasId: number, iova: bigint, userVa: bigint, length: bigint): IoasMap {
  return { type: 'IoasMap', size: 40, flags: MAP_FLAGS, ioasId, reserved: 0, userVa, length, iova };
}

export function ioasUnmap(ioasId: number, iova: bigint, length: bigint): IoasUnmap {
  return { type: 'IoasUnmap', size: 24, ioasId, iova, length };
}

type HwptFields = Readonly<{
  devId: number;
  ptId: number;
  flags: number;
  dataType?: number;
  faultId?: number;
}>;

export function hwptAlloc({ devId, ptId, flags, dataType = 0, faultId = 0 }: HwptFields): HwptAlloc {
  return {
    type: 'HwptAlloc',
    size: 48,
    flags,
    devId,
    ptId,
    outHwptId: 0,
    reserved: 0,
    dataType,
    dataLen: dataType === 0 ? 0 : DATA_BYTES,
    dataUptr: dataType === 0 ? 0n : BUFFER,
    faultId,
    reserved2: 0,
  };
}

export function hwptInvalidate(hwptId: number, dataType: number, entryLen: number): HwptInvalidate {
  return {
    type: 'HwptInvalidate',
    size: 32,
    hwptId,
    dataUptr: BUFFER,
    dataType,
    entryLen,
    entryNum: 1,
    reserved: 0,
  };
}

export function faultQueueAlloc(): FaultQueueAlloc {
  return { type: 'FaultQueueAlloc', size: 16, flags: 0, outFaultId: 0, outFaultFd: 0 };
}

export function viommuAlloc(devId: number, hwptId: number, viommuType: number): ViommuAlloc {
  return {
    type: 'ViommuAlloc',
    size: 40,
    flags: 0,
    viommuType,
    devId,
    hwptId,
    outViommuId: 0,
    dataLen: 0,
    reserved: 0,
    dataUptr: 0n,
  };
}

export function vdeviceAlloc(viommuId: number, devId: number, virtId: bigint): VdeviceAlloc {
  return { type: 'VdeviceAlloc', size: 24, viommuId, devId, outVdeviceId: 0, virtId };
}

export function bind(iommufd: number): DeviceBindIommufd {
  return { type: 'DeviceBindIommufd', argsz: 16, flags: 0, iommufd, outDevid: 0, tokenUuidPtr: 0n };
}

/** `pasid` undefined: the RID. */
export function attach(ptId: number, pasid: number | undefined): DeviceAttachIommufdPt {
  const flags = pasid === undefined ? 0 : FLAG_PASID;
  return { type: 'DeviceAttachIommufdPt', argsz: 16, flags, ptId, pasid: pasid ?? 0 };
}

export function detach(pasid: number | undefined): DeviceDetachIommufdPt {
  const flags = pasid === undefined ? 0 : FLAG_PASID;
  return { type: 'DeviceDetachIommufdPt', argsz: 12, flags, pasid: pasid ?? 0 };
}

export function getHwInfo(devId: number): GetHwInfo {
  return {
    type: 'GetHwInfo',
    size: 40,
    flags: 0,
    devId,
    dataLen: 0,
    dataUptr: 0n,
    inDataType: 0,
    outMaxPasidLog2: 0,
    reserved: 0,
    outCapabilities: 0n,
  };
}
