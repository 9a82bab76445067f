/** The body of a probe event as text: `(function+0x4/0x166) cmd=0x3b81 w0=0xc …`. */
import { isWord, WORD_DIGITS } from '../hex-digit.ts';
import { rawBuffer } from '../raw-buffer.ts';
import type { ProbeFetch, SecondFetch } from './kernel-event.ts';
import { lowHalf, wordEnd, writeLittleEndian } from './memory-order.ts';
import { begins, codesOf } from './text-match.ts';

export type ProbePlace = Readonly<{ probed: string; returns: boolean; fields: string }>;

const PARENTHESIS = 0x28;
const MINUS = 0x2d;
const SPACE = 0x20;
const ZERO = 0x30;

type Place = Readonly<{ head: string; probed: string; returns: boolean }>;
const NOWHERE: Place = { head: '~', probed: '', returns: false };

// Where probes sat last: most are of the same function, its entry and its return by turns.
let entryPlace = NOWHERE;
let returnPlace = NOWHERE;

/** Where the probe sits; undefined for bodies of other events. */
export function probePlace(body: string): ProbePlace | undefined {
  if (begins(body, entryPlace.head)) return placed(body, entryPlace);
  if (begins(body, returnPlace.head)) return placed(body, returnPlace);
  if (body.charCodeAt(0) !== PARENTHESIS) return undefined;
  const end = body.indexOf(')');
  if (end < 0) return undefined;
  const text = body.slice(1, end);
  const arrow = text.indexOf(' <- ');
  const name = arrow < 0 ? text : text.slice(arrow + 4);
  const plus = name.indexOf('+');
  // A copy of its own, which does not keep the text around it alive.
  const head = Buffer.from(body.slice(0, end + 1)).toString();
  const place: Place = { head, probed: plus < 0 ? name : name.slice(0, plus), returns: arrow >= 0 };
  if (place.returns) returnPlace = place;
  else entryPlace = place;
  return placed(body, place);
}

function placed(body: string, { head, probed, returns }: Place): ProbePlace {
  return { probed, returns, fields: body.slice(head.length) };
}

/** The digits of `name=0x…` in `fields`, where `name` begins with a space and ends with `=`; undefined for no such number. */
function hexField(fields: string, name: string): string | undefined {
  const from = fields.indexOf(name);
  if (from < 0) return undefined;
  let at = from + name.length;
  if (begins(fields, '0x', at)) at += 2;
  const space = fields.indexOf(' ', at);
  const end = space < 0 ? fields.length : space;
  return isWord(fields, at, end) ? fields.slice(at, end) : undefined;
}

/** The signed decimal number of `ret=…`; undefined where there is none. */
export function returnField(fields: string): number | undefined {
  const found = fields.indexOf(' ret=');
  if (found < 0) return undefined;
  const negative = fields.charCodeAt(found + 5) === MINUS;
  const from = negative ? found + 6 : found + 5;
  let value = 0;
  let at = from;
  for (; at < fields.length && fields.charCodeAt(at) !== SPACE; at++) {
    const digit = fields.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  if (at === from || at - from > 10) return undefined;
  return negative ? -value : value;
}

/** ` w0=0x`, ` w8=0x`, …, as character codes. */
const namesOf = (prefix: string): readonly Uint8Array[] =>
  Array.from({ length: 128 }, (_, index) => Buffer.from(` ${prefix}${index * 8}=0x`, 'latin1'));
const STRUCT = namesOf('w');
const SECOND = namesOf('p');
/** `0x`, which a field has that reads as a number. */
const MARK = 2;

/** Where the digits of a struct are put together. */
const words = rawBuffer(STRUCT.length * WORD_DIGITS);

// The words fetched last: what the return probe finds is mostly what the entry probe found.
let lastText = '~';
let lastWords = '';

/** The words of the struct; see wordFields(). */
function structWords(fields: string): string | undefined {
  const from = fields.indexOf(' w0=');
  if (from < 0) return '';
  const text = fields.slice(from);
  if (text === lastText) return lastWords;
  const fetched = wordFields(text, STRUCT, true);
  if (fetched === undefined) return undefined;
  lastText = text;
  lastWords = fetched;
  return fetched;
}

/** Whether codes[at …) begins with the name, or all of it but its last `less` characters. */
function isNamed(codes: Uint8Array, at: number, name: Uint8Array, less = 0): boolean {
  for (let index = 0; index < name.length - less; index++)
    if (codes[at + index] !== name[index]) return false;
  return true;
}

/**
 * The words that stand under `names` in memory order, from the first field of the text on and as far as they go without a gap;
 * undefined where one is no number. With `sized`, no more than the low half of the first one says, which is the size of the struct.
 */
function wordFields(text: string, names: readonly Uint8Array[], sized: boolean): string | undefined {
  const codes = codesOf(text);
  const to = text.length;
  let from = 0;
  let written = 0;
  let most = Number.POSITIVE_INFINITY;
  for (const name of names) {
    if (written >= most) break;
    const start = from + name.length;
    if (start > to || !isNamed(codes, from, name)) {
      // A field that is there and does not read as a number is damage; none at all is the end.
      if (start - MARK <= to && isNamed(codes, from, name, MARK)) return undefined;
      break;
    }
    const end = wordEnd(codes, start, to);
    if (end < 0) return undefined;
    if (sized && written === 0) {
      const size = lowHalf(codes, start, end);
      if (size > 0) most = Math.ceil(size / 8) * WORD_DIGITS;
    }
    written = writeLittleEndian(words, written, codes, start, end);
    from = end;
  }
  return words.latin1Slice(0, written);
}

const KINDS: Readonly<Record<string, ProbeFetch['kind']>> = {
  iommufd_fops_ioctl: 'iommufd',
  vfio_device_fops_unl_ioctl: 'vfio-dev',
};

/** What the probe on an ioctl handler fetched; undefined where a field is damaged. */
export function probeFetch(place: ProbePlace): ProbeFetch | undefined {
  const command = hexField(place.fields, ' cmd=');
  // Return probes of older kernels know the result only.
  const bare = place.returns && !place.fields.includes(' cmd=');
  if (!bare && (command === undefined || command.length > 8)) return undefined;
  const fetched = structWords(place.fields);
  if (fetched === undefined) return undefined;
  return {
    kind: KINDS[place.probed],
    command: command === undefined ? undefined : Number.parseInt(command, 16),
    pointer: hexField(place.fields, ' uptr=') ?? '',
    words: fetched,
  };
}

/** Whether the probe fetched the buffer that the struct points to. */
export function fetchesSecond(place: ProbePlace): boolean {
  return !place.fields.includes(' w0=') && place.fields.includes(' p0=');
}

/** What it fetched; undefined where a field is damaged. */
export function secondFetch(place: ProbePlace): SecondFetch | undefined {
  const pointer = hexField(place.fields, ' ptr=');
  const from = place.fields.indexOf(' p0=');
  const fetched = from < 0 ? '' : wordFields(place.fields.slice(from), SECOND, false);
  return pointer === undefined || fetched === undefined ? undefined : { pointer, words: fetched };
}
