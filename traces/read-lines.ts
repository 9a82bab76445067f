import { isAscii, isUtf8 } from 'node:buffer';
import { fileName, type ReadOptions, readChunks } from './read-chunks.ts';
import type { Sink } from './read-compressed.ts';
import { TraceFormatError } from './trace-format-error.ts';

/** Receives a line without its newline; `stop` ends the reading. Lines count from 1. */
// biome-ignore lint/suspicious/noConfusingVoidType: a receiver that never stops returns nothing
export type LineReceiver = (text: string, lineNumber: number) => void | 'stop';

/**
 * May take the line that begins at `from` of a block by itself; `text` has a character for each byte of `block`. Answers where the
 * next line begins, or NOT_TAKEN or STOPPED.
 */
export type LineTaker = (text: string, block: Uint8Array, from: number, lineNumber: number) => number;

export const NOT_TAKEN = -1;
export const STOPPED = -2;

/** A line longer than this is an error: no line of any trace format comes near it. Bytes. */
export const LONGEST_LINE = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * The lines of a text file, or of standard input for `-`, compressed or not, in bounded memory.
 *
 * Throws TraceFormatError: TRC008-line-too-long, TRC012-not-utf8, and those of readChunks().
 */
export async function readLines(
  path: string,
  onLine: LineReceiver,
  options: ReadOptions = {},
): Promise<void> {
  const splitter = lineSplitter(fileName(path), onLine);
  await readChunks(path, splitter, options);
  splitter.end();
}

/**
 * Splits chunks at newlines; `take` is asked first for each line. `end()` hands on a last line that has none; after a stop it
 * does nothing.
 */
export function lineSplitter(
  file: string,
  onLine: LineReceiver,
  take: LineTaker = () => NOT_TAKEN,
): Sink & Readonly<{ end: () => void }> {
  let lines = 0;
  let stopped = false;
  let rest: Uint8Array[] = [];
  let restSize = 0;

  const tooLong = (line: number) =>
    new TraceFormatError(
      'TRC008-line-too-long',
      { file, line },
      `expected at most ${LONGEST_LINE} bytes on a line, found more`,
    );

  /** The line from `from` on; where the next one begins. */
  const handOn = (text: string, from: number): number => {
    const end = text.indexOf('\n', from);
    lines++;
    if (end - from > LONGEST_LINE) throw tooLong(lines);
    return onLine(text.slice(from, end), lines) === 'stop' ? STOPPED : end + 1;
  };

  /** Whole lines, the last with its newline. */
  const split = (block: Buffer): 'stop' | undefined => {
    const text = decodeText(block);
    if (text === undefined) {
      if (split(validPrefix(block)) === 'stop') return 'stop';
      throw new TraceFormatError(
        'TRC012-not-utf8',
        { file, line: lines + 1 },
        'expected UTF-8, found other bytes',
      );
    }
    const aligned = text.length === block.length;
    let from = lines === 0 && text.charCodeAt(0) === 0xfeff ? 1 : 0;
    while (from < text.length) {
      const next = aligned ? take(text, block, from, lines + 1) : NOT_TAKEN;
      from = next === NOT_TAKEN ? handOn(text, from) : next;
      if (from < 0) {
        stopped = true;
        return 'stop';
      }
      if (next >= 0) lines++;
    }
    return undefined;
  };

  return {
    line: () => lines + 1,
    write: (chunk) => {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      if (end > 0) {
        const block =
          restSize > 0 ? Buffer.concat([...rest, bytes.subarray(0, end)]) : bytes.subarray(0, end);
        rest = [];
        restSize = 0;
        if (split(block) === 'stop') return 'stop';
      }
      if (end < bytes.length) {
        rest.push(Buffer.from(bytes.subarray(end)));
        restSize += bytes.length - end;
        if (restSize > LONGEST_LINE) throw tooLong(lines + 1);
      }
      return undefined;
    },
    end: () => {
      if (restSize > 0 && !stopped) split(Buffer.concat([...rest, Buffer.of(NEWLINE)]));
    },
  };
}

/** Text of ASCII, which recordings mostly are, is decoded several times faster as Latin-1. */
function decodeText(block: Buffer): string | undefined {
  if (isAscii(block)) return block.toString('latin1');
  return isUtf8(block) ? block.toString('utf8') : undefined;
}

/** The lines before the first that is no UTF-8. */
function validPrefix(block: Buffer): Buffer {
  let from = 0;
  for (let end = block.indexOf(NEWLINE); end >= 0; end = block.indexOf(NEWLINE, from)) {
    if (!isUtf8(block.subarray(from, end))) break;
    from = end + 1;
  }
  return block.subarray(0, from);
}
