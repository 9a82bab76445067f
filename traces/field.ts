import { isWord } from './hex-digit.ts';
import type { FdKind, HexBytes, HexNumber, Vma, VmaKind } from './recording.ts';
import type { TraceErrorCode } from './trace-format-error.ts';

/*
 * The values that a field of the recorder format may hold. The `is…` predicates are what the reader runs on every line; the
 * fields say beside them what was expected, for the message about a line that one of them refused.
 */

/** What is wrong with a value: `expected` completes the sentence "expected …". */
export type Fault = Readonly<{ code: TraceErrorCode; expected: string }>;

/** One field of a line: what refuses a value, and whether the field may be left out. */
export type Field = Readonly<{ fault: (value: unknown) => Fault | undefined; optional: boolean }>;

export type Row = Readonly<Record<string, Field>>;

const notHex = /[^0-9a-fA-F]/;
const tooLong = /^0x0*[1-9a-fA-F][0-9a-fA-F]{16,}$/;
/** What a descriptor may be. */
export const fdKinds: ReadonlySet<FdKind> = new Set<FdKind>([
  'iommufd',
  'vfio-dev',
  'vfio-container',
  'fault',
  'access',
  'eventq',
  'dmabuf',
]);
const kinds: ReadonlySet<unknown> = fdKinds;
export const vmaKinds: ReadonlySet<VmaKind> = new Set<VmaKind>([
  'anon',
  'heap',
  'stack',
  'shm',
  'memfd',
  'hugetlb',
  'file',
  'device',
  'special',
  'unknown',
]);
const vmaKindNames: ReadonlySet<unknown> = vmaKinds;

/** `0x` and 1 to 16 digits. */
export function isHexNumber(value: unknown): value is HexNumber {
  if (typeof value !== 'string' || value.charCodeAt(0) !== 48 || value.charCodeAt(1) !== 120) return false;
  return isWord(value, 2, value.length);
}

/** An even number of digits, none included. */
export function isHexBytes(value: unknown): value is HexBytes {
  return typeof value === 'string' && (value.length & 1) === 0 && !notHex.test(value);
}

export function isFdKind(value: unknown): value is FdKind {
  return value === 'iommufd' || kinds.has(value);
}

/** An unsigned number that fits 64 bits. Past 2^53 the file's digits are already rounded, which a time stamp survives. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 2 ** 64 && Number.isInteger(value);
}

/** A signed 32-bit number: a descriptor, a process, a return value. */
export function isInt(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value;
}

const bad = (expected: string): Fault => ({ code: 'TRC005-ill-typed-field', expected });
const tooBig = (expected: string): Fault => ({ code: 'TRC007-beyond-64-bits', expected });

export const required = (fault: Field['fault']): Field => ({ fault, optional: false });
export const optional = (field: Field): Field => ({ fault: field.fault, optional: true });
export const plain = (accepts: (value: unknown) => boolean, expected: string): Field =>
  required((value) => (accepts(value) ? undefined : bad(expected)));

const numeric = (accepts: (value: unknown) => boolean, expected: string): Field =>
  required((value) => {
    if (accepts(value)) return undefined;
    return typeof value === 'number' && Math.abs(value) >= 2 ** 64 ? tooBig(expected) : bad(expected);
  });

export const int = numeric(isInt, 'a signed 32-bit number');
export const count = numeric(isCount, 'an unsigned number');
export const errno = numeric((value) => isInt(value) && value > 0 && value < 4096, 'a number from 1 to 4095');
/** A return value: -1, a count of bytes or a descriptor. */
export const result = numeric(
  (value) => Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 63,
  'a signed number',
);
export const text = plain((value) => typeof value === 'string', 'a string');
export const flag = plain((value) => typeof value === 'boolean', 'true or false');
export const kind = plain(isFdKind, `one of ${[...kinds].join(', ')}`);

export const hexNumber = required((value) => {
  if (isHexNumber(value)) return undefined;
  const expected = 'a string of 0x and at most 16 hexadecimal digits';
  return typeof value === 'string' && tooLong.test(value) ? tooBig(expected) : bad(expected);
});

export const hexBytes = required((value) => {
  if (isHexBytes(value)) return undefined;
  if (typeof value !== 'string') return bad('a string of hexadecimal digits');
  const expected = notHex.test(value) ? 'hexadecimal digits' : 'two hexadecimal digits a byte';
  return { code: 'TRC006-bad-hex', expected };
});

const isVma = (value: unknown): value is Vma =>
  Array.isArray(value) &&
  isHexNumber(value[0]) &&
  isHexNumber(value[1]) &&
  typeof value[2] === 'string' &&
  vmaKindNames.has(value[3]) &&
  isCount(value[4]) &&
  isHexNumber(value[5]) &&
  (value.length === 6 || (value.length === 7 && value[6] === 'huge'));

export const vmas = plain(
  (value) => Array.isArray(value) && value.every(isVma),
  'an array of [start, end, permissions, kind, inode, offset]',
);

/** An array with elements that `element` accepts. */
export function arrayOf(element: Field, expected: string): Field {
  return plain(
    (value) => Array.isArray(value) && value.every((each) => element.fault(each) === undefined),
    expected,
  );
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of a row with their names, in order. */
export type Fields = readonly (readonly [name: string, field: Field])[];

/** The first of `fields` that `value` lacks or holds wrongly; fields that are not among them are let pass. */
export function firstFault(
  fields: Fields,
  value: Readonly<Record<string, unknown>>,
): [string, Fault] | undefined {
  for (const [name, field] of fields) {
    if (value[name] === undefined) {
      if (field.optional) continue;
      const expected = field.fault(undefined)?.expected ?? 'a value';
      return [name, { code: 'TRC004-missing-field', expected }];
    }
    const fault = field.fault(value[name]);
    if (fault) return [name, fault];
  }
  return undefined;
}

/** An object within a line. */
export function objectOf(row: Row): Field {
  const fields = Object.entries(row);
  return required((value) => {
    if (!isObject(value)) return bad('an object');
    const found = firstFault(fields, value);
    return found && { code: found[1].code, expected: `an object with ${found[0]}: ${found[1].expected}` };
  });
}
