import {
  type Fields,
  firstFault,
  isCount,
  isFdKind,
  isHexBytes,
  isHexNumber,
  isInt,
  isObject,
} from './field.ts';
import { lineFields } from './line-fields.ts';
import type { IoctlLine, RecordedLine } from './recording.ts';
import { TraceFormatError, type TracePosition } from './trace-format-error.ts';

const fieldsOfLine: ReadonlyMap<string, Fields> = new Map(
  Object.entries(lineFields).map(([ev, row]) => [ev, Object.entries(row)]),
);

type ParsedObject = Readonly<Record<string, unknown>>;

/**
 * One line of a recorder file, read and checked. Fields that the format does not know are let pass.
 *
 * Throws TraceFormatError: TRC001-not-json, TRC002-unknown-event, TRC003-bad-header (another format or version),
 * TRC004-missing-field, TRC005-ill-typed-field, TRC006-bad-hex, TRC007-beyond-64-bits.
 */
export function parseLine(text: string, at: TracePosition): RecordedLine {
  const line = parseJson(text, at);
  if (isObject(line)) {
    if (isUsualIoctl(line)) return line;
    checkFields(line, at);
    return line;
  }
  throw new TraceFormatError('TRC001-not-json', at, `expected a JSON object, found ${shown(line)}`);
}

function parseJson(text: string, at: TracePosition): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const found = foundInstead(text, cause instanceof Error ? cause.message : '');
    throw new TraceFormatError('TRC001-not-json', at, `expected a JSON object, found ${found}`, { cause });
  }
}

/** What stands where JSON.parse gave up; its message tells the column, or only the character. */
function foundInstead(text: string, message: string): string {
  const position = /at position (\d+)/.exec(message)?.[1];
  const from = message.includes('end of JSON input') ? text.length : Number(position ?? 0);
  if (from >= text.length) return 'the end of the line';
  if (position !== undefined) return `${shown(text.slice(from, from + 40))} at column ${from + 1}`;
  const character = /^Unexpected token '(.[^']?)'/s.exec(message)?.[1];
  return character === undefined ? shown(text) : `${shown(text)} with an unexpected ${shown(character)}`;
}

/** Nearly every line of a recording. Accepts only what `lineFields` accepts; the rest goes the slow way. */
function isUsualIoctl(line: ParsedObject): line is IoctlLine {
  const { ret, errno, out, ptr, ptrIn, ptrOut, dur } = line;
  return (
    line['ev'] === 'ioctl' &&
    isCount(line['seq']) &&
    isCount(line['ns']) &&
    isInt(line['pid']) &&
    isInt(line['tid']) &&
    isInt(line['fd']) &&
    isFdKind(line['kind']) &&
    isHexNumber(line['req']) &&
    isHexNumber(line['arg']) &&
    isHexBytes(line['in']) &&
    (ret === undefined || isInt(ret)) &&
    (dur === undefined || isCount(dur)) &&
    (errno === undefined || (isInt(errno) && errno > 0 && errno < 4096)) &&
    (out === undefined || isHexBytes(out)) &&
    (ptr === undefined || isHexNumber(ptr)) &&
    (ptrIn === undefined || isHexBytes(ptrIn)) &&
    (ptrOut === undefined || isHexBytes(ptrOut)) &&
    line['file'] === undefined &&
    line['nextFd'] === undefined &&
    line['lacks'] === undefined
  );
}

function checkFields(line: ParsedObject, at: TracePosition): asserts line is RecordedLine {
  const ev = line['ev'];
  if (typeof ev !== 'string' || !isEvent(ev)) {
    const expected = `expected ev to be one of ${Object.keys(lineFields).join(', ')}`;
    throw new TraceFormatError('TRC002-unknown-event', at, `${expected}, found ${shown(ev)}`);
  }
  const found = firstFault(fieldsOfLine.get(ev) ?? [], line);
  if (found) {
    const [name, { code, expected }] = found;
    const header = name === 'format' || name === 'version';
    const detail = `expected ${name} of ${ev} to be ${expected}, found ${shown(line[name])}`;
    throw new TraceFormatError(header ? 'TRC003-bad-header' : code, at, detail);
  }
  if (
    ev === 'open' &&
    line['fd'] === undefined &&
    line['errno'] === undefined &&
    line['nextFd'] === undefined
  ) {
    throw new TraceFormatError(
      'TRC004-missing-field',
      at,
      'expected fd, errno or nextFd of open, found none',
    );
  }
}

function isEvent(ev: string): ev is RecordedLine['ev'] {
  return Object.hasOwn(lineFields, ev);
}

/** A value as one short line without control characters. */
function shown(value: unknown): string {
  if (value === undefined) return 'none';
  const json = JSON.stringify(value);
  return json.length > 60 ? `${json.slice(0, 57)}…` : json;
}
