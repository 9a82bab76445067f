/** From a recording to the state at one of its lines. */

import { seqOf } from './provenance.ts';
import { fileName } from './read-chunks.ts';
import { readTrace } from './read-trace.ts';
import { openSession, type Session } from './replay-trace.ts';
import { type Shown, showWorld } from './show.ts';
import { TraceFormatError } from './trace-format-error.ts';

export type ShowTraceOptions = Readonly<{
  /** The last line that counts; without it, the whole recording. */
  at?: number | undefined;
  kernel?: string | undefined;
  iommu?: string | undefined;
  /** All areas, not only the first few. */
  areas?: boolean | undefined;
}>;

/**
 * The state after the line with sequence number `at`, the effects of which are included.
 *
 * Throws TraceFormatError: those of readTrace() and openSession(), TRC030-no-such-seq.
 */
export async function showTrace(path: string, options: ShowTraceOptions): Promise<Shown> {
  const file = fileName(path);
  const { at, kernel, iommu } = options;
  let session: Session | undefined;
  let seq = -1;
  await readTrace(path, (line, lineNumber) => {
    if (line.ev === 'trace') {
      session = openSession(line, { file, line: lineNumber }, { kernel, iommu });
      return undefined;
    }
    if (at !== undefined && seqOf(line) > at) return 'stop';
    session?.engine.feed(line);
    seq = seqOf(line);
    return seq === at ? 'stop' : undefined;
  });
  if (session === undefined || (at !== undefined && seq !== at)) {
    const detail = `expected a line with seq ${at}, found none; the last one before it is ${seq}`;
    throw new TraceFormatError('TRC030-no-such-seq', { file, line: 0 }, detail);
  }
  const { platform, engine } = session;
  const head = { trace: path, kernel: session.kernel.release, iommu: platform.driver.name, seq };
  return showWorld(engine.world, { ...head, areas: options.areas === true });
}
