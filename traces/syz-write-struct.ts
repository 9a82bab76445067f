/** The struct of an ioctl as syzkaller text: field by field where it has the usual form, as a list of blobs otherwise. */
import { hex } from '../events/hex.ts';
import { VFIO_CHECK_EXTENSION, VFIO_GET_API_VERSION, VFIO_SET_IOMMU } from '../events/ioctl-number.ts';
import type { IoctlEntry } from './ioctl-table.ts';
import type { IoctlStep } from './program.ts';
import { roleOf } from './program-fields.ts';
import { ARENA_START, inArena } from './program-memory.ts';
import { callNameOf, fieldsOf, type SyzField, unsaid } from './syz-fields.ts';
import { TEXT_BASE } from './syz-text.ts';

const PAGE = 0x1000n;

const VALUE_CALLS: ReadonlyMap<number, string> = new Map([
  [VFIO_GET_API_VERSION, 'ioctl$IOMMU_VFIO_GET_API_VERSION'],
  [VFIO_CHECK_EXTENSION, 'ioctl$IOMMU_VFIO_CHECK_EXTENSION'],
  [VFIO_SET_IOMMU, 'ioctl$IOMMU_VFIO_SET_IOMMU'],
]);

/** The name of the call, and its third argument. */
export function structText(step: IoctlStep): { name: string; argument: string } {
  const value = VALUE_CALLS.get(step.request);
  if (value !== undefined && step.bytes.length === 0) return { name: value, argument: hex(step.arg) };
  const known = callNameOf(step);
  const name = known === undefined ? 'ioctl' : `ioctl$${known.name}`;
  if (!inArena(step.arg)) return { name, argument: hex(step.arg) };
  const place = `&(${address(step.arg)})`;
  if (step.bytes.length === 0) return { name, argument: place };
  const typed = known === undefined ? undefined : fieldTexts(step, known.entry);
  if (typed === undefined || known === undefined) {
    const any = name === 'ioctl' && step.uses.length + step.makes.length === 0 && step.second === undefined;
    return { name, argument: any ? `${place}=${blob(step.bytes)}` : `${place}=ANY=[${blobs(step)}]` };
  }
  const suffix = typed.plainPages ? '$ADDR' : '';
  return { name: name + suffix, argument: `${place}={${typed.texts.join(', ')}}` };
}

function address(value: bigint): string {
  return hex(value - BigInt(ARENA_START) + TEXT_BASE);
}

function blob(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes).toString('hex')}"`;
}

/** Texts of all fields, those at the end left out that hold what is unsaid anyway; undefined where fields cannot say it all. */
function fieldTexts(
  step: IoctlStep,
  entry: IoctlEntry,
): { texts: string[]; plainPages: boolean } | undefined {
  const { layout } = entry;
  if (step.bytes.length !== layout.size || hasHiddenBytes(step, entry)) return undefined;
  const view = new DataView(step.bytes.buffer, step.bytes.byteOffset, step.bytes.length);
  const texts: string[] = [];
  let said = 0;
  let plainPages = false;
  let second = step.second === undefined;
  for (const field of fieldsOf(layout)) {
    const role = roleOf(entry.type, field.name);
    const value = valueAt(view, field);
    let text: string | undefined;
    if (role?.is === 'buffer' && field.width === 8) {
      text = bufferText(step, value);
      second ||= step.second !== undefined && step.second.address === value;
    } else if (role?.is === 'pages') {
      const aligned = inArena(value, PAGE) && value % PAGE === 0n;
      plainPages ||= !aligned && value !== 0n;
      text = aligned ? `&(${address(value)}/0x1000)=nil` : hex(value);
    } else text = plainText(step, field, value);
    if (text === undefined) return undefined;
    texts.push(text);
    if (value !== unsaid('', entry, field.name) || !/^0x|^"/.test(text)) said = texts.length;
  }
  return second ? { texts: texts.slice(0, Math.max(1, said)), plainPages } : undefined;
}

function valueAt(view: DataView, { at, width, type }: SyzField): bigint {
  if (width === 8) return view.getBigUint64(at, true);
  if (width === 4) return BigInt(view.getUint32(at, true));
  if (width === 2) return BigInt(view.getUint16(at, true));
  if (type === 'u24') return BigInt(view.getUint8(at) | (view.getUint16(at + 1, true) << 8));
  return BigInt(view.getUint8(at));
}

/** Bytes between the fields that are not zero, or resources where no field begins. */
function hasHiddenBytes(step: IoctlStep, { layout }: IoctlEntry): boolean {
  const covered = new Uint8Array(layout.size);
  const starts = new Set<number>();
  for (const { at, width } of fieldsOf(layout)) {
    covered.fill(1, at, at + width);
    starts.add(at);
  }
  return (
    step.bytes.some((byte, at) => byte !== 0 && covered[at] === 0) ||
    step.uses.some(({ at, width }) => width !== 4 || !starts.has(at))
  );
}

function bufferText(step: IoctlStep, value: bigint): string | undefined {
  const { second } = step;
  if (second !== undefined && second.address === value) return `&(${address(value)})=${blob(second.bytes)}`;
  if (value === 0n) return '0x0';
  return inArena(value) ? `&(${address(value)})` : undefined;
}

function plainText(step: IoctlStep, { name, at, type }: SyzField, value: bigint): string {
  const used = step.uses.find((use) => use.at === at);
  const made = name === '' ? undefined : step.makes.find(({ field }) => field === name);
  if (type === 'u24')
    return `"${(value & 0xffn).toString(16).padStart(2, '0')}${hexByte(value >> 8n)}${hexByte(value >> 16n)}"`;
  const plain = used === undefined ? hex(value) : `r${used.resource}`;
  return made === undefined ? plain : `<r${made.resource}=>${plain}`;
}

function hexByte(value: bigint): string {
  return (value & 0xffn).toString(16).padStart(2, '0');
}

type Part = Readonly<{ at: number; width: number; text: string }>;

/** Blobs with the resources and the pointer between them, as syzkaller flattens structs. */
function blobs(step: IoctlStep): string {
  const entry = callNameOf(step)?.entry;
  const parts: Part[] = step.uses
    .filter(({ at, width }) => at + width <= step.bytes.length)
    .map(({ at, width, resource }) => ({ at, width, text: `@ANYRES${width * 8}=r${resource}` }));
  for (const { field, resource } of step.makes) {
    const at = entry?.layout.fields[field]?.[1];
    if (at === undefined || at + 4 > step.bytes.length) continue;
    const used = parts.findIndex((part) => part.at === at);
    const before = used < 0 ? hex(wordAt(step.bytes, at)) : (parts[used]?.text.split('=')[1] ?? '0x0');
    if (used >= 0) parts.splice(used, 1);
    parts.push({ at, width: 4, text: `@ANYRES32=<r${resource}=>${before}` });
  }
  if (step.second !== undefined) {
    const at = pointerOffset(step, entry);
    const { bytes } = step.second;
    parts.push({ at, width: 8, text: `@ANYPTR64=&(${address(step.second.address)})=${blob(bytes)}` });
  }
  parts.sort((one, other) => one.at - other.at);
  const texts: string[] = [];
  let from = 0;
  for (const { at, width, text } of parts) {
    if (at > from) texts.push(`@ANYBLOB=${blob(step.bytes.subarray(from, at))}`);
    texts.push(text);
    from = at + width;
  }
  if (from < step.bytes.length) texts.push(`@ANYBLOB=${blob(step.bytes.subarray(from))}`);
  return texts.join(', ');
}

function wordAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}

/** Where the address of the second buffer stands in the struct. */
function pointerOffset(step: IoctlStep, entry: IoctlEntry | undefined): number {
  for (const { name, at } of entry === undefined ? [] : fieldsOf(entry.layout))
    if (roleOf(entry?.type, name)?.is === 'buffer' || roleOf(entry?.type, name)?.is === 'pages') return at;
  throw new Error(`invariant: request ${hex(step.request)} has a second buffer and no pointer`);
}
