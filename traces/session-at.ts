/** A recording replayed up to one of its lines. */
import { CaptureDoubts } from './capture-doubts.ts';
import { fileName } from './read-chunks.ts';
import { readTrace } from './read-trace.ts';
import { openSession, type Session, type SessionOptions } from './replay-trace.ts';
import { TraceFormatError } from './trace-format-error.ts';

export type ReachedSession = Readonly<{ session: Session; seq: number }>;

/**
 * The session after the line with sequence number `at`, the effects of which are included; without it, after the last line.
 *
 * Throws TraceFormatError: those of readTrace() and openSession(), TRC030-no-such-seq.
 */
export async function sessionAt(
  path: string,
  options: SessionOptions & Readonly<{ at?: number | undefined }>,
): Promise<ReachedSession> {
  const file = fileName(path);
  const { at } = options;
  let session: Session | undefined;
  let doubts: CaptureDoubts | undefined;
  let seq = -1;
  await readTrace(
    path,
    (line, lineNumber) => {
      if (line.ev === 'trace') {
        session = openSession(line, { file, line: lineNumber }, options);
        doubts = new CaptureDoubts(session.engine, session.engine, line);
        return undefined;
      }
      if (at !== undefined && line.seq > at) return 'stop';
      doubts?.feed(line);
      seq = line.seq;
      return seq === at ? 'stop' : undefined;
    },
    options,
  );
  if (session === undefined || (at !== undefined && seq !== at)) {
    const detail = `expected a line with seq ${at}, found none; the last one before it is ${seq}`;
    throw new TraceFormatError('TRC030-no-such-seq', { file, line: 0 }, detail);
  }
  return { session, seq };
}
