/** Captures for tests: text to recorded lines, and calls of a file with their verdicts. */

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { CallResult } from '../../traces/engine.ts';
import type { CaptureReader } from '../../traces/import/capture-stream.ts';
import { captureReaderFor } from '../../traces/import/recognise.ts';
import type { IoctlLine, RecordedLine } from '../../traces/recording.ts';
import type { Session } from '../../traces/replay-trace.ts';
import { type ReplayOptions, replayTrace } from '../../traces/replay-trace.ts';

export const corpus = (path: string): string =>
  new URL(`../../traces/corpus/${path}`, import.meta.url).pathname;

export const corpusText = (path: string): string => gunzipSync(readFileSync(corpus(path))).toString('latin1');

/** The lines that a capture yields, its header first. */
export function linesOf(text: string): RecordedLine[] {
  const found: RecordedLine[] = [];
  const lines = text.split('\n');
  let reader: CaptureReader | undefined;
  lines.forEach((line, index) => {
    if (reader === undefined && line.trim() !== '') {
      reader = captureReaderFor(line, 'test', (recorded) => {
        found.push(recorded);
      });
      if (reader === undefined) throw new Error(`no reader for ${line}`);
    }
    reader?.take(line, index + 1);
  });
  reader?.end();
  return found;
}

export const ioctlsOf = (lines: readonly RecordedLine[]): IoctlLine[] =>
  lines.filter((line) => line.ev === 'ioctl');

/** Every call of a file as the engine answered it, and the last session. */
export async function replayed(
  path: string,
  options: ReplayOptions = {},
): Promise<{ calls: CallResult[]; session: Session | undefined }> {
  const calls: CallResult[] = [];
  let session: Session | undefined;
  await replayTrace(path, options, {
    onSession: (opened) => {
      session = opened;
    },
    onCall: (result) => {
      calls.push(result);
    },
  });
  return { calls, session };
}
