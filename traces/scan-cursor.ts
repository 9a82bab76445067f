/**
 * Where the scanner is in a block of lines, and what it passes over there: texts, numbers, hexadecimal digits. One scan at a time,
 * and nothing to allocate for it.
 */
import { HEX_CHARACTERS, HEX_DIGIT, WORD_DIGITS } from './hex-digit.ts';
import type { HexBytes, HexNumber } from './recording.ts';
import { SLOT_BYTES, scannedBytes, scannedPairs } from './scanned-struct.ts';

const QUOTE = 0x22;
const ZERO = 0x30;
const LETTER_X = 0x78;

/** Digits of a number that a double surely holds. */
const SAFE_DIGITS = 15;
/** Hexadecimal digits of what a double surely holds. */
const EXACT_HEX_DIGITS = 13;
const INT_MAX = 0x7fff_ffff;
const REFUSED = -1;

/** By two characters as one little-endian number: the byte that they are in hexadecimal digits, or -1. */
const hexPairValue = new Int16Array(65536).fill(-1);
for (const high of HEX_CHARACTERS) {
  for (const low of HEX_CHARACTERS)
    hexPairValue[high.charCodeAt(0) | (low.charCodeAt(0) << 8)] = Number.parseInt(high + low, 16);
}

const WORD = 4;

/** Text to be compared four characters at a time. */
export type Expected = Readonly<{ length: number; words: Int32Array; rest: number; restMask: number }>;

/** No look goes further beyond the end of a line: the longest text that is expected, and a word. */
let margin = 0;

export function ascii(text: string): Expected {
  const { length } = text;
  margin = Math.max(margin, length + WORD);
  const padded = Buffer.alloc(length + WORD);
  padded.write(text, 'latin1');
  const words = Int32Array.from({ length: Math.floor(length / WORD) }, (_, i) =>
    padded.readInt32LE(i * WORD),
  );
  const rest = padded.readInt32LE(words.length * WORD);
  return { length, words, rest, restMask: (1 << (8 * (length % WORD))) - 1 };
}

// One scan at a time, and nothing to allocate for it: the bytes of a block of lines and its text, which holds a character for
// each byte; where in them the scan is; from where on a line may end too close to the end of the block.
let bytes: Uint8Array = new Uint8Array(0);
let view = new DataView(bytes.buffer);
let text = '';
let at = 0;
let limit = 0;

/** Passes over `expected`; false, and no move, where something else stands there. */
export function passes(expected: Expected): boolean {
  const { words, length } = expected;
  let next = at;
  for (let index = 0; index < words.length; index++, next += WORD) {
    if (view.getInt32(next, true) !== words[index]) return false;
  }
  if (((view.getInt32(next, true) ^ expected.rest) & expected.restMask) !== 0) return false;
  at += length;
  return true;
}

/** The name whose text stands here, passed over; undefined for none, and no move. */
export function oneOf<Name>(names: readonly Readonly<{ name: Name; text: Expected }>[]): Name | undefined {
  for (const { name, text: expected } of names) if (passes(expected)) return name;
  return undefined;
}

/** An unsigned number, or REFUSED. */
export function count(): number {
  const from = at;
  let value = 0;
  for (;;) {
    const digit = (bytes[at] as number) - ZERO;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
    at++;
  }
  const digits = at - from;
  const leadingZero = digits > 1 && bytes[from] === ZERO;
  return digits === 0 || digits > SAFE_DIGITS || leadingZero ? REFUSED : value;
}

/** An unsigned number of 31 bits, such as a descriptor or a process, or REFUSED. */
export function small(): number {
  const value = count();
  return value > INT_MAX ? REFUSED : value;
}

/** Value of the number that hexNumber() read last; NaN where a double may not hold it. */
export let hexRead = 0;

/** `"0x…"`; undefined for anything else. */
export function hexNumber(): HexNumber | undefined {
  const from = at + 1;
  if (bytes[at] !== QUOTE || bytes[from] !== ZERO || bytes[from + 1] !== LETTER_X) return undefined;
  let end = from + 2;
  let value = 0;
  for (;;) {
    const digit = HEX_DIGIT[bytes[end] as number] as number;
    if (digit < 0) break;
    value = value * 16 + digit;
    end++;
  }
  const digits = end - from - 2;
  hexRead = digits > EXACT_HEX_DIGITS ? Number.NaN : value;
  if (digits === 0 || digits > WORD_DIGITS || bytes[end] !== QUOTE) return undefined;
  at = end + 1;
  return text.slice(from, end) as HexNumber;
}

/** `"…"` of whole bytes; undefined for anything else. */
export function hexBytes(): HexBytes | undefined {
  const from = at + 1;
  if (bytes[at] !== QUOTE) return undefined;
  let end = from;
  while ((hexPairValue[view.getUint16(end, true)] as number) >= 0) end += 2;
  if (bytes[end] !== QUOTE) return undefined;
  at = end + 1;
  return text.slice(from, end);
}

/** As hexBytes(); up to SLOT_BYTES bytes are written to `scannedBytes` from `slot` on, which is even. */
export function hexStruct(slot: number): HexBytes | undefined {
  const from = at + 1;
  if (bytes[at] !== QUOTE) return undefined;
  const most = from + 2 * SLOT_BYTES;
  let end = from;
  // Two bytes at a time: four characters are read at once.
  for (let to = slot >> 1; end < most; end += 4, to++) {
    const four = view.getInt32(end, true);
    const value = (hexPairValue[four & 0xffff] as number) | ((hexPairValue[four >>> 16] as number) << 8);
    if (value < 0) break;
    scannedPairs[to] = value;
  }
  if (end >= most) return hexBytes();
  const odd = hexPairValue[view.getUint16(end, true)] as number;
  if (odd >= 0) {
    scannedBytes[slot + ((end - from) >> 1)] = odd;
    end += 2;
  }
  if (bytes[end] !== QUOTE) return undefined;
  at = end + 1;
  return text.slice(from, end);
}

/** Whether the next `length` characters are those from `from` on; passes over them. */
export function repeats(from: number, length: number): boolean {
  if (at + length > limit) return false;
  let index = 0;
  for (; index + WORD <= length; index += WORD) {
    if (view.getInt32(at + index, true) !== view.getInt32(from + index, true)) return false;
  }
  for (; index < length; index++) if (bytes[at + index] !== bytes[from + index]) return false;
  at += length;
  return true;
}

/** Goes to `from` of a block whose text has a character for each byte; false where a line may end too close to the end of it. */
export function goTo(blockText: string, block: Uint8Array, from: number): boolean {
  if (block !== bytes) {
    bytes = block;
    view = new DataView(block.buffer, block.byteOffset, block.length);
    text = blockText;
    limit = blockText.lastIndexOf('\n', block.length - margin - 1);
  }
  at = from;
  return from < limit;
}

/** Where the scan is in the block. */
export function position(): number {
  return at;
}

/** Goes to another place of the same line. */
export function moveTo(place: number): void {
  at = place;
}

/** The next two characters as one big-endian number; no move. */
export function nextPair(): number {
  return view.getUint16(at);
}
