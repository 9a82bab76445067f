/** One ioctl in C: its struct, its second buffer, the call, and what later calls need of its answer. */
import { hex } from '../events/hex.ts';
import type { Outcome } from '../events/outcome.ts';
import { memberName, requestName, structName } from './c-export-structs.ts';
import type { IoctlEntry } from './ioctl-table.ts';
import type { IoctlStep, Operand, Use } from './program.ts';
import { roleOf } from './program-fields.ts';
import { errnoNameOf, type ProgramMachine } from './program-machine.ts';
import { VALUE_REQUESTS } from './program-values.ts';
import { callNameOf, fieldsOf } from './syz-fields.ts';

const TEST_STRUCT = 'iommu_test_cmd';

export function operand(fd: Operand): string {
  return 'resource' in fd ? `(int)r[${fd.resource}]` : String(fd.fd);
}

/** `, ret, errno` of the model's answer. */
function predicted(outcome: Outcome): string {
  if (outcome.missing !== undefined) return 'ANY_RESULT, 0';
  const errno = errnoNameOf(outcome);
  return errno === undefined ? `${outcome.ret}, 0` : `-1, ${errno}`;
}

/** A call without arguments to prepare. */
export function simple(index: number, name: string, call: string, outcome: Outcome): string[] {
  return [`\tgot = ${call};`, `\texpect(${index}, "${name}", got, ${predicted(outcome)});`];
}

/** `entries` collects the structs that the file has to define. */
export function ioctlCode(
  step: IoctlStep,
  index: number,
  outcome: Outcome,
  machine: ProgramMachine,
  entries: Map<string, IoctlEntry>,
): string[] {
  const known = callNameOf(step);
  const request = known === undefined ? hex(step.request) : requestName(known.entry);
  if (known !== undefined) entries.set(structName(known.entry), known.entry);
  const name = known?.entry.name ?? hex(step.request);
  const call = `ioctl(${operand(step.fd)}, ${request}, ${hex(step.arg)}UL)`;
  if (VALUE_REQUESTS.has(step.request)) return simple(index, name, call, outcome);
  const hidden = step.makes.find(({ field }) => field === '');
  const before = hidden === undefined ? [] : [`\t\tr[${hidden.resource}] = next_descriptor();`];
  const lines = ['\t{', ...fillCode(step, known?.entry, machine), ...secondCode(step), ...before];
  lines.push(...callCode(step, call).map((line) => `\t${line}`));
  if (known !== undefined && outcome.rule === undefined)
    lines.push(...takeCode(step, known.entry, outcome, machine));
  lines.push(`\t\texpect(${index}, "${name}", got, ${predicted(outcome)});`);
  return [...lines, '\t}'];
}

/** With a failure asked for, the call is made again until none comes: what failed has changed nothing. */
function callCode(step: IoctlStep, call: string): string[] {
  if (step.props.failNth === undefined) return [`\tgot = ${call};`];
  return [
    '\tfor (int nth = 1;; nth++) {',
    '\t\tint armed = fail_nth(nth);',
    '',
    `\t\tgot = ${call};`,
    '\t\tif (!armed || !failed_nth() || !injected(got))',
    '\t\t\tbreak;',
    '\t}',
  ];
}

/** The struct, member by member where the compiler's idea of it can hold all of its bytes. */
function fillCode(step: IoctlStep, entry: IoctlEntry | undefined, machine: ProgramMachine): string[] {
  if (step.bytes.length === 0) return [];
  // Nothing made the others, and the model takes 0 for them.
  const uses = step.uses.filter(({ resource }) => machine.values[resource] !== undefined);
  const plain = entry === undefined ? undefined : membersOf(step, entry, uses);
  if (plain !== undefined && entry !== undefined) {
    return [
      `\t\tstruct ${structName(entry)} cmd = { ${plain.join(', ')} };`,
      '',
      `\t\tput(${hex(step.arg)}UL, &cmd, ${step.bytes.length});`,
    ];
  }
  const bytes = [...step.bytes].map((byte) => hex(byte)).join(', ');
  return [
    `\t\tunsigned char cmd[${step.bytes.length}] = { ${bytes} };`,
    '',
    ...uses.map(({ at, resource }) => `\t\tset_word(cmd, ${at}, r[${resource}]);`),
    `\t\tput(${hex(step.arg)}UL, cmd, sizeof(cmd));`,
  ];
}

function membersOf(step: IoctlStep, { layout }: IoctlEntry, uses: readonly Use[]): string[] | undefined {
  if (step.bytes.length !== layout.size) return undefined;
  const view = new DataView(step.bytes.buffer, step.bytes.byteOffset, step.bytes.length);
  const rest = Uint8Array.from(step.bytes);
  const members: string[] = [];
  for (const { name, at, width, type } of fieldsOf(layout)) {
    const used = uses.find((use) => use.at === at);
    const value = width === 8 ? view.getBigUint64(at, true) : BigInt(wordOf(view, at, width));
    if (type === 'u24' || (name === '' && layout.name === TEST_STRUCT)) continue;
    rest.fill(0, at, at + width);
    if (used !== undefined) members.push(`.${memberName(layout, name)} = (__u32)r[${used.resource}]`);
    else if (value !== 0n) members.push(`.${memberName(layout, name)} = ${literal(value, type)}`);
  }
  return rest.some((byte) => byte !== 0) || members.length === 0 ? undefined : members;
}

function wordOf(view: DataView, at: number, width: number): number {
  if (width === 4) return view.getUint32(at, true);
  return width === 2 ? view.getUint16(at, true) : view.getUint8(at);
}

function literal(value: bigint, type: string): string {
  if (type === 'u64') return `${hex(value)}ULL`;
  return type === 's32' ? String(BigInt.asIntN(32, value)) : hex(value);
}

function secondCode(step: IoctlStep): string[] {
  if (step.second === undefined || step.second.bytes.length === 0) return [];
  const { address, bytes } = step.second;
  const list = [...bytes].map((byte) => hex(byte)).join(', ');
  return [`\t\tput(${hex(address)}UL, (const unsigned char[]){ ${list} }, ${bytes.length});`];
}

/** What later calls name, and the ids that the model says these are. */
function takeCode(
  step: IoctlStep,
  { layout, type }: IoctlEntry,
  outcome: Outcome,
  machine: ProgramMachine,
): string[] {
  return step.makes.flatMap(({ field, resource }) => {
    const at = layout.fields[field]?.[1];
    if (at === undefined || outcome.missing !== undefined) return [];
    const take = `\t\tr[${resource}] = get_word(${hex(step.arg)}UL, ${at});`;
    const value = machine.values[resource];
    if (roleOf(type, field)?.is !== 'made-id' || value === undefined) return [take];
    return [take, `\t\tsame("${memberName(layout, field)}", (__u64)r[${resource}], ${value});`];
  });
}
