/** Looking at texts that are slices of a block of lines: V8 is slow to walk through them character by character. */
import { rawBuffer } from '../raw-buffer.ts';

/** As text.startsWith(what, at), in a quarter of the time. */
export function begins(text: string, what: string, at = 0): boolean {
  return text.slice(at, at + what.length) === what;
}

const UTF8_LONGEST = 3;

let codes = rawBuffer(4096);

/** The bytes of a text, until the next call: up to the first character that is not ASCII, one for each. */
export function codesOf(text: string): Uint8Array {
  const most = text.length * UTF8_LONGEST;
  if (most > codes.length) codes = rawBuffer(most);
  codes.utf8Write(text);
  return codes;
}
