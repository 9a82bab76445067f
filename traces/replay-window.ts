/** Calls that overlap, on their way to the engine. */
import { doubtful } from './call-result.ts';
import type { CaptureDoubts } from './capture-doubts.ts';
import type { CallResult } from './engine.ts';
import { explainedAsRecorded, type Linearised, linearise, linearised } from './linearise.ts';
import type { OverlappingCall } from './linearise-call.ts';
import { feedStep, type Step } from './linearise-step.ts';
import type { RecordedLine } from './recording.ts';

/** Told of each call of a window; `stop` leaves out those after it. */
export type WindowReceiver = Readonly<{
  before: (call: OverlappingCall) => void;
  after: (call: OverlappingCall, result: CallResult | undefined) => 'stop' | undefined;
}>;

/** The answers in the order of the recording, and what is to be told where that order does not explain them. */
export type WindowAnswers = Readonly<{ answers: CallResult[]; told: Linearised | undefined }>;

/** Whether calls of one process overlap in these lines, all of them wanted and of one recording. */
export function concernsThreads(lines: readonly RecordedLine[], until: number): boolean {
  const calls = lines.filter((line) => line.ev === 'ioctl');
  const [first] = calls;
  if (first === undefined) return false;
  const threads = calls.some(({ pid, tid }) => pid === first.pid && tid !== first.tid);
  return threads && lines.every((line) => line.ev !== 'trace' && line.seq <= until);
}

/** Feeds the calls in the order in which they began if that explains them, or in one that does. */
export function replayWindow(
  doubts: CaptureDoubts,
  calls: readonly OverlappingCall[],
  receiver: WindowReceiver,
): WindowAnswers {
  const plain = calls.map((call) => ({ call, alternative: undefined }));
  if (explainedAsRecorded(doubts, calls))
    return { answers: feedSteps(doubts, plain, receiver), told: undefined };
  const explanation = linearise(doubts, calls);
  const steps = explanation.kind === 'ordered' ? explanation.steps : plain;
  const answers = feedSteps(doubts, steps, receiver);
  const isOpen = explanation.kind === 'undecided';
  return { answers: isOpen ? answers.map(unordered) : answers, told: linearised(calls, explanation) };
}

/** Too many orders to try: what differs in one of them says nothing. */
function unordered(result: CallResult): CallResult {
  return result.verdict === 'diverging' ? doubtful(result, 'the order of overlapping calls') : result;
}

function feedSteps(doubts: CaptureDoubts, steps: readonly Step[], receiver: WindowReceiver): CallResult[] {
  const moved = new Map<number, number>();
  const results: CallResult[] = [];
  for (const step of steps) {
    receiver.before(step.call);
    const result = feedStep({ engine: doubts.engine, doubts, moved }, step);
    if (result !== undefined) results.push(result);
    if (receiver.after(step.call, result) === 'stop') break;
  }
  return results.sort((one, other) => one.line.seq - other.line.seq);
}
