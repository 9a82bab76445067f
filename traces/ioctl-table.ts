/** Which command an ioctl number is, on which kind of descriptor, how its struct is decoded, and what answers it. */

import type { Command, CommandType, StructCommand } from '../events/command.ts';
import { hex } from '../events/hex.ts';
import * as numbers from '../events/ioctl-number.ts';
import { type Decider, deciderOf } from '../machines/decide.ts';
import type { Decode, StructLayout } from './decode-struct.ts';
import { HEX_DIGIT } from './hex-digit.ts';
import { commandDecoders, commandLayouts } from './uapi/registry.ts';

export type IoctlEntry = Readonly<{
  number: number;
  /** The header's name. */
  name: string;
  type: CommandType;
  layout: StructLayout;
  decode: Decode<Command>;
  decider: Decider<CommandType>;
}>;

type StructType = StructCommand['type'];

/** Header name of a number, such as IOMMU_IOAS_MAP. */
const nameByNumber = (prefix: RegExp): Map<number, string> => {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(numbers))
    if (prefix.test(name) && typeof value === 'number') names.set(value, name);
  return names;
};

const nativeNames = nameByNumber(/^IOMMU_(?!TEST_OP)/);
const testNames = nameByNumber(/^IOMMU_TEST_OP_/);
const deviceNames = nameByNumber(/^VFIO_DEVICE_/);
const containerNames = nameByNumber(
  /^VFIO_(GET_API_VERSION|CHECK_EXTENSION|SET_IOMMU|IOMMU_(GET_INFO|MAP_DMA|UNMAP_DMA))$/,
);

/** `IOMMU_IOAS_MAP` is `IoasMap`. */
function typeOf(name: string): string {
  const words = name
    .replace(/^(IOMMU|VFIO_IOMMU|VFIO)_/, '')
    .toLowerCase()
    .split('_');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function entry(number: number, name: string, type: string): IoctlEntry {
  const layout = commandLayouts[type as StructType];
  const decode = commandDecoders[type as StructType] as Decode<Command>;
  return { number, name, type: type as CommandType, layout, decode, decider: deciderOf(type as CommandType) };
}

function table(names: Map<number, string>, prefix: string): ReadonlyMap<number, IoctlEntry> {
  const entries = new Map<number, IoctlEntry>();
  for (const [number, name] of names) {
    const type = `${prefix}${typeOf(name)}`;
    if (type in commandLayouts) entries.set(number, entry(number, name, type));
  }
  return entries;
}

/** Commands of an iommufd descriptor, without IOMMU_TEST_CMD. */
export const nativeIoctls: ReadonlyMap<number, IoctlEntry> = table(nativeNames, '');
/** VFIO commands with a struct that an iommufd emulates. */
export const containerIoctls: ReadonlyMap<number, IoctlEntry> = table(
  new Map([...containerNames].filter(([, name]) => name.startsWith('VFIO_IOMMU_'))),
  'VfioIommu',
);
/** Commands of a VFIO device descriptor. */
export const deviceIoctls: ReadonlyMap<number, IoctlEntry> = table(deviceNames, '');

const UNKNOWN_OP = entry(numbers.IOMMU_TEST_CMD, 'IOMMU_TEST_CMD', 'TestUnknownOp');
const testEntries: readonly IoctlEntry[] = [...testNames].reduce<IoctlEntry[]>(
  (entries, [op, name]) => {
    entries[op] = entry(numbers.IOMMU_TEST_CMD, name, `Test${typeOf(name.replace('IOMMU_TEST_OP_', ''))}`);
    return entries;
  },
  [UNKNOWN_OP],
);

/** The command of a mock operation; a release knows the numbers up to `lastOp`. */
export function testEntry(op: number, lastOp: number): IoctlEntry {
  return (op <= lastOp ? testEntries[op] : undefined) ?? UNKNOWN_OP;
}

/** Every mock operation of any release, by number. */
export function allTestEntries(): readonly IoctlEntry[] {
  return testEntries;
}

/** What a number is called on a descriptor of this kind; the number itself where it has no name there. */
export function ioctlName(kind: string, number: number): string {
  const names = kind === 'vfio-dev' ? deviceNames : number < 0x3b80 ? containerNames : nativeNames;
  return names.get(number) ?? hex(number);
}

/** The ioctl number of its text: nearly always `0x3b` and two digits more. */
export function numberOf(text: string): number {
  if (text.length !== 6 || !text.startsWith('0x3b')) return Number(text);
  return 0x3b00 | (digit(text.charCodeAt(4)) << 4) | digit(text.charCodeAt(5));
}

/** Value of a hex digit by its character code; the reader has checked that it is one. */
function digit(code: number): number {
  return HEX_DIGIT[code] as number;
}
