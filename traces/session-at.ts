/** A recording replayed up to one of its lines. */
import { fileName } from './read-chunks.ts';
import { type ReplayOptions, type ReplayReceiver, replayTrace, type Session } from './replay-trace.ts';
import { TraceFormatError } from './trace-format-error.ts';

export type ReachedSession = Readonly<{ session: Session; seq: number }>;

/**
 * The session after the line with sequence number `at`, the effects of which are included; without it, after the last one up to `until`. Calls
 * that overlap stand in the order that `replay` finds for them.
 *
 * Throws TraceFormatError: those of replayTrace(), TRC030-no-such-seq.
 */
export async function sessionAt(
  path: string,
  options: ReplayOptions & Readonly<{ at?: number | undefined }>,
): Promise<ReachedSession> {
  const { at, ...rest } = options;
  let session: Session | undefined;
  let seq = -1;
  const receiver: ReplayReceiver = {
    onSession: (opened) => {
      session = opened;
    },
    onFed: (line) => {
      if (line.ev === 'trace' || (at !== undefined && line.seq > at)) return undefined;
      seq = line.seq;
      return seq === at ? 'stop' : undefined;
    },
    onCall: () => undefined,
  };
  try {
    await replayTrace(path, rest, receiver);
  } catch (error) {
    // What comes after the line does not matter, even if it was read.
    if (at === undefined || seq !== at) throw error;
  }
  if (session === undefined || (at !== undefined && seq !== at)) {
    const detail = `expected a line with seq ${at}, found none; the last one before it is ${seq}`;
    throw new TraceFormatError('TRC030-no-such-seq', { file: fileName(path), line: 0 }, detail);
  }
  return { session, seq };
}
