/** A decoded command in one readable line: `IOMMU_IOAS_MAP ioas=3 iova=0x1000 length=0x1000 flags=FIXED|READABLE`. */
import { type Outcome, UNKNOWABLE } from '../events/outcome.ts';
import { type DecodedCall, decodeCall, type FieldValue } from './decoded-call.ts';
import type { CallLine } from './engine.ts';

const MAP = { 1: 'FIXED', 2: 'WRITEABLE', 4: 'READABLE' };
const ATTACH = { 1: 'PASID' };

/** Names of the bits of `flags`, by command type. */
export const FLAG_NAMES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  IoasMap: MAP,
  IoasMapFile: MAP,
  IoasCopy: { ...MAP, 65536: 'SYZKALLER' },
  HwptAlloc: { 1: 'NEST_PARENT', 2: 'DIRTY_TRACKING', 4: 'FAULT_ID_VALID', 8: 'PASID' },
  HwptSetDirtyTracking: { 1: 'ENABLE' },
  HwptGetDirtyBitmap: { 1: 'NO_CLEAR' },
  GetHwInfo: { 1: 'INPUT_TYPE' },
  DeviceBindIommufd: { 1: 'TOKEN' },
  DeviceAttachIommufdPt: ATTACH,
  DeviceDetachIommufdPt: ATTACH,
  VfioIommuMapDma: { 1: 'READ', 2: 'WRITE' },
  VfioIommuUnmapDma: { 1: 'GET_DIRTY_BITMAP', 2: 'ALL', 4: 'VADDR' },
  TestCreateAccess: { 1: 'NEEDS_PIN_PAGES' },
  TestAccessPages: { 1: 'WRITE', 65536: 'SYZKALLER' },
  TestAccessRw: { 1: 'WRITE', 4: 'SLOW_PATH', 65536: 'SYZKALLER' },
  TestMockDomainFlags: { 1: 'NO_DIRTY', 2: 'HUGE_IOVA', 4: 'PASID' },
};

const VALUE_NAMES: Readonly<Record<string, Readonly<Record<string, Readonly<Record<number, string>>>>>> = {
  Option: { optionId: { 0: 'RLIMIT_MODE', 1: 'HUGE_PAGES' }, op: { 0: 'SET', 1: 'GET' } },
  VfioIoas: { op: { 0: 'GET', 1: 'SET', 2: 'CLEAR' } },
};

const HEX_FIELDS = new Set([
  'dataType',
  'viommuType',
  'veventqType',
  'hwQueueType',
  'inDataType',
  'iotlb',
  'cache',
]);
/** Left out when 0: the call does not use them. */
const OPTIONAL = new Set(['dataType', 'dataLen', 'dataUptr', 'faultId', 'inDataType', 'tokenUuidPtr', 'pad']);

export function hex(value: FieldValue): string {
  return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
}

/** `[0x1000, 0x1fff]`, both ends included. */
export function rangeText(start: bigint, last: bigint): string {
  return `[${hex(start)}, ${hex(last)}]`;
}

/** Bits in words, what has no name in hexadecimal: `FIXED|READABLE|0x100`. */
function flagsText(type: string, value: number): string {
  const names = FLAG_NAMES[type] ?? {};
  const words: string[] = [];
  let rest = value >>> 0;
  for (const [bit, name] of Object.entries(names)) {
    if ((rest & Number(bit)) === 0) continue;
    words.push(name);
    rest = (rest & ~Number(bit)) >>> 0;
  }
  if (rest !== 0 || words.length === 0) words.push(rest === 0 ? '0' : hex(rest));
  return words.join('|');
}

/** The header's name of a field without `_id` and `out_`. */
export function fieldName(call: DecodedCall, name: string): string {
  const fields = call.layout?.fields ?? {};
  const header = fields[name]?.[0] ?? name;
  // The mock's struct has two fields called `id`; ours tell them apart.
  if (header === 'id' && name !== 'id' && 'id' in fields) return name;
  return header.replace(/^out_/, '').replace(/(.)_id$/, '$1');
}

/** One field as it is printed in a call: `iova=0x1000`. */
export function fieldText(call: DecodedCall, name: string, value: FieldValue): string {
  return `${fieldName(call, name)}=${valueText(call, name, value)}`;
}

function valueText(call: DecodedCall, name: string, value: FieldValue): string {
  const type = call.type ?? '';
  if (name === 'flags' || name === 'devFlags') return flagsText(type, Number(value));
  const word = VALUE_NAMES[type]?.[name]?.[Number(value)];
  if (word !== undefined) return word;
  if (typeof value === 'bigint' || HEX_FIELDS.has(name)) return hex(value);
  return String(value);
}

function isShown(call: DecodedCall, name: string, value: FieldValue): boolean {
  const header = call.layout?.fields[name]?.[0] ?? name;
  if (header === 'size' || header === 'argsz')
    return Number(value) !== call.layout?.size && call.layout !== undefined && header === 'size';
  if (header.startsWith('out_') || (name === 'op' && call.type?.startsWith('Test'))) return false;
  if (name === 'flags' || header.startsWith('__reserved') || OPTIONAL.has(name)) return BigInt(value) !== 0n;
  return true;
}

/** What a call asks, in words, by field names as they are printed. */
export function askedFields(call: DecodedCall): [name: string, value: string][] {
  return Object.entries(call.fields)
    .filter(([name, value]) => isShown(call, name, value))
    .map(([name, value]) => [fieldName(call, name), valueText(call, name, value)]);
}

/** A call in one line: the command and what it asks. */
function describeDecoded(call: DecodedCall): string {
  return [call.name, ...askedFields(call).map(([name, value]) => `${name}=${value}`)].join(' ');
}

const DATA_SHOWN = 64;

/** A call of a recording in one line; the second buffer follows where it is short. */
export function describeCall(line: CallLine): string {
  const text = describeDecoded(decodeCall(line));
  const data = line.ev === 'ioctl' ? line.ptrIn : line.ev === 'write' ? line.data : undefined;
  return data === undefined || data === '' || data.length > DATA_SHOWN ? text : `${text} data=${data}`;
}

/** An output, or an input that the kernel changed. */
function isNews(call: DecodedCall, name: string, value: unknown): boolean {
  return call.layout?.fields[name]?.[0].startsWith('out_') === true || call.fields[name] !== value;
}

/** What a success wrote back, by header names: `ioas=1`; empty where nothing was. */
export function describeReply(call: DecodedCall, outcome: Outcome): string {
  return Object.entries(outcome.reply ?? {})
    .filter(([name, value]) => isNews(call, name, value))
    .map(([name, value]) =>
      value === UNKNOWABLE ? `${fieldName(call, name)}=?` : fieldText(call, name, value as FieldValue),
    )
    .join(' ');
}
