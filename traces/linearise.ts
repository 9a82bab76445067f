/** Overlapping calls: an order of them in which every result is as the model says, or the smallest set that has none. */
import type { CaptureDoubts } from './capture-doubts.ts';
import type { CallResult } from './engine.ts';
import { mayComeNext, type OverlappingCall, overlaps } from './linearise-call.ts';
import { type Alternative, alternatives, type EffectId } from './linearise-effects.ts';
import { feedStep, type Place, type Step } from './linearise-step.ts';
import type { IoctlLine, RecordedLine } from './recording.ts';
import { stateOf } from './state-of.ts';

/** Steps tried at most for one window, and again for the smallest set that conflicts; past that its order is undecided. */
const TRIES_MAX = 5000;
/** Sets of this many calls are tried one by one before the rest is thinned out. */
const SMALL_SET = 2;

export type Explanation =
  | Readonly<{ kind: 'ordered'; steps: readonly Step[] }>
  | Readonly<{ kind: 'conflict'; calls: readonly OverlappingCall[] }>
  | Readonly<{ kind: 'undecided' }>;

/** What is told of a window of calls that the order of their beginnings does not explain. */
export type Linearised = Readonly<{
  /** Sequence numbers in the order of the recording. */
  calls: readonly number[];
  /** Sequence numbers in the order that explains the results; undefined where none does. */
  order: readonly number[] | undefined;
  effects: readonly Readonly<{ seq: number; effect: EffectId; cause: number }>[];
  /** The smallest set of calls whose results no order explains. */
  conflict: readonly number[] | undefined;
}>;

type Node = Place &
  Readonly<{ doubts: CaptureDoubts; done: ReadonlySet<OverlappingCall>; steps: readonly Step[] }>;

class OutOfTries extends Error {}

/** Steps that may still be tried. */
type Tries = { left: number };

/** The calls of a window that begin before an earlier one has ended, `lines` from its first on; 1 where nothing overlaps. */
export function windowLength(
  lines: Readonly<{ length: number; at: (index: number) => RecordedLine | undefined }>,
  longest: number,
): number {
  let end = endOf(lines.at(0));
  let length = 1;
  for (; length < Math.min(lines.length, longest); length++) {
    const line = lines.at(length) as RecordedLine;
    if (!('tid' in line) || line.ns >= end) break;
    end = Math.max(end, endOf(line));
  }
  return length;
}

function endOf(line: RecordedLine | undefined): number {
  return line?.ev === 'ioctl' ? callEnd(line) : 0;
}

/** When the call had ended, ns; 0 where the line does not tell. */
export function callEnd({ ns, dur }: IoctlLine): number {
  return dur === undefined ? 0 : ns + dur;
}

export function overlappingCalls(lines: readonly RecordedLine[]): OverlappingCall[] {
  return lines.map((line, index) => {
    const start = 'ns' in line ? (line.ns ?? 0) : 0;
    return { line, index, start, end: Math.max(start, endOf(line)), tid: 'tid' in line ? line.tid : 0 };
  });
}

/** Whether the calls, fed in the order in which they began, are answered as recorded. Changes the fork only. */
export function explainedAsRecorded(doubts: CaptureDoubts, calls: readonly OverlappingCall[]): boolean {
  const { doubts: trial } = doubts.fork();
  return calls.every(({ line }) => agrees(trial.feed(line)));
}

function agrees(result: CallResult | undefined): boolean {
  return result?.verdict !== 'diverging';
}

/** Looks for an order of the calls. Nothing is fed to `doubts` itself. */
export function linearise(doubts: CaptureDoubts, calls: readonly OverlappingCall[]): Explanation {
  try {
    const steps = new Search(calls, new Set(calls), { left: TRIES_MAX }).find(doubts);
    if (steps !== undefined) return { kind: 'ordered', steps };
    return { kind: 'conflict', calls: smallestConflict(doubts, calls) };
  } catch (error) {
    if (error instanceof OutOfTries) return { kind: 'undecided' };
    throw error;
  }
}

/** Calls whose results alone, whatever the others return, no order explains. */
function smallestConflict(doubts: CaptureDoubts, calls: readonly OverlappingCall[]): OverlappingCall[] {
  const tries: Tries = { left: TRIES_MAX };
  // What cannot be told in time is taken to be explained: the set is then perhaps not the smallest.
  const refused = (bound: readonly OverlappingCall[]): boolean =>
    tries.left > 0 && isRefused(new Search(calls, new Set(bound), tries), doubts);
  const acting = calls.filter(({ line }) => line.ev === 'ioctl');
  for (const call of suspectsFirst(doubts, acting)) if (refused([call])) return [call];
  if (acting.length <= 2 ** (SMALL_SET + 2)) {
    for (const [index, call] of acting.entries())
      for (const other of acting.slice(index + 1)) if (refused([call, other])) return [call, other];
  }
  let bound = acting;
  for (const call of acting) {
    const fewer = bound.filter((one) => one !== call);
    if (refused(fewer)) bound = fewer;
  }
  return bound;
}

/** False where the tries do not suffice to tell. */
function isRefused(search: Search, doubts: CaptureDoubts): boolean {
  try {
    return search.find(doubts) === undefined;
  } catch (error) {
    if (error instanceof OutOfTries) return false;
    throw error;
  }
}

/** Calls that the order of their beginnings does not explain are most likely the ones that no order does. */
function suspectsFirst(doubts: CaptureDoubts, calls: readonly OverlappingCall[]): OverlappingCall[] {
  const { doubts: trial } = doubts.fork();
  const suspects = new Set(calls.filter(({ line }) => !agrees(trial.feed(line))));
  return [...suspects, ...calls.filter((call) => !suspects.has(call))];
}

class Search {
  private readonly calls: readonly OverlappingCall[];
  /** Calls whose results have to be explained. */
  private readonly bound: ReadonlySet<OverlappingCall>;
  private readonly overlapping: ReadonlyMap<OverlappingCall, readonly OverlappingCall[]>;
  private readonly seen = new Set<string>();
  private readonly tries: Tries;

  constructor(calls: readonly OverlappingCall[], bound: ReadonlySet<OverlappingCall>, tries: Tries) {
    this.tries = tries;
    this.calls = calls;
    this.bound = bound;
    this.overlapping = new Map(calls.map((call) => [call, calls.filter((other) => overlaps(call, other))]));
  }

  find(doubts: CaptureDoubts): readonly Step[] | undefined {
    const { engine, doubts: fork } = doubts.fork();
    return this.from({ engine, doubts: fork, moved: new Map(), done: new Set(), steps: [] });
  }

  /** The calls that may come next: nothing that is not done ended before they began. */
  private next(done: ReadonlySet<OverlappingCall>): OverlappingCall[] {
    return mayComeNext(this.calls, done);
  }

  private from(node: Node): readonly Step[] | undefined {
    if (node.done.size === this.calls.length) return node.steps;
    // Whatever comes after the last call that has to be explained can come in any order.
    if (this.isExplained(node)) return [...node.steps, ...this.rest(node)];
    const ready = this.next(node.done);
    if (ready.length > 1) {
      const key = keyOf(node);
      if (this.seen.has(key)) return undefined;
      this.seen.add(key);
    }
    for (const call of ready) {
      const found = this.take(node, call);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private isExplained({ done }: Node): boolean {
    if (this.bound.size === this.calls.length) return false;
    for (const call of this.bound) if (!done.has(call)) return false;
    return true;
  }

  private rest({ done }: Node): Step[] {
    return this.calls.filter((call) => !done.has(call)).map((call) => ({ call, alternative: undefined }));
  }

  private take(node: Node, call: OverlappingCall): readonly Step[] | undefined {
    const others = this.overlapping.get(call) ?? [];
    const plain = this.tried(node, { call, alternative: undefined });
    if (plain !== undefined) {
      const found = this.from(plain);
      if (found !== undefined) return found;
    }
    const pending = others.filter((other) => !node.done.has(other));
    for (const alternative of alternatives(node.engine.world, call, others, pending)) {
      const tried = this.tried(node, { call, alternative });
      const found = tried === undefined ? undefined : this.from(tried);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The node after the step; undefined where the model answers otherwise. */
  private tried(node: Node, step: Step): Node | undefined {
    if (--this.tries.left < 0) throw new OutOfTries('too many orders');
    const { engine, doubts } = node.doubts.fork();
    const moved = new Map(node.moved);
    const result = feedStep({ engine, doubts, moved }, step);
    if (this.bound.has(step.call) && !agrees(result)) return undefined;
    return { engine, doubts, moved, done: new Set([...node.done, step.call]), steps: [...node.steps, step] };
  }
}

/** Two nodes with the same calls behind them and the same state have the same future. */
function keyOf({ engine, done, moved }: Node): string {
  const progress = [...done].map(({ index }) => index).sort((one, other) => one - other);
  return `${progress.join()} ${[...moved.keys()].join()} ${stateOf(engine.world)}`;
}

/** What to tell of a window. */
export function linearised(calls: readonly OverlappingCall[], explanation: Explanation): Linearised {
  const seqOf = ({ line }: OverlappingCall): number => ('seq' in line ? line.seq : 0);
  const steps = explanation.kind === 'ordered' ? explanation.steps : [];
  const effects = steps.flatMap(({ call, alternative }) =>
    alternative === undefined ? [] : [told(seqOf(call), alternative, seqOf)],
  );
  return {
    calls: calls.map(seqOf),
    order: explanation.kind === 'ordered' ? steps.map(({ call }) => seqOf(call)) : undefined,
    effects,
    conflict: explanation.kind === 'conflict' ? explanation.calls.map(seqOf) : undefined,
  };
}

function told(seq: number, { effect, cause }: Alternative, seqOf: (call: OverlappingCall) => number) {
  return { seq, effect, cause: seqOf(cause) };
}
