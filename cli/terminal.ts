/** Standard output: colours where somebody sees them, a reader that may go away, an interrupt that may come. */
import { writeSync } from 'node:fs';
import { createColors } from 'picocolors';
import type { Paint } from '../traces/report-text.ts';
import { complain, EXIT, fail, UsageError } from './errors.ts';

/** Characters collected before they are written. */
const BATCH = 64 * 1024;

/** How long a full pipe is left alone. */
const PIPE_FULL_MS = 2;
const idle = new Int32Array(new SharedArrayBuffer(4));

let pending = '';

/** Writes text to stdout, in batches. */
export function print(text: string): void {
  pending += text;
  if (pending.length >= BATCH) flush();
}

/** Writes what print() collected, and waits for a reader that is slower: what is not yet read is not kept. */
export function flush(): void {
  const bytes = Buffer.from(pending);
  pending = '';
  for (let from = 0; from < bytes.length; ) from += writeSome(bytes.subarray(from));
}

/** How many of the bytes a pipe took, which may be none. */
function writeSome(bytes: Uint8Array): number {
  try {
    return writeSync(process.stdout.fd, bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') process.exit(EXIT.ok);
    if (code !== 'EAGAIN') throw unwritable(error as NodeJS.ErrnoException);
    Atomics.wait(idle, 0, 0, PIPE_FULL_MS);
    return 0;
  }
}

/** A disk that is full, for one. */
function unwritable({ message }: NodeJS.ErrnoException): UsageError {
  return new UsageError(`standard output: expected a place to write to, found ${message}`);
}

/** A reader that has seen enough, such as `head`, is no error; one that does not see our complaints misses them. */
export function endQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.ok : fail(unwritable(error)));
  });
  process.stderr.on('error', () => {});
}

/** On Ctrl-C `finish` prints what there is, and the process ends. */
export function onInterrupt(finish: () => void): void {
  process.once('SIGINT', () => {
    try {
      finish();
      flush();
    } catch (error) {
      process.exit(fail(error));
    }
    complain('interrupted: what was finished so far has been printed');
    process.exit(EXIT.interrupted);
  });
}

/** Somebody watches both streams, so that a progress bar disturbs nobody. */
export function isWatched(): boolean {
  return process.stdout.isTTY === true && process.stderr.isTTY === true;
}

/** Colours on a terminal only, and never where NO_COLOR is set. */
export function paint(): Paint {
  const { NO_COLOR: noColor, TERM: terminal } = process.env;
  const coloured = process.stdout.isTTY === true && !noColor && terminal !== 'dumb';
  const { bold, dim, green, red, yellow } = createColors(coloured);
  return { bold, dim, good: green, bad: red, doubtful: yellow };
}
