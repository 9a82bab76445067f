/** One recording from its first line to its last: a session of the engine for the machine that its header describes. */
import type { Event } from '../events/event.ts';
import { USER_TOP } from '../machines/address-space.ts';
import { type KernelProfile, kernelProfiles } from '../machines/kernel-profile.ts';
import type { Platform } from '../machines/platform.ts';
import { emptyWorld } from '../machines/world.ts';
import { type CallResult, type EngineOptions, ReplayEngine } from './engine.ts';
import { IOMMU_NAMES, platformOf } from './platform-of.ts';
import { fileName, type ReadOptions } from './read-chunks.ts';
import { readTrace } from './read-trace.ts';
import type { RecordedLine, TraceLine } from './recording.ts';
import { withoutResults } from './strip-results.ts';
import { TraceFormatError, type TracePosition } from './trace-format-error.ts';

/** What stands in for the header's own words, and who is told of what happens; see EngineOptions. */
export type SessionOptions = Readonly<{
  kernel?: string | undefined;
  iommu?: string | undefined;
  onEvent?: ((event: Event) => void) | undefined;
  onInvariant?: EngineOptions['onInvariant'] | undefined;
}>;

/** A recording being replayed: its header, what was made of it, and the engine that follows it. */
export type Session = Readonly<{
  header: TraceLine;
  kernel: KernelProfile;
  platform: Platform;
  engine: ReplayEngine;
}>;

export type ReplayOptions = SessionOptions &
  ReadOptions &
  Readonly<{
    /** Lines after this sequence number are not replayed. */
    until?: number | undefined;
    /** Results are taken out of each line before the engine sees it. */
    blind?: boolean | undefined;
  }>;

/** Lines that the engine is told ahead. */
const LOOKAHEAD = 32;

export type ReplayReceiver = Readonly<{
  /** A header was read; recordings written one after another into one file have several. */
  onSession?: (session: Session) => void;
  /** The engine answered a call; `stop` ends the reading. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a receiver that never stops returns nothing
  onCall: (result: CallResult, session: Session) => void | 'stop';
}>;

/** The model broke one of its own invariants at a line of a recording: a defect of ours, not of the input. */
export class ModelDefect extends Error {
  override readonly name = 'ModelDefect';
  readonly at: TracePosition;
  readonly seq: number;

  constructor(at: TracePosition, seq: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const place = `${at.file}:${at.line}: internal error at seq ${seq}`;
    super(`${place}: ${reason}; the rest of this trace is not checked`, { cause });
    this.at = at;
    this.seq = seq;
  }
}

/**
 * The engine for a recording with this header.
 *
 * Throws TraceFormatError: TRC015-unknown-kernel, TRC016-unknown-iommu, TRC017-unknown-architecture.
 */
export function openSession(header: TraceLine, at: TracePosition, options: SessionOptions): Session {
  const kernel = known('TRC015-unknown-kernel', at, kernelProfiles, options.kernel ?? header.kernel);
  known('TRC016-unknown-iommu', at, IOMMU_NAMES, options.iommu ?? header.iommu);
  const userTop = known('TRC017-unknown-architecture', at, new Map(Object.entries(USER_TOP)), header.arch);
  const platform = platformOf(header, options.iommu);
  const { onEvent, onInvariant } = options;
  const engine = new ReplayEngine(emptyWorld(userTop), {
    kernel,
    platform,
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(onInvariant === undefined ? {} : { onInvariant }),
  });
  return { header, kernel, platform, engine };
}

function known<T>(
  code: `TRC${number}-unknown-${string}`,
  at: TracePosition,
  names: ReadonlyMap<string, T>,
  name: string,
): T {
  const found = names.get(name);
  if (found !== undefined) return found;
  const what = code.slice('TRC000-unknown-'.length);
  const expected = `expected ${what} to be one of ${[...names.keys()].join(', ')}`;
  throw new TraceFormatError(code, at, `${expected}, found ${JSON.stringify(name)}`);
}

/**
 * Replays a recorder file, or standard input for `-`, and hands each answer of the engine to `receiver`. What came before
 * the place of an error has been handed on when it is thrown.
 *
 * Throws TraceFormatError: those of readTrace() and openSession(); ModelDefect.
 */
export async function replayTrace(
  path: string,
  options: ReplayOptions,
  receiver: ReplayReceiver,
): Promise<void> {
  const file = fileName(path);
  const until = options.until ?? Number.POSITIVE_INFINITY;
  let session: Session | undefined;

  const waiting: { line: RecordedLine; lineNumber: number }[] = [];
  const upcoming: RecordedLine[] = [];

  const onLine = (line: RecordedLine, lineNumber: number): 'stop' | undefined => {
    waiting.push({ line: options.blind && line.ev !== 'trace' ? withoutResults(line) : line, lineNumber });
    upcoming.push((waiting.at(-1) as { line: RecordedLine }).line);
    return waiting.length > LOOKAHEAD ? next() : undefined;
  };

  const next = (): 'stop' | undefined => {
    const { line, lineNumber } = waiting.shift() as { line: RecordedLine; lineNumber: number };
    upcoming.shift();
    if (line.ev === 'trace') {
      session = openSession(line, { file, line: lineNumber }, options);
      session.engine.upcoming = upcoming;
      receiver.onSession?.(session);
      return undefined;
    }
    if (session === undefined || line.seq > until) return 'stop';
    let result: CallResult | undefined;
    try {
      result = session.engine.feed(line);
    } catch (cause) {
      throw new ModelDefect({ file, line: lineNumber }, line.seq, cause);
    }
    return result === undefined
      ? undefined
      : receiver.onCall(result, session) === 'stop'
        ? 'stop'
        : undefined;
  };
  let stopped = false;
  await readTrace(
    path,
    (line, lineNumber) => {
      const answer = onLine(line, lineNumber);
      stopped ||= answer === 'stop';
      return answer;
    },
    options,
  );
  while (!stopped && waiting.length > 0) stopped = next() === 'stop';
  if (!stopped) session?.engine.finish();
}
