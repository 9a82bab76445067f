/** Hexadecimal numbers as a trace prints them, and the bytes that they are in memory. */

const DIGIT = new Int8Array(128).fill(-1);
for (let value = 0; value < 16; value++) {
  DIGIT[value.toString(16).charCodeAt(0)] = value;
  DIGIT[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

const WORD_DIGITS = 16;
const ZEROS = '0'.repeat(WORD_DIGITS);
const BYTE_DIGITS = 2;

/** Whether text[from, to) is one to sixteen hexadecimal digits. */
export function isWord(text: string, from: number, to: number): boolean {
  if (to <= from || to - from > WORD_DIGITS) return false;
  for (let at = from; at < to; at++) if ((DIGIT[text.charCodeAt(at)] ?? -1) < 0) return false;
  return true;
}

/** The eight bytes, as hex in memory order, of the number whose digits stand in text[from, to). */
export function littleEndian(text: string, from: number, to: number): string {
  if (to - from === 1 && text.charCodeAt(from) === 0x30) return ZEROS;
  let bytes = '';
  let at = to;
  for (; at - BYTE_DIGITS >= from; at -= BYTE_DIGITS) bytes += text.slice(at - BYTE_DIGITS, at);
  if (at > from) bytes += `0${text.charAt(from)}`;
  return bytes.length === WORD_DIGITS ? bytes : bytes + ZEROS.slice(bytes.length);
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
  return DIGIT[text.charCodeAt(at)] as number;
}

/** The signed value of a 64-bit return in hexadecimal digits: small negative numbers are errnos. */
export function signedReturn(digits: string): number {
  if (digits.length === WORD_DIGITS && (DIGIT[digits.charCodeAt(0)] as number) >= 8)
    return Number.parseInt(digits.slice(8), 16) | 0;
  return Number.parseInt(digits, 16);
}

/** Whether all digits are 0. */
export function isZero(bytes: string): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes.charCodeAt(at) !== 0x30) return false;
  return true;
}
