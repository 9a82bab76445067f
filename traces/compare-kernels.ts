/** One recording under two releases: every call decided by both, each from its own state, and where they first differ. */
import { RULES } from '../events/rules.ts';
import { sameAnswer } from './call-result.ts';
import { CaptureDoubts } from './capture-doubts.ts';
import { describeCall } from './describe-command.ts';
import type { CallResult } from './engine.ts';
import { resultText } from './explain-scene.ts';
import { isCall, seqOf } from './provenance.ts';
import { fileName } from './read-chunks.ts';
import { readTrace } from './read-trace.ts';
import type { RecordedLine } from './recording.ts';
import { openSession } from './replay-trace.ts';
import { withoutResults } from './strip-results.ts';

/** One call that the two answer differently. `rule` is null for a success, `undetermined: …` names a missing fact. */
export type Difference = Readonly<{
  trace: string;
  seq: number;
  pid: number;
  command: string;
  call: string;
  a: Answer;
  b: Answer;
}>;

export type Answer = Readonly<{ result: string; rule: string | null; says: string | null }>;

/** Calls that differ alike: the same command, the same two answers. */
export type DifferingRule = Readonly<{
  command: string;
  a: string;
  b: string;
  count: number;
  /** Of these, the first difference of a context: not the consequence of an earlier one there. */
  firsts: number;
  /** Where it was first seen. */
  trace: string;
  seq: number;
}>;

export type KernelComparison = Readonly<{
  schema: 'ioasis.compare/1';
  a: string;
  b: string;
  traces: number;
  calls: number;
  differing: number;
  /** Of the calls that do not differ, those of which neither release's answer is known: their bytes are not there, for one. */
  undetermined: number;
  first: Difference | null;
  rules: readonly DifferingRule[];
}>;

export type CompareOptions = Readonly<{
  iommu?: string | undefined;
  /** A trace was read to its end. */
  onTrace?: (path: string) => void;
}>;

/** Runs each recording through both releases. Recorded results are not read, so that neither adopts anything. */
export async function compareKernels(
  releases: Readonly<{ a: string; b: string }>,
  paths: readonly string[],
  options: CompareOptions,
): Promise<KernelComparison> {
  const rules = new Map<string, Counted>();
  let [calls, differing, undetermined] = [0, 0, 0];
  let first: Difference | null = null;
  const parted = new Set<string>();
  for (const trace of paths) {
    await comparePath(releases, trace, options, (one, other) => {
      calls++;
      if (sameAnswer(one, other)) {
        if (one.outcome.missing !== undefined) undetermined++;
        return;
      }
      differing++;
      const found = differenceOf(trace, one, other);
      first ??= found;
      const key = JSON.stringify([found.command, shortOf(found.a), shortOf(found.b)]);
      const known = rules.get(key);
      const rule = known ?? ruleOf(found);
      if (known === undefined) rules.set(key, rule);
      const context = `${trace}/${one.context}`;
      rule.count++;
      if (!parted.has(context)) rule.firsts++;
      if (one.context !== 0) parted.add(context);
    });
    options.onTrace?.(trace);
  }
  const sorted = [...rules.values()].sort(
    (one, other) => other.firsts - one.firsts || other.count - one.count,
  );
  const { a, b } = releases;
  const counts = { traces: paths.length, calls, differing, undetermined };
  return { schema: 'ioasis.compare/1', a, b, ...counts, first, rules: sorted };
}

/** An answer as the table has it: without ids and bytes, so that like differences count together. */
function shortOf({ rule, result }: Answer): string {
  if (rule !== null) return rule;
  return result.startsWith('undetermined') ? 'undetermined' : 'success';
}

type Counted = { -readonly [Name in keyof DifferingRule]: DifferingRule[Name] };

function ruleOf({ trace, seq, command, a, b }: Difference): Counted {
  const [one, other] = [shortOf(a), shortOf(b)];
  return {
    command,
    a: one,
    b: one === other ? `${other} (other bytes)` : other,
    count: 0,
    firsts: 0,
    trace,
    seq,
  };
}

async function comparePath(
  { a, b }: Readonly<{ a: string; b: string }>,
  path: string,
  { iommu }: CompareOptions,
  onCall: (one: CallResult, other: CallResult) => void,
): Promise<void> {
  const file = fileName(path);
  let feeds: readonly CaptureDoubts[] = [];
  await readTrace(path, (line, lineNumber) => {
    if (line.ev === 'trace') {
      const at = { file, line: lineNumber };
      feeds = [a, b].map((kernel) => {
        const { engine, header } = openSession(line, at, { kernel, iommu });
        return new CaptureDoubts(engine, engine, header);
      });
      return;
    }
    if (feeds.length === 0) return;
    const asked = isCall(line) ? withAddress(line, withoutResults(line)) : line;
    const [one, other] = feeds.map((feed) => feed.feed(asked));
    if (one !== undefined && other !== undefined) onCall(one, other);
    else if (isCall(line)) throw new Error(`invariant: call ${seqOf(line)} has no answer`);
  });
}

/** Where a window was mapped is the process's own choice: without it, nothing tells when the window goes. */
function withAddress(line: RecordedLine, asked: RecordedLine): RecordedLine {
  if (line.ev !== 'mmap' || asked.ev !== 'mmap' || line.addr === undefined || line.errno !== undefined)
    return asked;
  return { ...asked, addr: line.addr };
}

function differenceOf(trace: string, one: CallResult, other: CallResult): Difference {
  const { line } = one;
  const call = describeCall(line);
  const command = one.command.startsWith('0x') ? other.command : one.command;
  const written = one.outcome.rule === other.outcome.rule && resultText(one) === resultText(other);
  return {
    trace,
    seq: line.seq,
    pid: line.pid,
    command,
    call,
    a: answerOf(one, written),
    b: answerOf(other, written),
  };
}

/** `written`: the result is alike and the bytes tell the two apart. */
function answerOf(result: CallResult, written: boolean): Answer {
  const { rule, missing } = result.outcome;
  const bytes = written
    ? ` out ${result.out ?? 'unchanged'}${result.ptrOut === undefined ? '' : ` data ${result.ptrOut}`}`
    : '';
  const text = missing === undefined ? resultText(result) : `undetermined: ${missing}`;
  return {
    result: `${text}${bytes}`,
    rule: rule ?? null,
    says: rule === undefined ? null : RULES[rule].says,
  };
}
