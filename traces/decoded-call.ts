/** One call of a recording as a command with named fields, whatever the kernel would say to it. */
import type { CommandType } from '../events/command.ts';
import { IOMMU_TEST_CMD, VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU } from '../events/ioctl-number.ts';
import { type StructLayout, widthOf } from './decode-struct.ts';
import type { CallLine } from './engine.ts';
import {
  containerIoctls,
  deviceIoctls,
  type IoctlEntry,
  ioctlName,
  nativeIoctls,
  testEntry,
} from './ioctl-table.ts';
import type { IoctlLine } from './recording.ts';
import { StructBuffer } from './struct-buffer.ts';

export type FieldValue = number | bigint;

export type DecodedCall = Readonly<{
  /** The header's name of the command, or `read(fault)`, `write(fault)`, `mmap`. */
  name: string;
  /** undefined for commands without a struct and for numbers that nobody knows. */
  type: CommandType | undefined;
  layout: StructLayout | undefined;
  /** Fields by their names in the model; empty where nothing is known of the struct. */
  fields: Readonly<Record<string, FieldValue>>;
}>;

const TABLE_FIRST = 0x80;
const TABLE_LAST = 0xa0;
const OP_OFFSET = 4;
const EVERY_OP = 0xffff_ffff;

/** The entry of an ioctl, by the kind of its descriptor; releases that do not have it are not asked. */
export function entryOfLine(line: IoctlLine): IoctlEntry | undefined {
  const number = Number(line.req);
  if (line.kind === 'vfio-dev') return deviceIoctls.get(number);
  if (line.kind !== 'iommufd' && line.kind !== 'vfio-container') return undefined;
  if (number === IOMMU_TEST_CMD) return testEntry(opOf(line), EVERY_OP);
  const nr = number & 0xff;
  return nr >= TABLE_FIRST && nr <= TABLE_LAST ? nativeIoctls.get(number) : containerIoctls.get(number);
}

function opOf(line: IoctlLine): number {
  const bytes = Buffer.from(line.in.slice(OP_OFFSET * 2, OP_OFFSET * 2 + 8), 'hex');
  return bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
}

/** Never throws: of a struct that is too short, the missing fields read as zero. */
export function decodeCall(line: CallLine): DecodedCall {
  switch (line.ev) {
    case 'ioctl':
      return decodeIoctl(line);
    case 'read':
    case 'write':
      return {
        name: `${line.ev}(${line.kind})`,
        type: undefined,
        layout: undefined,
        fields: { len: line.len },
      };
    case 'mmap':
      return {
        name: 'mmap',
        type: undefined,
        layout: undefined,
        fields: { len: BigInt(line.len), prot: line.prot, flags: line.flags, off: BigInt(line.off) },
      };
  }
}

/** The bytes of the call in work. */
const struct = new StructBuffer();

function decodeIoctl(line: IoctlLine): DecodedCall {
  const number = Number(line.req);
  const entry = entryOfLine(line);
  if (entry !== undefined) {
    struct.load(line.in);
    const { type: _type, ...fields } = entry.decode(struct.view);
    return { name: entry.name, type: entry.type, layout: entry.layout, fields: scalars(fields) };
  }
  const value = number === VFIO_CHECK_EXTENSION || number === VFIO_SET_IOMMU;
  const fields: Record<string, FieldValue> = value ? { arg: BigInt(line.arg) } : {};
  return { name: ioctlName(line.kind, number), type: undefined, layout: undefined, fields };
}

function scalars(fields: Readonly<Record<string, unknown>>): Record<string, FieldValue> {
  const kept: Record<string, FieldValue> = {};
  for (const [name, value] of Object.entries(fields))
    if (typeof value === 'number' || typeof value === 'bigint') kept[name] = value;
  return kept;
}

/** The same ioctl with one field set to another value; bytes that were missing before it are zero. */
export function withField(line: IoctlLine, layout: StructLayout, name: string, value: FieldValue): IoctlLine {
  const field = layout.fields[name];
  if (field === undefined) throw new Error(`invariant: struct ${layout.name} has no field ${name}`);
  const [, offset, type] = field;
  const width = widthOf(type);
  const before = Buffer.from(line.in, 'hex');
  const bytes = Buffer.alloc(Math.max(before.length, offset + width));
  before.copy(bytes);
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let at = offset; at < offset + width; at++, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
  return { ...line, in: bytes.toString('hex') };
}
