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
import { describeEvent } from './explain-event.ts';
import { attempt, openLab } from './explain-lab.ts';
import { predecessorsOf } from './explain-predecessors.ts';
import { type Remedy, remediesOf } from './explain-remedy.ts';
import { distinctSteps, recordedText, resultText, type Scene } from './explain-scene.ts';
import { askedOf, type History, isCall, openHistory, record, type Step, seqOf } from './provenance.ts';
import { fileName } from './read-chunks.ts';
import { readTrace } from './read-trace.ts';
import type { SourceOptions } from './replay-trace.ts';
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
 * Explains the call with sequence number `seq`. Lines after it are not read.
 *
 * Throws TraceFormatError: those of readTrace() and openSession(), TRC030-no-such-seq, TRC031-not-a-call.
 */
export async function explainCall(path: string, seq: number, options: SourceOptions): Promise<Explanation> {
  const file = fileName(path);
  let history: History | undefined;
  let scene: Scene | undefined;
  let last = -1;
  await readTrace(
    path,
    (line, lineNumber) => {
      if (line.ev === 'trace') {
        history = openHistory(line, { file, line: lineNumber }, options);
        return undefined;
      }
      if (history === undefined) return 'stop';
      last = seqOf(line);
      if (last !== seq) {
        record(history, line);
        return undefined;
      }
      if (!isCall(line)) {
        const detail = `expected a call (ioctl, read, write or mmap) at seq ${seq}, found ${line.ev}`;
        throw new TraceFormatError('TRC031-not-a-call', { file, line: lineNumber }, detail);
      }
      scene = sceneOf(history, line);
      return 'stop';
    },
    options,
  );
  if (scene === undefined) {
    const detail = `expected a line with seq ${seq}, found none; the last one is ${last}`;
    throw new TraceFormatError('TRC030-no-such-seq', { file, line: 0 }, detail);
  }
  return explain(scene, path);
}

/** The situation of a call, which is fed to the engine here. */
function sceneOf(history: History, told: CallLine): Scene {
  const before = copyWorld(history.session.engine.world);
  const { steps, passed } = history;
  history.steps = [...steps];
  const base = history.base;
  const step = record(history, told);
  history.base = base;
  const { line } = step;
  if (step.result === undefined || !isCall(line))
    throw new Error(`invariant: call ${told.seq} has no answer`);
  const process = before.processes.get(line.pid);
  const file = openFileAt(before, process, line.fd);
  return {
    history,
    steps,
    passed,
    step,
    line,
    call: decodeCall(line),
    result: step.result,
    before,
    file,
    process,
    context: file === undefined ? undefined : before.contexts.get(file.contextId),
    space: process === undefined ? undefined : before.spaces.get(process.spaceId),
  };
}

function ruleOf(id: RuleId | undefined): Explanation['rule'] {
  return id === undefined ? null : { id, ...RULES[id] };
}

function explain(scene: Scene, path: string): Explanation {
  const { line, result } = scene;
  const { outcome, difference } = result;
  const cause = outcome.rule === undefined ? { text: [], steps: [] } : causeOf(scene, outcome.rule);
  const objects = objectsOf(scene);
  const { steps, placeholders, ...counts } = predecessorsOf(
    scene,
    distinctSteps([...cause.steps, ...objects.steps]),
  );
  const remedies = outcome.rule === undefined ? { found: [], trials: 0 } : remediesOf(scene, outcome.rule);
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
    rule: ruleOf(outcome.rule),
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
    kernels: otherKernels(scene),
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
