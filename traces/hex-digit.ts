/** Hexadecimal digits, by tables and loops that are quicker than a regular expression on short strings. */

export const HEX_CHARACTERS = '0123456789abcdefABCDEF';

/** By the character code: the value of a hexadecimal digit, or -1. */
export const HEX_DIGIT = new Int8Array(256).fill(-1);
for (const digit of HEX_CHARACTERS) HEX_DIGIT[digit.charCodeAt(0)] = Number.parseInt(digit, 16);

/** Digits of 64 bits. */
export const WORD_DIGITS = 16;

/** Whether text[from, to) is one to sixteen hexadecimal digits. */
export function isWord(text: string, from: number, to: number): boolean {
  if (to <= from || to - from > WORD_DIGITS) return false;
  for (let at = from; at < to; at++) if ((HEX_DIGIT[text.charCodeAt(at)] ?? -1) < 0) return false;
  return true;
}
