/** Commands for examples: every field zero but those that make the command a valid one on a fresh mock. */
import type { CommandOf, StructCommand } from '../../events/command.ts';
import type { VfioCheckExtension, VfioSetIommu } from '../../events/vfio-command.ts';
import { fieldAt } from '../../traces/decode-struct.ts';
import { commandLayouts } from '../../traces/uapi/registry.ts';
import { RW } from './memory.ts';

type StructType = StructCommand['type'];

function zeros(type: StructType): Record<string, unknown> {
  const layout = commandLayouts[type];
  const fields: Record<string, unknown> = { type };
  for (const name of Object.keys(layout.fields)) {
    const { width } = fieldAt(layout, name as never);
    fields[name] = width === 8 ? 0n : 0;
  }
  const sized = 'argsz' in fields ? 'argsz' : 'size';
  fields[sized] = layout.size;
  return fields;
}

/** A maker of one command: what is not said keeps its valid value. */
export function maker<T extends StructType>(type: T, valid: Partial<CommandOf<T>>) {
  const base = { ...zeros(type), ...valid } as CommandOf<T>;
  return (change: Partial<CommandOf<T>> = {}): CommandOf<T> => ({ ...base, ...change });
}

/** Flags of MAP, MAP_FILE and COPY. */
export const F = 1;
export const W = 2;
export const R = 4;

export const ioasAlloc = maker('IoasAlloc', {});
export const allowIovas = maker('IoasAllowIovas', { ioasId: 1, allowedIovas: BigInt(RW) });
export const iovaRanges = maker('IoasIovaRanges', { ioasId: 1, numIovas: 4, allowedIovas: BigInt(RW) });
export const ioasMap = maker('IoasMap', { ioasId: 1, flags: R | W, userVa: BigInt(RW), length: 0x1000n });
export const ioasMapFile = maker('IoasMapFile', { ioasId: 1, flags: R | W, fd: 40, length: 0x1000n });
export const ioasCopy = maker('IoasCopy', { srcIoasId: 1, dstIoasId: 1, flags: R, length: 0x1000n });
export const ioasUnmap = maker('IoasUnmap', { ioasId: 1, length: 0xffff_ffff_ffff_ffffn });
export const option = maker('Option', { optionId: 1, objectId: 1 });
export const vfioIoas = maker('VfioIoas', { op: 1, ioasId: 1 });
export const changeProcess = maker('IoasChangeProcess', {});
export const noiommuGetPa = maker('IoasNoiommuGetPa', { ioasId: 1, iova: 0x1000n, length: 1n });

export const hwptAlloc = maker('HwptAlloc', { devId: 3, ptId: 1 });
export const hwptInvalidate = maker('HwptInvalidate', {
  hwptId: 6,
  dataType: 0xdead_beef,
  dataUptr: BigInt(RW),
  entryLen: 8,
  entryNum: 1,
});
export const setDirty = maker('HwptSetDirtyTracking', { hwptId: 5, flags: 1 });
export const getDirty = maker('HwptGetDirtyBitmap', {
  hwptId: 5,
  iova: 0x100_0000n,
  length: 0x4000n,
  pageSize: 0x1000n,
  data: BigInt(RW),
});
export const faultQueueAlloc = maker('FaultQueueAlloc', {});
export const getHwInfo = maker('GetHwInfo', { devId: 3, dataLen: 8, dataUptr: BigInt(RW) });

export const viommuAlloc = maker('ViommuAlloc', { viommuType: 0xdead_beef, devId: 3, hwptId: 5 });
export const vdeviceAlloc = maker('VdeviceAlloc', { viommuId: 6, devId: 3, virtId: 0x99n });
export const veventqAlloc = maker('VeventqAlloc', { viommuId: 6, veventqType: 0xbeef_beef, veventqDepth: 2 });
export const hwQueueAlloc = maker('HwQueueAlloc', {
  viommuId: 6,
  hwQueueType: 0xdead_beef,
  nestingParentIova: 0x100_0000n,
  length: 0x1000n,
});

export const bind = maker('DeviceBindIommufd', { iommufd: 3 });
export const attach = maker('DeviceAttachIommufdPt', { ptId: 2 });
export const detach = maker('DeviceDetachIommufdPt', {});
export const deviceInfo = maker('DeviceGetInfo', {});

export const getInfo = maker('VfioIommuGetInfo', {});
export const mapDma = maker('VfioIommuMapDma', {
  flags: 3,
  vaddr: BigInt(RW),
  iova: 0x1000n,
  length: 0x1000n,
});
export const unmapDma = maker('VfioIommuUnmapDma', { iova: 0x1000n, length: 0x1000n });
export const checkExtension = (arg: bigint): VfioCheckExtension => ({ type: 'VfioCheckExtension', arg });
export const setIommu = (arg: bigint): VfioSetIommu => ({ type: 'VfioSetIommu', arg });

/** DESTROY of the object with this id. */
export const destroy = (id: number): CommandOf<'Destroy'> => ({ type: 'Destroy', size: 8, id });
