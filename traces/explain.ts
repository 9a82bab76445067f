/** Why one call of a recording returned what it did: rule, objects, earlier calls, and what would have succeeded. */

import type { Event } from '../events/event.ts';
import { RULES, type RuleId } from '../events/rules.ts';
import { kernelProfiles } from '../machines/kernel-profile.ts';
import { openFileAt } from '../machines/world.ts';
import { copyWorld } from './copy-world.ts';
import { decodeCall } from './decoded-call.ts';
import { describeCall } from './describe-command.ts';
import type { CallLine, CallResult } from './engine.ts';
import { causeOf, objectsOf } from './explain-cause.ts';
import { doubtCause, isDoubted } from './explain-doubt.ts';
import { describeEvent } from './explain-event.ts';
import { attempt, openLab } from './explain-lab.ts';
import { type Overlap, type OverlapCause, overlapCause } from './explain-overlap.ts';
import { type Predecessors, predecessorsOf } from './explain-predecessors.ts';
import { type Remedy, remediesOf } from './explain-remedy.ts';
import { type Cause, distinctSteps, recordedText, resultText, type Scene } from './explain-scene.ts';
import { askedOf, type History, HistoryKeeper, isCall, type Step, seqOf } from './provenance.ts';
import { fileName } from './read-chunks.ts';
import type { RecordedLine } from './recording.ts';
import { type ReplayReceiver, replayTrace, type SourceOptions } from './replay-trace.ts';
import { TraceFormatError } from './trace-format-error.ts';

/** One call in words, as it stands among the calls that an answer depends on. */
export type ExplainedCall = Readonly<{
  seq: number;
  call: string;
  result: string;
  /** Ids that it keeps taken although nothing else asks for their objects. */
  placeholders: readonly number[];
}>;

/** The answer of `ioasis explain`; `--json` prints it as it is. */
export type Explanation = Readonly<{
  schema: 'ioasis.explain/1';
  trace: string;
  seq: number;
  pid: number;
  fd: number;
  context: number;
  kernel: string;
  command: string;
  call: string;
  /** What the model answers, and what the recording holds where it does. */
  predicted: string;
  recorded: string | null;
  verdict: CallResult['verdict'];
  difference: string | null;
  rule: Readonly<{ id: string; errno: string; source: string; says: string }> | null;
  /** The missing fact where the result cannot be told. */
  undetermined: string | null;
  because: readonly string[];
  objects: readonly string[];
  /** What the call changed, refused or not. */
  changed: readonly string[];
  dependsOn: Readonly<{
    calls: readonly ExplainedCall[];
    earlier: number;
    verified: boolean;
    minimal: boolean;
    replays: number;
  }>;
  wouldSucceed: readonly Remedy[];
  trials: number;
  kernels: readonly Readonly<{ kernel: string; predicted: string; same: boolean }>[];
}>;

/**
 * Explains the call with sequence number `seq`, as `replay` takes it: calls that overlap, in the order that explains their
 * results. Lines after those are not read.
 *
 * Throws TraceFormatError: those of readTrace() and openSession(), TRC030-no-such-seq, TRC031-not-a-call; ModelDefect.
 */
export async function explainCall(path: string, seq: number, options: SourceOptions): Promise<Explanation> {
  const search = new SceneSearch(fileName(path), seq);
  try {
    await replayTrace(path, { ...options, onEvent: search.keeper.onEvent }, search.receiver);
  } catch (error) {
    if (search.scene === undefined) throw error;
  }
  return explain(search.found(), path);
}

/** Waits for a call in a replay. */
class SceneSearch {
  readonly keeper = new HistoryKeeper();
  scene: Scene | undefined;
  private readonly file: string;
  private readonly seq: number;
  private last = -1;
  private moment: Omit<Scene, 'step' | 'line' | 'call' | 'result'> | undefined;

  constructor(file: string, seq: number) {
    this.file = file;
    this.seq = seq;
  }

  readonly receiver: ReplayReceiver = {
    onSession: (session) => this.keeper.begin(session),
    onFeed: (line, lineNumber) => this.before(line, lineNumber),
    onFed: (_line, result) => this.after(result),
    onCall: (result) => this.told(result),
    onWindow: ({ effects }) => this.saw(effects.find(({ seq }) => seq === this.seq)),
  };

  /** Throws TRC030-no-such-seq. */
  found(): Scene {
    if (this.scene !== undefined) return this.scene;
    const detail = `expected a line with seq ${this.seq}, found none; the last one is ${this.last}`;
    throw new TraceFormatError('TRC030-no-such-seq', { file: this.file, line: 0 }, detail);
  }

  /** The verdict, which can wait for the calls that overlap. */
  private told(result: CallResult): 'stop' | undefined {
    if (this.scene === undefined || result.line.seq !== this.seq) return undefined;
    this.scene = { ...this.scene, result };
    return 'stop';
  }

  /** Told of the window of the call, after its calls were fed. */
  private saw(overlap: Overlap | undefined): void {
    if (this.scene !== undefined && overlap !== undefined) this.scene = { ...this.scene, overlap };
  }

  private before(line: RecordedLine, lineNumber: number): void {
    if (this.scene !== undefined) return;
    this.keeper.before(line);
    this.last = seqOf(line);
    if (this.last !== this.seq) return;
    if (!isCall(line)) {
      const detail = `expected a call (ioctl, read, write or mmap) at seq ${this.seq}, found ${line.ev}`;
      throw new TraceFormatError('TRC031-not-a-call', { file: this.file, line: lineNumber }, detail);
    }
    this.moment = momentOf(this.keeper.history, line);
  }

  private after(result: CallResult | undefined): void {
    if (this.scene !== undefined) return;
    const step = this.keeper.after(result);
    const { moment } = this;
    if (moment === undefined) return;
    const { line } = step;
    if (result === undefined || !isCall(line)) throw new Error(`invariant: call ${this.seq} has no answer`);
    this.scene = { ...moment, step, line, call: decodeCall(line), result };
  }
}

/** What is there just before the call. */
function momentOf(
  history: History | undefined,
  { pid, fd }: CallLine,
): Omit<Scene, 'step' | 'line' | 'call' | 'result'> {
  if (history === undefined) throw new Error('invariant: a line before the header');
  const before = copyWorld(history.session.engine.world);
  const process = before.processes.get(pid);
  const file = openFileAt(before, process, fd);
  const { steps, passed } = history;
  return {
    history: { ...history },
    steps: [...steps],
    passed,
    before,
    file,
    process,
    context: file === undefined ? undefined : before.contexts.get(file.contextId),
    space: process === undefined ? undefined : before.spaces.get(process.spaceId),
  };
}

/** `seen`: the effect of another call that looks like this refusal. */
function ruleOf(id: RuleId | undefined, seen?: OverlapCause): Explanation['rule'] {
  if (id === undefined) return null;
  return seen?.rule.rule === id ? { id, ...RULES[id], says: seen.rule.meaning } : { id, ...RULES[id] };
}

const NO_CAUSE: Cause = { text: [], steps: [] };

/** Where the answer is open, no history gives it: there is only the call that the missing fact is about. */
function unsought({ steps, passed }: Scene, about: readonly Step[]): Predecessors {
  const earlier = passed + steps.filter(({ line }) => isCall(line)).length;
  return { steps: about, placeholders: new Map(), earlier, verified: false, minimal: false, replays: 0 };
}

function causeWith(scene: Scene, isOpen: boolean, isSeen: boolean, seen: OverlapCause | undefined): Cause {
  const { rule } = scene.result.outcome;
  if (isOpen) return doubtCause(scene);
  if (isSeen && seen !== undefined) return seen;
  const cause = rule === undefined ? NO_CAUSE : causeOf(scene, rule);
  return seen === undefined ? cause : { text: [...seen.text, ...cause.text], steps: cause.steps };
}

function explain(scene: Scene, path: string): Explanation {
  const { line, result } = scene;
  const { outcome, difference } = result;
  const doubted = isDoubted(scene);
  const isOpen =
    doubted || (outcome.missing !== undefined && scene.history.session.header.assumed !== undefined);
  const seen = overlapCause(scene);
  // No replay of earlier calls alone, one after another, is refused like this.
  const isSeen = seen?.rule.rule !== undefined && seen.rule.rule === outcome.rule;
  const cause = causeWith(scene, isOpen, isSeen, seen);
  const objects = objectsOf(scene);
  const { steps, placeholders, ...counts } =
    doubted || isSeen
      ? unsought(scene, cause.steps)
      : predecessorsOf(scene, distinctSteps([...cause.steps, ...objects.steps]));
  const remedies =
    outcome.rule === undefined || isSeen ? { found: [], trials: 0 } : remediesOf(scene, outcome.rule);
  return {
    schema: 'ioasis.explain/1',
    trace: path,
    seq: line.seq,
    pid: line.pid,
    fd: line.fd,
    context: result.context,
    kernel: scene.history.session.kernel.release,
    command: result.command,
    call: describeCall(line),
    predicted: resultText(result),
    recorded: recordedText(line),
    verdict: result.verdict,
    difference:
      difference === undefined
        ? null
        : `${difference.field}: recorded ${difference.recorded}, predicted ${difference.predicted}`,
    rule: ruleOf(outcome.rule, seen),
    undetermined: outcome.missing ?? null,
    because: cause.text,
    objects: objects.text,
    changed: outcome.events.filter((event) => isNews(scene, event)).map(describeEvent),
    dependsOn: {
      calls: steps.map((one) => explainedCall(one, placeholders.get(one) ?? [])),
      ...counts,
    },
    wouldSucceed: remedies.found,
    trials: remedies.trials,
    kernels: doubted || isSeen ? [] : otherKernels(scene),
  };
}

function explainedCall({ line, result }: Step, placeholders: readonly number[]): ExplainedCall {
  return {
    seq: seqOf(line),
    call: isCall(line) ? describeCall(line) : line.ev,
    result: result === undefined ? '' : resultText(result),
    placeholders,
  };
}

/** Reservations may be dropped where none are: that changes nothing. */
function isNews({ before }: Scene, event: Event): boolean {
  if (event.type !== 'ReservationsDropped') return true;
  const ioas = before.contexts.get(event.context)?.objects[event.id];
  return ioas?.kind === 'ioas' && ioas.reserved.some(({ owner }) => owner === event.owner);
}

/** The same call on the same state, decided by the other releases. */
function otherKernels(scene: Scene): Explanation['kernels'] {
  const own = scene.history.session.kernel.release;
  const asked = askedOf(scene.step) as CallLine;
  return [...kernelProfiles.values()]
    .filter(({ release }) => release !== own)
    .map((kernel) => {
      const result = attempt(openLab(scene, kernel), [], asked);
      const predicted = result === undefined ? 'undetermined' : resultText(result);
      return { kernel: kernel.release, predicted, same: predicted === resultText(scene.result) };
    });
}
