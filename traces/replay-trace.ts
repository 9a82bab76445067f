/** One recording from its first line to its last: a session of the engine for the machine that its header describes. */
import type { Event } from '../events/event.ts';
import { USER_TOP } from '../machines/address-space.ts';
import { type KernelProfile, kernelProfiles } from '../machines/kernel-profile.ts';
import type { Platform } from '../machines/platform.ts';
import { emptyWorld } from '../machines/world.ts';
import { CaptureDoubts } from './capture-doubts.ts';
import { type DmaResult, dmaResult } from './dma-result.ts';
import { type CallResult, ReplayEngine } from './engine.ts';
import type { EngineOptions } from './engine-options.ts';
import { HELD_MAX, Hypotheses } from './hypotheses.ts';
import type { TextFormat } from './import/recognise.ts';
import { LineQueue } from './line-queue.ts';
import { type Linearised, overlappingCalls, windowLength } from './linearise.ts';
import type { OverlappingCall } from './linearise-call.ts';
import { IOMMU_NAMES, platformOf } from './platform-of.ts';
import { fileName, type ReadOptions } from './read-chunks.ts';
import { readTrace } from './read-trace.ts';
import type { RecordedLine, TraceLine } from './recording.ts';
import { concernsThreads, replayWindow } from './replay-window.ts';
import { withoutResults } from './strip-results.ts';
import { TraceFormatError, type TracePosition } from './trace-format-error.ts';

/** What stands in for the header's own words, and for what the first line of a text looks like. */
export type SourceOptions = Readonly<{
  kernel?: string | undefined;
  iommu?: string | undefined;
  format?: TextFormat | undefined;
}>;

/** Besides, who is told of what happens; see EngineOptions. */
export type SessionOptions = SourceOptions &
  Readonly<{
    onEvent?: ((event: Event) => void) | undefined;
    onInvariant?: EngineOptions['onInvariant'] | undefined;
    onApplied?: EngineOptions['onApplied'] | undefined;
    onDma?: EngineOptions['onDma'] | undefined;
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

/** Lines that the engine is told ahead; without results, more of them are needed to tell which descriptors there are. */
const LOOKAHEAD = 32;
const LOOKAHEAD_BLIND = 512;
/** Calls that overlap. */
const WINDOW = 32;
/**
 * Lines are read and replayed by as many: line by line, both would push each other's code out of the processor's caches. With the
 * lines before them, there are slots for their structs; see scanned-struct.ts.
 */
const BATCH = 32;

export type ReplayReceiver = Readonly<{
  /** A header was read; recordings written one after another into one file have several. */
  onSession?: (session: Session) => void;
  /** Calls overlapped, and the order in which they began does not explain their results. */
  onWindow?: (window: Linearised) => void;
  /** A device accessed memory. */
  onDma?: (result: DmaResult, session: Session) => void;
  /** A line is about to be fed. */
  onFeed?: (line: RecordedLine, lineNumber: number, session: Session) => void;
  /** It was fed, in the order in which calls took effect; `result` where it was a call. `stop` ends the reading. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a receiver that never stops returns nothing
  onFed?: (line: RecordedLine, result: CallResult | undefined, session: Session) => void | 'stop';
  /** The engine answered a call, in the order of the recording; `stop` ends the reading. */
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
    const place = `${at.file}${at.line > 0 ? `:${at.line}` : ''}: internal error at seq ${seq}`;
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
  const { onEvent, onInvariant, onApplied, onDma } = options;
  const engine = new ReplayEngine(emptyWorld(userTop), {
    kernel,
    platform,
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(onInvariant === undefined ? {} : { onInvariant }),
    ...(onApplied === undefined ? {} : { onApplied }),
    ...(onDma === undefined ? {} : { onDma }),
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
  const replay = new TraceReplay(fileName(path), options, receiver);
  try {
    await readTrace(path, (line, lineNumber) => replay.take(line, lineNumber), options);
  } catch (error) {
    if (error instanceof TraceFormatError) replay.drain();
    throw error;
  }
  if (replay.drain() !== 'stop') replay.finish();
}

/** The lines on their way to the engine, which sees some of them ahead. */
class TraceReplay {
  private readonly file: string;
  private readonly options: ReplayOptions;
  private readonly receiver: ReplayReceiver;
  private readonly until: number;
  private readonly lookahead: number;
  private readonly upcoming: LineQueue;
  private session: Session | undefined;
  private feed: CaptureDoubts | undefined;
  private hypotheses: Hypotheses | undefined;
  /** Answers that later lines may still revise, oldest first. */
  private readonly waiting: CallResult[] = [];
  private seq = 0;
  private stopped = false;

  constructor(file: string, options: ReplayOptions, receiver: ReplayReceiver) {
    this.file = file;
    this.options = options;
    this.receiver = receiver;
    this.lookahead = options.blind ? LOOKAHEAD_BLIND : LOOKAHEAD;
    this.upcoming = new LineQueue(this.lookahead);
    this.until = options.until ?? Number.POSITIVE_INFINITY;
  }

  take(line: RecordedLine, lineNumber: number): 'stop' | undefined {
    const { upcoming } = this;
    // A whole window goes at once, and all of it is told as much ahead.
    const kept = this.lookahead + WINDOW;
    upcoming.push(this.options.blind ? withoutResults(line) : line, lineNumber);
    if (upcoming.length <= kept + BATCH) return undefined;
    while (upcoming.length > kept) if (this.next() === 'stop') return 'stop';
    return undefined;
  }

  /** Replays what waits. */
  drain(): 'stop' | undefined {
    while (!this.stopped && this.upcoming.length > 0) this.next();
    return this.stopped ? 'stop' : undefined;
  }

  /** The recording ends, or another begins. */
  finish(): void {
    const { feed } = this;
    if (feed === undefined) return;
    this.guarded(0, () => feed.finish());
    this.handOn();
  }

  private next(): 'stop' | undefined {
    const { upcoming } = this;
    const length = upcoming.firstIsAlone ? 1 : windowLength(upcoming, WINDOW);
    if (length > 1 && this.feed !== undefined && concernsThreads(upcoming.first(length), this.until))
      return this.nextWindow(length);
    const lineNumber = upcoming.firstNumber;
    const line = upcoming.shift();
    if (line === undefined) return undefined;
    if (this.replay(line, lineNumber) !== 'stop') return undefined;
    this.stopped = true;
    return 'stop';
  }

  /** Calls that overlap: in the order in which they began if that explains them, or in one that does. */
  private nextWindow(length: number): 'stop' | undefined {
    const { session, feed, upcoming } = this;
    const calls = overlappingCalls(upcoming.first(length));
    const lineNumbers = calls.map(() => {
      const lineNumber = upcoming.firstNumber;
      upcoming.shift();
      return lineNumber;
    });
    if (session === undefined || feed === undefined) return undefined;
    const blind = calls.every(({ line }) => line.ev !== 'ioctl' || line.ret === undefined);
    if (blind) return this.nextBlindWindow(calls, lineNumbers[0] ?? 0);
    if (this.hypotheses?.settled === false) this.hypotheses.crowd();
    const results = this.guarded(lineNumbers[0] ?? 0, () => {
      const { answers, told } = replayWindow(feed, calls, {
        before: ({ line, index }) => {
          if ('seq' in line) this.seq = line.seq;
          this.receiver.onFeed?.(line, lineNumbers[index] ?? 0, session);
        },
        after: ({ line }, result) => this.fed(line, result, session),
      });
      if (told !== undefined) this.receiver.onWindow?.(told);
      return answers;
    });
    this.waiting.push(...results);
    if (this.handOn() !== 'stop' && !this.stopped) return undefined;
    this.stopped = true;
    return 'stop';
  }

  /** Tells of a line that was fed; a receiver that has seen enough need not hear of the rest. */
  private fed(line: RecordedLine, result: CallResult | undefined, session: Session): 'stop' | undefined {
    if (this.receiver.onFed?.(line, result, session) !== 'stop') return undefined;
    this.stopped = true;
    return 'stop';
  }

  /** Overlapping calls without results. */
  private nextBlindWindow(calls: readonly OverlappingCall[], lineNumber: number): 'stop' | undefined {
    const { hypotheses, session } = this;
    const results = this.guarded(lineNumber, () => hypotheses?.feedWindow(calls) ?? []);
    for (const { line } of session === undefined ? [] : calls) {
      const result = 'seq' in line ? results.find((one) => one.line.seq === line.seq) : undefined;
      this.receiver.onFeed?.(line, lineNumber, session as Session);
      this.receiver.onFed?.(line, result, session as Session);
    }
    this.waiting.push(...results);
    if (this.handOn() !== 'stop') return undefined;
    this.stopped = true;
    return 'stop';
  }

  private replay(line: RecordedLine, lineNumber: number): 'stop' | undefined {
    const { session, feed } = this;
    if (line.ev === 'trace') return this.begin(line, lineNumber);
    const { seq } = line;
    if (session === undefined || feed === undefined || seq > this.until) {
      this.handOn(true);
      return 'stop';
    }
    this.seq = seq;
    this.receiver.onFeed?.(line, lineNumber, session);
    const result = this.feedGuarded(feed, line, lineNumber);
    if (this.fed(line, result, session) === 'stop') {
      if (result !== undefined) this.waiting.push(result);
      this.handOn(true);
      return 'stop';
    }
    if (result === undefined) return this.waiting.length === 0 ? undefined : this.handOn();
    if (this.waiting.length === 0 && this.hypotheses?.final)
      return this.receiver.onCall(result, session) === 'stop' ? 'stop' : undefined;
    this.waiting.push(result);
    return this.handOn();
  }

  /** Hands on what no later line can revise. */
  private handOn(all = false): 'stop' | undefined {
    const { session, hypotheses, waiting } = this;
    if (session === undefined || hypotheses === undefined) return undefined;
    const kept = hypotheses.final || all ? 0 : HELD_MAX;
    while (waiting.length > kept) {
      const result = hypotheses.revised(waiting.shift() as CallResult);
      if (this.receiver.onCall(result, session) === 'stop') return 'stop';
    }
    return undefined;
  }

  /** guarded(), without a function for each line. */
  private feedGuarded(feed: CaptureDoubts, line: RecordedLine, lineNumber: number): CallResult | undefined {
    try {
      return feed.feed(line);
    } catch (cause) {
      throw this.defect(lineNumber, cause);
    }
  }

  /** Whatever `run` throws is a defect of the model. */
  private guarded<T>(line: number, run: () => T): T {
    try {
      return run();
    } catch (cause) {
      throw this.defect(line, cause);
    }
  }

  private defect(line: number, cause: unknown): ModelDefect {
    this.handOn(true);
    return new ModelDefect({ file: this.file, line }, this.seq, cause);
  }

  private begin(header: TraceLine, lineNumber: number): undefined {
    this.finish();
    const { onInvariant } = this.options;
    let doubts: CaptureDoubts | undefined;
    let worlds: Hypotheses | undefined;
    const session: Session = openSession(
      header,
      { file: this.file, line: lineNumber },
      {
        ...this.options,
        onInvariant: (line, invariant, context) => {
          if (doubts?.isClear(context)) onInvariant?.(line, invariant, context);
        },
        onDma: (line, outcome) => {
          const doubt = doubts?.doubtOf(line) ?? worlds?.doubtOf(line, outcome);
          this.receiver.onDma?.(dmaResult(line, outcome, doubt), session);
        },
      },
    );
    this.session = session;
    session.engine.upcoming = this.upcoming;
    worlds = new Hypotheses(session.engine);
    doubts = new CaptureDoubts(worlds, session.engine, header);
    this.hypotheses = worlds;
    this.feed = doubts;
    this.receiver.onSession?.(session);
  }
}
