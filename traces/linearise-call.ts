/** A call of a window of overlapping calls: when it ran, which objects it names, what it builds or allocates. */

import { widthOf } from './decode-struct.ts';
import { decodeCall, entryOfLine, type FieldValue } from './decoded-call.ts';
import type { IoctlLine, RecordedLine } from './recording.ts';

export type OverlappingCall = Readonly<{
  line: RecordedLine;
  /** Nanoseconds. */
  start: number;
  end: number;
  tid: number;
  /** Place in the recording, among the calls of the window. */
  index: number;
}>;

const idField = /(^i|I)d$/;
const u64Max = 0xffff_ffff_ffff_ffffn;

/** Commands that set an id aside before they know whether they succeed, and how many at most. */
const SETS_ASIDE: ReadonlyMap<string, number> = new Map([
  ['IoasAlloc', 1],
  ['HwptAlloc', 1],
  ['ViommuAlloc', 1],
  ['VdeviceAlloc', 1],
  ['VeventqAlloc', 1],
  ['FaultQueueAlloc', 1],
  ['HwQueueAlloc', 2],
  ['DeviceBindIommufd', 1],
  ['DeviceAttachIommufdPt', 1],
  ['TestMockDomain', 3],
  ['TestMockDomainFlags', 3],
  ['TestMockDomainReplace', 1],
  ['TestCreateAccess', 1],
]);

export type AreaBuilt = Readonly<{ ioasId: number; start: bigint; last: bigint }>;

export function overlaps(one: OverlappingCall, other: OverlappingCall): boolean {
  return one !== other && one.tid !== other.tid && one.start < other.end && other.start < one.end;
}

/** The calls that may come next: nothing that is not done ended before they began. */
export function mayComeNext(
  calls: readonly OverlappingCall[],
  done: ReadonlySet<OverlappingCall>,
): OverlappingCall[] {
  const left = calls.filter((call) => !done.has(call));
  return left.filter((call) => left.every((other) => other === call || !precedes(other, call)));
}

function precedes(one: OverlappingCall, other: OverlappingCall): boolean {
  if (one.tid === other.tid) return one.index < other.index;
  return one.end <= other.start && one.index < other.index;
}

/** Header-independent name of the command; '' for lines that are no ioctl. */
export function commandOf({ line }: OverlappingCall): string {
  return line.ev === 'ioctl' ? (entryOfLine(line)?.type ?? '') : '';
}

export function fieldsOf(line: RecordedLine): Readonly<Record<string, FieldValue>> {
  return line.ev === 'ioctl' ? decodeCall(line).fields : {};
}

/** Ids that the call names or was answered. */
export function idsOf(line: RecordedLine): ReadonlySet<number> {
  const ids = new Set<number>();
  if (line.ev !== 'ioctl') return ids;
  const answered = line.out === undefined ? {} : decodeCall({ ...line, in: line.out }).fields;
  for (const fields of [decodeCall(line).fields, answered])
    for (const [name, value] of Object.entries(fields)) if (idField.test(name)) ids.add(Number(value));
  ids.delete(0);
  return ids;
}

/** Ids that a successful call made, as its answer shows them. */
export function idsMade(line: RecordedLine): readonly number[] {
  if (line.ev !== 'ioctl' || line.ret !== 0 || line.out === undefined) return [];
  const before = decodeCall(line).fields;
  return Object.entries(decodeCall({ ...line, in: line.out }).fields)
    .filter(([name, value]) => idField.test(name) && value !== before[name])
    .map(([, value]) => Number(value));
}

/** Ids that the call may hold while it runs and gives back when it fails. */
export function idsSetAside(call: OverlappingCall): number {
  const { line } = call;
  return line.ev === 'ioctl' && (line.ret ?? -1) === -1 ? (SETS_ASIDE.get(commandOf(call)) ?? 0) : 0;
}

/** The area that a map or a copy makes, where its place is known. */
export function areaBuilt(call: OverlappingCall): AreaBuilt | undefined {
  const { line } = call;
  const type = commandOf(call);
  if (line.ev !== 'ioctl' || !/^(IoasMap|IoasMapFile|IoasCopy)$/.test(type)) return undefined;
  const fixed = (Number(fieldsOf(line)['flags'] ?? 0) & 1) !== 0;
  if (!fixed && line.ret !== 0) return undefined;
  const fields = line.out === undefined ? fieldsOf(line) : decodeCall({ ...line, in: line.out }).fields;
  const copy = type === 'IoasCopy';
  const start = BigInt(fields[copy ? 'dstIova' : 'iova'] ?? 0);
  const length = BigInt(fields['length'] ?? 0);
  if (length === 0n) return undefined;
  return { ioasId: Number(fields[copy ? 'dstIoasId' : 'ioasId'] ?? 0), start, last: start + length - 1n };
}

/** The range of an IOAS that a call asks about; the end is cut at the last address. */
export function rangeAsked(line: RecordedLine, ioas: string, iova: string): AreaBuilt {
  const fields = fieldsOf(line);
  const start = BigInt(fields[iova] ?? 0);
  const length = BigInt(fields['length'] ?? 0);
  const last = length === 0n ? start : start + length - 1n;
  return { ioasId: Number(fields[ioas] ?? 0), start, last: last > u64Max ? u64Max : last };
}

export function meets(one: AreaBuilt, other: AreaBuilt): boolean {
  return one.ioasId === other.ioasId && one.start <= other.last && other.start <= one.last;
}

/** The ioctl with one field of its struct replaced, and without its results: to be followed, not compared. */
export function asking(line: IoctlLine, name: string, value: FieldValue): IoctlLine {
  const field = entryOfLine(line)?.layout.fields[name];
  if (field === undefined) throw new Error(`invariant: ${line.req} has no field ${name}`);
  const [, offset, type] = field;
  const bytes = Buffer.from(line.in, 'hex');
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let at = offset; at < offset + widthOf(type); at++, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
  return { ...line, in: bytes.toString('hex') };
}
