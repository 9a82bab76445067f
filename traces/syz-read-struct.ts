/** The struct argument of an ioctl in syzkaller text, as bytes with resources in them. */
import {
  IOMMU_TEST_CMD,
  VFIO_CHECK_EXTENSION,
  VFIO_GET_API_VERSION,
  VFIO_SET_IOMMU,
} from '../events/ioctl-number.ts';
import type { IoctlEntry } from './ioctl-table.ts';
import { type IoctlStep, ioctlStep, type Make, type Props, type SecondBuffer, type Use } from './program.ts';
import { roleOf } from './program-fields.ts';
import type { RecordedFile } from './recording.ts';
import { callNameOf, entryNamed, fieldsOf, type SyzField, unsaid, variantFields } from './syz-fields.ts';
import { nameParts, type SyzArg, type SyzCall } from './syz-text.ts';
import { addressOf, constant, operandOf, type ResourceNames } from './syz-values.ts';

const VALUES: ReadonlySet<number> = new Set([VFIO_GET_API_VERSION, VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU]);
/** Numbers of the magic ';'. */
const FIRST_REQUEST = 0x3b00;
const LAST_REQUEST = 0x3bff;
/** Where AUTO pointers lie, one after another. */
const AUTO_BASE = 0x20_0000;

type Struct = {
  bytes: Uint8Array;
  uses: Use[];
  makes: Make[];
  second: SecondBuffer | undefined;
};

/** undefined for an ioctl of another subsystem. */
export function readIoctl(
  call: SyzCall,
  names: ResourceNames,
  props: Props,
  file: RecordedFile | undefined,
): IoctlStep | undefined {
  const [, command = '', suffix] = nameParts(call.name);
  const request = Number(constant(call.args[1]));
  const named = entryNamed(command);
  const fd = operandOf(call.args[0], names);
  if (fd === undefined || !isOurs(command, request, call.args[0]?.is === 'resource')) return undefined;
  const argument = call.args[2];
  const variant = suffix === undefined ? command : `${command}$${suffix}`;
  const struct: Struct = { bytes: new Uint8Array(0), uses: [], makes: [], second: undefined };
  if (!VALUES.has(request) && argument?.is === 'pointer')
    fill(struct, argument, { request, named, variant, names });
  if (call.result !== undefined) struct.makes.push({ field: '', resource: names.make(call.result) });
  const arg =
    argument?.is === 'pointer' && argument.address === undefined ? autoPlace() : addressOf(argument);
  return ioctlStep(fd, request === 0 ? IOMMU_TEST_CMD : request, arg, struct.bytes, {
    ...struct,
    props,
    file,
  });
}

/** By its name; without one, by its descriptor or its number. */
function isOurs(command: string, request: number, onOwn: boolean): boolean {
  if (command !== '') return entryNamed(command) !== undefined || /^(IOMMU|VFIO)_/.test(command);
  return onOwn || (request >= FIRST_REQUEST && request <= LAST_REQUEST);
}

function autoPlace(): bigint {
  return BigInt(0x2000_0000 + AUTO_BASE);
}

/** What is known of the call that an argument belongs to. */
type About = Readonly<{
  request: number;
  named: IoctlEntry | undefined;
  variant: string;
  names: ResourceNames;
}>;

function fill(struct: Struct, pointer: Extract<SyzArg, { is: 'pointer' }>, about: About): void {
  const { pointee } = pointer;
  const { named, variant, names, request } = about;
  if (pointee === undefined) {
    // A struct pointer without text: everything in it is what the description leaves unsaid.
    if (named !== undefined && pointer.address === undefined)
      struct.bytes = new Uint8Array(named.layout.size);
    return;
  }
  if (pointee.is === 'array' && pointer.any) fillBlobs(struct, pointee.items, names, request);
  else if (pointee.is === 'data') struct.bytes = padded(pointee);
  else if (pointee.is === 'group' && named !== undefined)
    fillFields(struct, pointee.items, named, variant, names);
}

function padded({ bytes, length }: Extract<SyzArg, { is: 'data' }>): Uint8Array {
  const all = new Uint8Array(length);
  all.set(bytes.subarray(0, length));
  return all;
}

function fillFields(
  struct: Struct,
  items: readonly SyzArg[],
  entry: IoctlEntry,
  variant: string,
  names: ResourceNames,
): void {
  struct.bytes = new Uint8Array(entry.layout.size);
  const view = new DataView(struct.bytes.buffer);
  for (const [index, field] of variantFields(entry.layout, variant).entries()) {
    const item = items[index];
    if (item === undefined) put(view, field, unsaid(variant, entry, field.name));
    else fillField(struct, view, field, item, { entry, variant, names });
  }
}

function fillField(
  struct: Struct,
  view: DataView,
  field: SyzField,
  item: SyzArg,
  about: Readonly<{ entry: IoctlEntry; variant: string; names: ResourceNames }>,
): void {
  const { entry, variant, names } = about;
  const role = roleOf(entry.type, field.name);
  switch (item.is) {
    case 'const':
      put(view, field, item.value);
      return;
    case 'data':
      struct.bytes.set(item.bytes.subarray(0, field.width), field.at);
      return;
    case 'resource':
      use(struct, view, field, item.name, names);
      return;
    case 'made':
      if (item.before.is === 'resource') use(struct, view, field, item.before.name, names);
      else put(view, field, constant(item.before));
      if (
        field.name !== '' &&
        (role?.is === 'made-id' || role?.is === 'made-descriptor' || field.name === 'ptId')
      )
        struct.makes.push({ field: field.name, resource: names.make(item.name) });
      return;
    case 'pointer': {
      const address = addressOf(item);
      put(view, field, address);
      const bytes = item.pointee === undefined ? undefined : plainBytes(item.pointee);
      if (role?.is === 'buffer' && bytes !== undefined) struct.second = { address, bytes };
      else if (role?.is === 'buffer' && variant === 'IOMMU_HWPT_ALLOC$TEST') omitted(struct, address, view);
      return;
    }
    default:
  }
}

/** HWPT data whose pointee the text leaves out: zeros, as long as data_len says. */
function omitted(struct: Struct, address: bigint, view: DataView): void {
  const length = view.getUint32(28, true);
  if (length > 0 && length <= 64) struct.second = { address, bytes: new Uint8Array(length) };
}

function use(struct: Struct, view: DataView, field: SyzField, name: string, names: ResourceNames): void {
  const resource = names.known(name);
  if (resource === undefined) put(view, field, 0n);
  else struct.uses.push({ at: field.at, width: 4, resource });
}

function put(view: DataView, { at, width, type }: SyzField, value: bigint): void {
  if (type === 'u24')
    for (let byte = 0; byte < 3; byte++)
      view.setUint8(at + byte, Number((value >> BigInt(8 * byte)) & 0xffn));
  else if (width === 8) view.setBigUint64(at, value, true);
  else if (width === 4) view.setUint32(at, Number(value & 0xffff_ffffn), true);
  else if (width === 2) view.setUint16(at, Number(value & 0xffffn), true);
  else view.setUint8(at, Number(value & 0xffn));
}

/** Constants and data in a row, as memory holds them; numbers in groups are 64 bits wide. */
function plainBytes(arg: SyzArg): Uint8Array | undefined {
  if (arg.is === 'data') return padded(arg);
  if (arg.is === 'const') {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, arg.value, true);
    return bytes;
  }
  if (arg.is === 'union') return arg.value === undefined ? undefined : plainBytes(arg.value);
  if (arg.is !== 'array' && arg.is !== 'group') return undefined;
  const parts = arg.items.map((item) => plainBytes(item) ?? new Uint8Array(0));
  return new Uint8Array(Buffer.concat(parts));
}

/** `ANY=[@ANYBLOB="…", @ANYRES32=r1, @ANYPTR64=&(…)=…]`: the struct as a run of bytes. */
function fillBlobs(struct: Struct, items: readonly SyzArg[], names: ResourceNames, request: number): void {
  const parts: Uint8Array[] = [];
  const pending: { at: number; name: string }[] = [];
  let at = 0;
  const append = (bytes: Uint8Array) => {
    parts.push(bytes);
    at += bytes.length;
  };
  for (const item of items) {
    if (item.is !== 'union') continue;
    const width = item.option.startsWith('ANYRES') ? Number(item.option.slice(6)) / 8 || 8 : 8;
    const { value } = item;
    if (item.option === 'ANYBLOB')
      append(value === undefined ? new Uint8Array(0) : (plainBytes(value) ?? new Uint8Array(0)));
    else if (value?.is === 'pointer') {
      const address = addressOf(value);
      const bytes = value.pointee === undefined ? undefined : plainBytes(value.pointee);
      if (bytes !== undefined) struct.second = { address, bytes };
      append(littleEndian(address, 8));
    } else {
      const plain = value?.is === 'made' ? value.before : value;
      if (value?.is === 'made') pending.push({ at, name: value.name });
      const resource = plain?.is === 'resource' ? names.known(plain.name) : undefined;
      if (resource !== undefined && (width === 4 || width === 8)) struct.uses.push({ at, width, resource });
      append(littleEndian(constant(plain), width));
    }
  }
  struct.bytes = new Uint8Array(Buffer.concat(parts));
  const layout = callNameOf({ request, bytes: struct.bytes })?.entry.layout;
  for (const { at: place, name } of pending) {
    const field = layout === undefined ? undefined : fieldsOf(layout).find((one) => one.at === place)?.name;
    if (field !== undefined) struct.makes.push({ field, resource: names.make(name) });
  }
}

function littleEndian(value: bigint, width: number): Uint8Array {
  const bytes = new Uint8Array(width);
  for (let at = 0, rest = value; at < width; at++, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
  return bytes;
}
