/** What the engine answers to one call of a recording. */
import { type Outcome, undetermined } from '../events/outcome.ts';
import type { Comparison } from './compare.ts';
import type { HexPattern } from './prediction.ts';
import type { IoctlLine, MmapLine, ReadLine, WriteLine } from './recording.ts';

export type CallLine = IoctlLine | ReadLine | WriteLine | MmapLine;
export type Verdict = 'conforming' | 'diverging' | 'undetermined' | 'unchecked' | 'predicted';

/** What the model says of one call, and how that fits the recording. */
export type CallResult = Readonly<{
  line: CallLine;
  /** The header's name of the command, or what the call was. */
  command: string;
  outcome: Outcome;
  out: HexPattern | undefined;
  ptrOut: HexPattern | undefined;
  verdict: Verdict;
  /** What differs, where something does. */
  difference: Comparison | undefined;
  /** The invariant that broke at this very call. */
  broken: string | undefined;
  context: number;
  /** What the model said of a call for which a capture does not tell enough; nothing where it said nothing. */
  undoubted?: CallResult;
}>;

/** The prediction, with the bytes that it writes and what differs from the recording. */
export type Predicted = Readonly<{
  outcome: Outcome;
  out: HexPattern | undefined;
  ptrOut: HexPattern | undefined;
  difference: Comparison | undefined;
  /** Whether there is a result that it could differ from. */
  recorded: boolean;
}>;

/** Whether the line tells the result of its call. */
export function isRecorded(line: CallLine): boolean {
  return (line.ev === 'mmap' ? (line.addr ?? line.errno) : line.ret) !== undefined;
}

function verdictOf({ outcome, difference, recorded }: Predicted): Verdict {
  // What is not known can still be told apart from what cannot be.
  if (outcome.missing !== undefined) return difference === undefined ? 'undetermined' : 'diverging';
  if (!recorded) return 'predicted';
  return difference === undefined ? 'conforming' : 'diverging';
}

/** `broken` is the invariant that the kernel broke at this very call. */
export function callResult(
  line: CallLine,
  command: string,
  context: number,
  predicted: Predicted,
  broken: string | undefined,
): CallResult {
  const { outcome, out, ptrOut, difference } = predicted;
  const verdict = verdictOf(predicted);
  return { line, command, outcome, out, ptrOut, difference, verdict, broken, context };
}

/** A call on a descriptor of which the recording does not tell the origin. */
export function withoutLineage(line: CallLine, command: string): CallResult {
  const missing = `where descriptor ${line.fd} of process ${line.pid} comes from`;
  return doubtful({ line, command, context: 0, broken: undefined }, missing);
}

/** A call in a context of which nothing is claimed any more. */
export function uncheckedResult(line: CallLine, command: string, context: number): CallResult {
  const missing = 'what the kernel does after an invariant broke';
  return doubtful({ line, command, context, broken: undefined }, missing, 'unchecked');
}

/** The call as one that cannot be told for lack of a fact. */
export function doubtful(
  { line, command, broken, context }: Pick<CallResult, 'line' | 'command' | 'broken' | 'context'>,
  missing: string,
  verdict: 'undetermined' | 'unchecked' = 'undetermined',
): CallResult {
  return {
    line,
    command,
    outcome: undetermined(missing),
    out: undefined,
    ptrOut: undefined,
    difference: undefined,
    verdict,
    broken,
    context,
  };
}

/** Rule, missing fact, return value and every byte written. */
export function sameAnswer(one: CallResult, other: CallResult): boolean {
  return (
    one.outcome.rule === other.outcome.rule &&
    one.outcome.missing === other.outcome.missing &&
    one.outcome.ret === other.outcome.ret &&
    one.out === other.out &&
    one.ptrOut === other.ptrOut
  );
}
