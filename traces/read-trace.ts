import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseLine } from './format.ts';
import type { CaptureReader } from './import/capture-stream.ts';
import { readDat } from './import/dat-reader.ts';
import { captureReaderFor, captureReaderOf } from './import/recognise.ts';
import { ContentSniffer } from './import/sniff.ts';
import { shaped } from './ioctl-line.ts';
import { fileName, type ReadOptions, readChunks, unreadable } from './read-chunks.ts';
import { lineSplitter, NOT_TAKEN, STOPPED } from './read-lines.ts';
import type { RecordedLine } from './recording.ts';
import { scanLine, scannedTo } from './scan-line.ts';
import { TraceFormatError } from './trace-format-error.ts';

/** Receives a line of a recording; `stop` ends the reading. Lines count from 1. */
// biome-ignore lint/suspicious/noConfusingVoidType: a receiver that never stops returns nothing
export type RecordReceiver = (line: RecordedLine, lineNumber: number) => void | 'stop';

const recorderFile = /\.jsonl(\.gz|\.zst)?$/;

/**
 * Streams a recorder file or a capture in another format, or standard input for `-`; compressed or not: the content tells. Lines
 * before the place of an error have been handed on when it is thrown. Empty lines are passed over.
 *
 * Throws TraceFormatError: those of readLines(), parseLine() and the capture readers, TRC003-bad-header (the first line is not
 * `trace`), TRC009-empty; and what `onLine` throws.
 */
export async function readTrace(
  path: string,
  onLine: RecordReceiver,
  options: ReadOptions = {},
): Promise<void> {
  const file = fileName(path);
  const { format } = options;
  let begun = false;
  let capture: CaptureReader | undefined;
  const take = (text: string, block: Uint8Array, from: number, lineNumber: number) => {
    const line = begun && capture === undefined ? scanLine(text, block, from) : undefined;
    if (line === undefined) return NOT_TAKEN;
    const next = scannedTo();
    return onLine(line, lineNumber) === 'stop' ? STOPPED : next;
  };
  const onText = (text: string, lineNumber: number) => {
    if (capture !== undefined) return capture.take(text, lineNumber);
    if (text.length < 3 && text.trim() === '') return undefined;
    if (!begun)
      capture =
        format === undefined ? captureReaderFor(text, file, onLine) : captureReaderOf(format, file, onLine);
    if (capture !== undefined) {
      begun = true;
      return capture.take(text, lineNumber);
    }
    const at = { file, line: lineNumber };
    const line = parseLine(text, at);
    if (!begun && line.ev !== 'trace') {
      const detail = `expected a first line with ev trace, found ${line.ev}`;
      throw new TraceFormatError('TRC003-bad-header', at, detail);
    }
    begun = true;
    return onLine(line.ev === 'ioctl' ? shaped(line) : line, lineNumber);
  };
  const splitter = lineSplitter(file, onText, take);
  const content = new ContentSniffer(path, file, splitter);
  try {
    await readChunks(path, content, options);
    const dat = content.finish();
    if (dat !== undefined) return await readDat(file, dat, onLine);
    splitter.end();
  } catch (error) {
    capture?.cutShort();
    throw error;
  }
  capture?.end();
  if (!begun) {
    throw new TraceFormatError(
      'TRC009-empty',
      { file, line: 0 },
      'expected a recording, found an empty file',
    );
  }
}

/**
 * The traces that a path means: itself for a file or `-`; for a folder every recorder file (`.jsonl`, `.jsonl.gz`,
 * `.jsonl.zst`) in it and below, sorted bytewise. Links to folders are not followed.
 *
 * Throws TraceFormatError: TRC013-unreadable, TRC014-no-traces.
 */
export function findTraces(path: string): string[] {
  if (path === '-' || !isFolder(path)) return [path];
  const found = filesBelow(path).filter((file) => recorderFile.test(file));
  if (found.length === 0) {
    const expected = 'expected files that end in .jsonl, .jsonl.gz or .jsonl.zst, found none';
    throw new TraceFormatError('TRC014-no-traces', { file: path, line: 0 }, expected);
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function filesBelow(folder: string): string[] {
  return entries(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() || (entry.isSymbolicLink() && !isFolder(path)) ? [path] : [];
  });
}

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
