/** Programs in a form in which equal ones are equal: resources numbered as they are made, buffers at fixed places. */
import { Renaming } from '../explore/renaming.ts';
import { type IoctlStep, madeBy, type Operand, type Program, type Step, type Use } from './program.ts';
import {
  inArena,
  READ_ONLY_LENGTH,
  READ_ONLY_START,
  SECOND_START,
  SECOND_STRIDE,
  STRUCT_START,
  STRUCT_STRIDE,
} from './program-memory.ts';
import { callNameOf, fieldsOf } from './syz-fields.ts';

const NO_DESCRIPTOR: Operand = { fd: -1 };
const STRUCTS_END = BigInt(SECOND_START);
const SECONDS_END = BigInt(SECOND_START + 0x10_0000);

/**
 * The same program under canonical names. A resource that no earlier step makes becomes the value that it has then: no
 * descriptor, or id 0.
 */
export function canonical(program: Program): Program {
  const names = new Renaming();
  const steps = program.steps.map((step, index) => {
    const used = withUses(step, names);
    for (const resource of madeBy(used)) names.nameOf(resource);
    return moved(withMakes(used, names), index);
  });
  return { ...program, steps };
}

function operand(fd: Operand, names: Renaming): Operand {
  if ('fd' in fd) return fd;
  const resource = names.known(fd.resource);
  return resource === undefined ? NO_DESCRIPTOR : { resource };
}

function withUses(step: Step, names: Renaming): Step {
  if (!('fd' in step)) return step;
  const fd = operand(step.fd, names);
  if (step.call !== 'ioctl') return { ...step, fd };
  const bytes = Uint8Array.from(step.bytes);
  const uses: Use[] = [];
  for (const use of step.uses) {
    if (use.at + use.width > bytes.length) continue;
    const resource = names.known(use.resource);
    bytes.fill(0, use.at, use.at + use.width);
    if (resource !== undefined) uses.push({ ...use, resource });
  }
  uses.sort((one, other) => one.at - other.at);
  return { ...step, fd, bytes, uses, makes: sortedMakes(step) };
}

/** Fields in the order of their offsets; those that the struct is too short for cannot be made. */
function sortedMakes(step: IoctlStep): IoctlStep['makes'] {
  const entry = callNameOf(step)?.entry;
  const fields = entry === undefined ? [] : fieldsOf(entry.layout);
  const offset = (field: string): number => fields.find(({ name }) => name === field)?.at ?? -1;
  return step.makes
    .filter(({ field }) => field === '' || (offset(field) >= 0 && offset(field) + 4 <= step.bytes.length))
    .sort((one, other) => offset(one.field) - offset(other.field));
}

function withMakes(step: Step, names: Renaming): Step {
  switch (step.call) {
    case 'open':
    case 'dup':
    case 'memfd':
      return { ...step, make: names.nameOf(step.make) };
    case 'ioctl':
      return {
        ...step,
        makes: step.makes.map(({ field, resource }) => ({ field, resource: names.nameOf(resource) })),
      };
    default:
      return step;
  }
}

/** Structs and second buffers that lie in ordinary memory lie where their step says. */
function moved(step: Step, index: number): Step {
  if (step.call !== 'ioctl') return step;
  const { arg, second } = step;
  const usual = arg >= BigInt(STRUCT_START) && arg < STRUCTS_END && inArena(arg);
  const locked = arg >= BigInt(READ_ONLY_START) && arg < BigInt(READ_ONLY_START + READ_ONLY_LENGTH);
  const from = usual ? STRUCT_START : READ_ONLY_START;
  const slot = index % (usual ? 0x1000 : 0x100);
  const place = usual || locked ? BigInt(from + slot * STRUCT_STRIDE) : arg;
  if (second === undefined || !pointsTo(step, second.address))
    return { ...step, arg: place, second: undefined };
  const { address } = second;
  if (address < BigInt(SECOND_START) || address >= SECONDS_END) return { ...step, arg: place };
  const to = BigInt(SECOND_START + (index % 0x100) * SECOND_STRIDE) + (address & 0xfffn);
  return { ...step, arg: place, bytes: repointed(step, address, to), second: { ...second, address: to } };
}

/** Offsets of the 64-bit fields that hold this address. */
function pointersTo(step: IoctlStep, address: bigint): number[] {
  const entry = callNameOf(step)?.entry;
  const view = new DataView(step.bytes.buffer, step.bytes.byteOffset, step.bytes.length);
  return (entry === undefined ? [] : fieldsOf(entry.layout))
    .filter(
      ({ at, width }) =>
        width === 8 && at + 8 <= step.bytes.length && view.getBigUint64(at, true) === address,
    )
    .map(({ at }) => at);
}

/** Whether the struct still names its second buffer; bytes that nothing points to are no part of the call. */
export function pointsTo(step: IoctlStep, address: bigint): boolean {
  return pointersTo(step, address).length > 0;
}

/** The struct with every pointer to the second buffer turned to its new place. */
function repointed(step: IoctlStep, from: bigint, to: bigint): Uint8Array {
  const bytes = Uint8Array.from(step.bytes);
  const view = new DataView(bytes.buffer);
  for (const at of pointersTo(step, from)) view.setBigUint64(at, to, true);
  return bytes;
}
