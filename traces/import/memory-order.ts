/** Hexadecimal numbers as a trace prints them, and the bytes that they are in memory. */
import { HEX_DIGIT, WORD_DIGITS } from '../hex-digit.ts';

const ZERO = 0x30;
const SPACE = 0x20;
const BYTE_DIGITS = 2;

/**
 * Where the hexadecimal digits end that begin at `from` of the characters codes[0, to), one to sixteen and then a space or
 * nothing; -1 for anything else.
 */
export function wordEnd(codes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (; at < to; at++) {
    const code = codes[at] as number;
    if (code === SPACE) break;
    if ((HEX_DIGIT[code] as number) < 0) return -1;
  }
  return at > from && at - from <= WORD_DIGITS ? at : -1;
}

/** The low 32 bits of the number whose digits stand in codes[from, to). */
export function lowHalf(codes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = Math.max(from, to - WORD_DIGITS / 2); at < to; at++)
    value = value * 16 + (HEX_DIGIT[codes[at] as number] as number);
  return value;
}

/**
 * Writes the eight bytes, as hex in memory order, of the number whose digits stand in codes[from, to), as character codes to
 * bytes[at …). Returns where they end.
 */
export function writeLittleEndian(
  bytes: Uint8Array,
  at: number,
  codes: Uint8Array,
  from: number,
  to: number,
): number {
  const end = at + WORD_DIGITS;
  let next = at;
  let digit = to;
  for (; digit - BYTE_DIGITS >= from; digit -= BYTE_DIGITS) {
    bytes[next++] = codes[digit - 2] as number;
    bytes[next++] = codes[digit - 1] as number;
  }
  if (digit > from) {
    bytes[next++] = ZERO;
    bytes[next++] = codes[from] as number;
  }
  while (next < end) bytes[next++] = ZERO;
  return end;
}

/** The little-endian 32-bit number at byte `at`; undefined past the end. */
export function u32At(bytes: string, at: number): number | undefined {
  const from = at * BYTE_DIGITS;
  if (from + 8 > bytes.length) return undefined;
  let value = 0;
  for (let byte = 3; byte >= 0; byte--) {
    const digit = from + byte * BYTE_DIGITS;
    value = value * 256 + nibble(bytes, digit) * 16 + nibble(bytes, digit + 1);
  }
  return value;
}

function nibble(text: string, at: number): number {
  return HEX_DIGIT[text.charCodeAt(at)] as number;
}

/** The signed value of a 64-bit return in hexadecimal digits: small negative numbers are errnos. */
export function signedReturn(digits: string): number {
  if (digits.length === WORD_DIGITS && (HEX_DIGIT[digits.charCodeAt(0)] as number) >= 8)
    return Number.parseInt(digits.slice(8), 16) | 0;
  return Number.parseInt(digits, 16);
}

/** Whether all digits are 0. */
export function isZero(bytes: string): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes.charCodeAt(at) !== 0x30) return false;
  return true;
}
