/** The situation in which one call was made, and how its parts are called in an explanation. */
import { errnoName } from '../events/errno.ts';
import { RULES } from '../events/rules.ts';
import type { AddressSpace } from '../machines/address-space.ts';
import type { IommuObject } from '../machines/objects.ts';
import { type Context, type OpenFile, openFileAt, type Process, type World } from '../machines/world.ts';
import { type DecodedCall, decodeCall } from './decoded-call.ts';
import { describeReply } from './describe-command.ts';
import type { CallLine, CallResult } from './engine.ts';
import type { Overlap } from './explain-overlap.ts';
import { type History, livesOf, type Step, seqOf } from './provenance.ts';

export type Scene = Readonly<{
  history: History;
  /** Steps before the call, and how many calls besides changed nothing. */
  steps: readonly Step[];
  passed: number;
  /** The call itself. */
  step: Step;
  line: CallLine;
  call: DecodedCall;
  result: CallResult;
  /** What it saw of a call that overlaps it. */
  overlap?: Overlap | undefined;
  /** The world just before the call. */
  before: World;
  context: Context | undefined;
  file: OpenFile | undefined;
  process: Process | undefined;
  space: AddressSpace | undefined;
}>;

/** Why a call was answered as it was: sentences, and the earlier lines that they speak of. */
export type Cause = Readonly<{ text: readonly string[]; steps: readonly Step[] }>;

const KIND_WORDS: Readonly<Record<IommuObject['kind'], string>> = {
  ioas: 'IOAS',
  'hwpt-paging': 'HWPT',
  'hwpt-nested': 'nested HWPT',
  device: 'device',
  access: 'hidden access',
  fault: 'fault queue',
  viommu: 'vIOMMU',
  vdevice: 'vDEVICE',
  veventq: 'vEVENTQ',
  'hw-queue': 'HW queue',
  selftest: 'mock handle',
  tombstone: 'tombstone',
};

export function kindWord(kind: IommuObject['kind']): string {
  return KIND_WORDS[kind];
}

/** `IOAS 3`, `hidden access 4`. */
export function nameOf(object: Readonly<{ kind: IommuObject['kind']; id: number }>): string {
  return `${KIND_WORDS[object.kind]} ${object.id}`;
}

/** `an IOAS`, `a device`. */
export function withArticle(word: string): string {
  return `${/^(IOAS|HWPT|HW queue|[aeiou])/.test(word) ? 'an' : 'a'} ${word}`;
}

/** `call 41`, or `line 41` for a close, an exit and other facts. */
export function stepText(step: Step): string {
  const word = step.result === undefined ? step.line.ev : 'call';
  return `${word} ${seqOf(step.line)}`;
}

/** The step that made the object now at `id`. */
export function makerOf(scene: Scene, id: number): Step | undefined {
  if (scene.context === undefined) return undefined;
  return livesOf(scene.steps, scene.context.id, id).findLast(
    (life) => life.ended === undefined || life.buried,
  )?.made;
}

/** ` (made by call 41)`, or nothing where the recording does not tell. */
export function madeText(step: Step | undefined): string {
  return step === undefined ? '' : ` (made by ${stepText(step)})`;
}

/** Steps without repetition, in the order of the recording. */
export function distinctSteps(steps: readonly (Step | undefined)[]): Step[] {
  const found = new Set(steps.filter((step) => step !== undefined));
  return [...found].sort((one, other) => seqOf(one.line) - seqOf(other.line));
}

/** A field of the command as a number; undefined where the command has none. */
export function numberField(call: DecodedCall, name: string): number | undefined {
  const value = call.fields[name];
  return typeof value === 'number' ? value : undefined;
}

export function bigField(call: DecodedCall, name: string): bigint | undefined {
  const value = call.fields[name];
  return typeof value === 'bigint' ? value : undefined;
}

/** Fields that name an object of the context, in the order in which kernels look them up. */
const ID_FIELDS = [
  'viommuId',
  'devId',
  'ptId',
  'hwptId',
  'ioasId',
  'srcIoasId',
  'dstIoasId',
  'faultId',
  'objectId',
];

/** Mock operations whose `id` is a descriptor or means nothing. */
const ID_IS_NO_OBJECT = new Set([
  'TestDestroyAccessPages',
  'TestAccessPages',
  'TestAccessRw',
  'TestAccessReplaceIoas',
  'TestMdCheckRefs',
  'TestSetTempMemoryLimit',
  'TestTriggerIopf',
  'TestTriggerVevent',
  'TestDmabufGet',
  'TestDmabufRevoke',
]);

/** Mock operations whose `id` is an access descriptor of the caller. */
const ID_IS_ACCESS = new Set([
  'TestDestroyAccessPages',
  'TestAccessPages',
  'TestAccessRw',
  'TestAccessReplaceIoas',
]);

/** The object behind the descriptor that a call is about: an access, a fault queue, an event queue. */
export function openObject(scene: Scene): IommuObject | undefined {
  const { call, file, process, before, context } = scene;
  if (call.type === undefined && file?.objectId !== undefined) return context?.objects[file.objectId];
  if (!ID_IS_ACCESS.has(call.type ?? '')) return undefined;
  const access = openFileAt(before, process, (numberField(call, 'id') ?? -1) | 0);
  return access?.kind !== 'access' || access.contextId !== context?.id
    ? undefined
    : context.objects[access.objectId];
}

/** Names of the fields of this command that hold object ids. */
export function idFieldsOf(call: DecodedCall): string[] {
  const names = ID_FIELDS.filter((name) => name in call.fields);
  if ('id' in call.fields && !ID_IS_NO_OBJECT.has(call.type ?? '')) names.unshift('id');
  if (call.type === 'HwptAlloc' && (Number(call.fields['flags']) & 4) === 0)
    return names.filter((name) => name !== 'faultId');
  if (call.type === 'Option' && call.fields['optionId'] === 0) return [];
  return names;
}

/** `EBUSY`, or `0 ioas=1`, or `undetermined`. */
export function resultText(result: CallResult): string {
  const { outcome, line } = result;
  if (outcome.missing !== undefined) return 'undetermined';
  if (outcome.rule !== undefined) return RULES[outcome.rule].errno;
  const reply = describeReply(decodeCall(line), outcome);
  return reply === '' ? String(outcome.ret) : `${outcome.ret} ${reply}`;
}

/** The recorded result: the name of an errno, a number, an address; null where the recording holds none. */
export function recordedText(line: CallLine): string | null {
  if (line.errno !== undefined) return errnoName(line.errno);
  if (line.ev === 'mmap') return line.addr === undefined ? null : line.addr;
  return line.ret === undefined ? null : String(line.ret);
}
