/** The second buffers of commands: where the struct points to them, and how long they are. */
import * as numbers from '../events/ioctl-number.ts';
import { decodeCall, type FieldValue } from './decoded-call.ts';
import type { FdKind, HexBytes, HexNumber } from './recording.ts';
import { commandLayouts } from './uapi/registry.ts';

type Fields = Readonly<Record<string, FieldValue>>;

export type SecondBuffer = Readonly<{
  command: number;
  type: keyof typeof commandLayouts;
  /** The field that points to it. */
  pointer: string;
  /** Bytes of it that the kernel may read or write. */
  length: (fields: Fields) => number;
}>;

const RANGE_BYTES = 16;

const number = (fields: Fields, name: string): number => Number(fields[name] ?? 0);
const ranges = (fields: Fields): number => number(fields, 'numIovas') * RANGE_BYTES;
const data = (fields: Fields): number => number(fields, 'dataLen');

/** Bytes that hold a bit for each page of the range. */
function bitmap(fields: Fields): number {
  const page = number(fields, 'pageSize');
  return page === 0 ? 0 : Math.ceil(number(fields, 'length') / page / 8);
}

/** Second buffers that a probe can fetch: those of commands with one struct. */
export const SECOND_BUFFERS: readonly SecondBuffer[] = [
  {
    command: numbers.IOMMU_IOAS_ALLOW_IOVAS,
    type: 'IoasAllowIovas',
    pointer: 'allowedIovas',
    length: ranges,
  },
  {
    command: numbers.IOMMU_IOAS_IOVA_RANGES,
    type: 'IoasIovaRanges',
    pointer: 'allowedIovas',
    length: ranges,
  },
  { command: numbers.IOMMU_GET_HW_INFO, type: 'GetHwInfo', pointer: 'dataUptr', length: data },
  { command: numbers.IOMMU_HWPT_ALLOC, type: 'HwptAlloc', pointer: 'dataUptr', length: data },
  { command: numbers.IOMMU_VIOMMU_ALLOC, type: 'ViommuAlloc', pointer: 'dataUptr', length: data },
  {
    command: numbers.IOMMU_HWPT_INVALIDATE,
    type: 'HwptInvalidate',
    pointer: 'dataUptr',
    length: (fields) => number(fields, 'entryLen') * number(fields, 'entryNum'),
  },
  {
    command: numbers.IOMMU_HWPT_GET_DIRTY_BITMAP,
    type: 'HwptGetDirtyBitmap',
    pointer: 'data',
    length: bitmap,
  },
];

const byCommand = new Map(SECOND_BUFFERS.map((second) => [second.command, second]));

/** Byte offset of the pointer in the struct. */
export function pointerOffset({ type, pointer }: SecondBuffer): number {
  const fields: Readonly<Record<string, readonly [string, number, string]>> = commandLayouts[type].fields;
  const field = fields[pointer];
  if (field === undefined) throw new Error(`invariant: ${type} has no field ${pointer}`);
  return field[1];
}

/** Where the second buffer of a call is, and how long; undefined where the command has none that a probe fetches. */
export function secondOf(
  kind: FdKind,
  req: HexNumber,
  struct: HexBytes,
): Readonly<{ address: bigint; length: number }> | undefined {
  const second = kind === 'iommufd' ? byCommand.get(Number(req)) : undefined;
  if (second === undefined) return undefined;
  const call = {
    seq: 0,
    ns: 0,
    pid: 0,
    tid: 0,
    ev: 'ioctl',
    fd: 0,
    kind,
    req,
    arg: '0x0',
    in: struct,
  } as const;
  const { fields } = decodeCall(call);
  return { address: BigInt(fields[second.pointer] ?? 0), length: second.length(fields) };
}
