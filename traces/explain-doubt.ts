/** Why nothing is claimed of a call: what a capture did not catch, and how another one would. */
import { type Cause, resultText, type Scene } from './explain-scene.ts';
import { seqOf } from './provenance.ts';
import type { Lacks, RecordedLine } from './recording.ts';

const LACKS: Readonly<Record<keyof Lacks, string>> = {
  in: 'the struct before the call',
  out: 'the struct after it',
  second: 'the second buffer that the struct points to',
  secondOut: 'that buffer after the call',
  ret: 'its return',
  errno: 'its errno',
};

/** How a capture tells a fact of which these words speak. */
const TOLD_BY: readonly (readonly [words: RegExp, how: string])[] = [
  [/address space/, '`sh capture.sh -p PID`, which notes the mappings of the process and follows them'],
  [/limit of locked memory|capabilities/, '`sh capture.sh -p PID`, which notes the rights of the process'],
  [/second buffer/, 'the probes of `ioasis capture`, which fetch the first 128 bytes of it'],
  [/IOMMU and the devices/, 'the notes that `ioasis capture` makes of the machine; --iommu tells the driver'],
  [/lost/, 'a larger ring (`sh capture.sh -b KIB`), or one process alone (`-p`)'],
  [/struct|changed|return/, 'the probes of `ioasis capture`, on Linux 6.9 or later or with --bpftrace'],
  [/comes from/, 'a capture that begins before the descriptor is opened'],
];

/** An earlier call left the doubt. */
const OF_ANOTHER = /\bcall \d+ went\b/;

/** Whether it is the capture, and not the model, that leaves the answer open. */
export function isDoubted({ result, step }: Scene): boolean {
  const { missing } = result.outcome;
  if (missing === undefined) return false;
  return step.result?.outcome.missing !== missing || OF_ANOTHER.test(missing) || isUnseen(step.line);
}

/** The struct was not captured: the model was not asked. */
function isUnseen(line: RecordedLine): boolean {
  return line.ev === 'ioctl' && line.lacks?.in !== undefined;
}

/** What is missing, what the model says without it, and the earlier call that it is about. */
export function doubtCause(scene: Scene): Cause {
  const { result, line, history, steps } = scene;
  const missing = result.outcome.missing ?? '';
  const { assumed = [] } = history.session.header;
  const text: string[] = [];
  if (result.undoubted !== undefined && result.undoubted.outcome.missing === undefined)
    text.push(`the model says ${resultText(result.undoubted)}, which rests on ${missing}`);
  const lacks = line.ev === 'ioctl' && line.lacks !== undefined ? Object.keys(line.lacks) : [];
  if (lacks.length > 0)
    text.push(
      `the capture lacks of this call: ${lacks.map((name) => LACKS[name as keyof Lacks]).join(', ')}`,
    );
  if (assumed.length > 0)
    text.push(`taken for granted, since the capture does not tell: ${assumed.join(', ')}`);
  const how = TOLD_BY.find(([words]) => words.test(missing))?.[1];
  if (how !== undefined) text.push(`told by: ${how}`);
  const seq = Number(/\bcall (\d+)\b/.exec(missing)?.[1] ?? -1);
  return { text, steps: steps.filter((step) => seqOf(step.line) === seq) };
}
