/** What a step could be instead, for the shrinker: the same call with less in it. */

import type { StructLayout } from './decode-struct.ts';
import { type IoctlStep, madeBy, type Resource, type SecondBuffer, type Step } from './program.ts';
import { type fieldRoles, roleOf } from './program-fields.ts';
import { READ_ONLY_START, SECOND_START, STRUCT_START } from './program-memory.ts';
import { callNameOf, fieldsOf, type SyzField } from './syz-fields.ts';

const TEST_STRUCT = 'iommu_test_cmd';
/** Values of 64 bits that everybody knows, the plainest first. */
const PLAIN: readonly bigint[] = [0n, 0x1000n, 0x100_0000n, 0x2020_0000n];
const NO_LAYOUT: StructLayout = { name: '', size: 0, minSize: 0, fields: {} };
const FILE_SIZE = 0x1_0000n;

/** On an earlier resource, in good memory, of the right size, with less in its fields. */
export function* simpler(step: Step, index: number, steps: readonly Step[]): Generator<Step> {
  if (step.call === 'open' && step.path === '/dev/vfio/vfio') yield { ...step, path: '/dev/iommu' };
  if (step.call === 'memfd' && step.size !== FILE_SIZE) yield { ...step, size: FILE_SIZE };
  const before = steps.slice(0, index);
  if ('fd' in step && 'resource' in step.fd) {
    for (const resource of alike(before, step.fd.resource)) yield { ...step, fd: { resource } };
  }
  if (step.call === 'write') yield* simplerWrite(step);
  if (step.call !== 'ioctl') return;
  if (step.props.failNth !== undefined) yield { ...step, props: {} };
  for (const [number, use] of step.uses.entries())
    for (const resource of alike(before, use.resource))
      yield { ...step, uses: step.uses.with(number, { ...use, resource }) };
  yield* simplerStruct(step);
}

/** Resources of the same kind made before this one was. */
function alike(steps: readonly Step[], resource: Resource): Resource[] {
  const kinds = new Map(
    steps.flatMap((step) => madeBy(step).map((made) => [made, kindOf(step, made)] as const)),
  );
  const wanted = kinds.get(resource);
  const found: Resource[] = [];
  for (const [made, kind] of kinds) {
    if (made === resource) break;
    if (kind === wanted) found.push(made);
  }
  return found;
}

/** What a resource is: a descriptor of a kind, or the id of an object. */
function kindOf(step: Step, resource: Resource): string {
  if (step.call !== 'ioctl') return step.call === 'memfd' ? 'memfd' : 'file';
  const field = step.makes.find((make) => make.resource === resource)?.field ?? '';
  const role = roleOf(callNameOf(step)?.entry.type, field);
  if (role?.is === 'made-id') return `id ${role.kind}`;
  return role?.is === 'made-descriptor' ? `descriptor ${role.role}` : 'dmabuf';
}

function* simplerWrite(step: Extract<Step, { call: 'write' }>): Generator<Step> {
  if (step.length <= 8) return;
  const length = step.length - 8;
  yield { ...step, length, bytes: step.bytes.slice(0, length) };
}

function* simplerStruct(step: IoctlStep): Generator<Step> {
  const entry = callNameOf(step)?.entry;
  if (entry === undefined) return;
  const { layout, type } = entry;
  if (step.bytes.length > layout.size)
    yield* resized({ ...step, bytes: step.bytes.slice(0, layout.size) }, layout.size);
  if (step.bytes.length !== layout.size) return;
  if (step.arg >= BigInt(READ_ONLY_START)) yield { ...step, arg: BigInt(STRUCT_START) };
  const fields = fieldsOf(layout).filter(
    ({ at, name }) => at !== 0 && !(layout.name === TEST_STRUCT && name === 'op') && !isMade(type, name),
  );
  yield* resized(step, layout.size);
  // Fields that only make sense together, such as type, length and address of data.
  for (let width = 3; width >= 1; width--)
    for (let from = 0; from + width <= fields.length; from++)
      yield* emptied(step, fields.slice(from, from + width));
  for (const field of fields) yield* plainer(step, field, roleOf(type, field.name)?.is === 'buffer');
  yield* simplerSecond(step);
}

function isMade(type: keyof typeof fieldRoles, name: string): boolean {
  const role = roleOf(type, name);
  return role?.is === 'made-id' || role?.is === 'made-descriptor';
}

function* resized(step: IoctlStep, size: number): Generator<Step> {
  if (viewOf(step.bytes).getUint32(0, true) === size) return;
  const bytes = Uint8Array.from(step.bytes);
  viewOf(bytes).setUint32(0, size, true);
  yield { ...step, bytes };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** All of these fields without their values. */
function* emptied(step: IoctlStep, fields: readonly SyzField[]): Generator<Step> {
  const bytes = Uint8Array.from(step.bytes);
  for (const { at, width } of fields) bytes.fill(0, at, at + width);
  const uses = step.uses.filter((use) => !fields.some(({ at }) => at === use.at));
  const less = uses.length < step.uses.length || bytes.some((byte, at) => byte !== step.bytes[at]);
  if (less) yield { ...step, bytes, uses };
}

/** Of 64 bits a value that everybody knows; of flags one bit less. */
function* plainer(step: IoctlStep, { at, width }: SyzField, isBuffer: boolean): Generator<Step> {
  if (isBuffer || step.uses.some((use) => use.at === at)) return;
  const view = viewOf(step.bytes);
  if (width === 8) {
    const now = view.getBigUint64(at, true);
    for (const value of PLAIN) {
      if (value === now) return;
      const bytes = Uint8Array.from(step.bytes);
      viewOf(bytes).setBigUint64(at, value, true);
      yield { ...step, bytes };
    }
    return;
  }
  if (width !== 4) return;
  const now = view.getUint32(at, true);
  for (const value of fewerOrLower(now)) {
    const bytes = Uint8Array.from(step.bytes);
    viewOf(bytes).setUint32(at, value, true);
    yield { ...step, bytes };
  }
}

/** The number with a bit less, the highest first; with a bit further down. Zero is tried elsewhere. */
function* fewerOrLower(now: number): Generator<number> {
  for (let bit = 31; bit >= 0; bit--) {
    const rest = (now & ~(1 << bit)) >>> 0;
    if (rest !== now && rest !== 0) yield rest;
  }
  for (let bit = 31; bit > 0; bit--) {
    const rest = (now & ~(1 << bit)) >>> 0;
    if (rest === now) continue;
    for (let lower = 0; lower < bit && lower < 8; lower++)
      if (!((now >>> lower) & 1)) yield (rest | (1 << lower)) >>> 0;
  }
}

/** Bytes of the second buffer that are zero, or else one. */
function* simplerSecond(step: IoctlStep): Generator<Step> {
  const { second } = step;
  if (second === undefined) return;
  if (second.address >= BigInt(READ_ONLY_START)) yield* movedSecond(step, second);
  for (const [at, byte] of second.bytes.entries()) {
    if (byte === 0) continue;
    yield { ...step, second: { ...second, bytes: second.bytes.with(at, 0) } };
    if (byte !== 1) yield { ...step, second: { ...second, bytes: second.bytes.with(at, 1) } };
  }
}

/** The second buffer in good memory. */
function* movedSecond(step: IoctlStep, second: SecondBuffer): Generator<Step> {
  const bytes = Uint8Array.from(step.bytes);
  const view = viewOf(bytes);
  const address = BigInt(SECOND_START);
  for (const { at, width } of fieldsOf(callNameOf(step)?.entry.layout ?? NO_LAYOUT))
    if (width === 8 && view.getBigUint64(at, true) === second.address) view.setBigUint64(at, address, true);
  yield { ...step, bytes, second: { ...second, address } };
}
