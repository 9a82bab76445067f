/** A replayed call as a step of a trace: who asked whom for what, and what came back. */
import type { TraceStep } from '../explore/search-trace.ts';
import { openFileAt, type World } from '../machines/world.ts';
import { decodeCall } from './decoded-call.ts';
import { askedFields, describeCall } from './describe-command.ts';
import type { CallLine, CallResult } from './engine.ts';
import { recordedText, resultText } from './explain-scene.ts';

/** The step of a call in `world`, before or after it: no call closes its own descriptor. */
export function callStep(result: CallResult, world: World): TraceStep {
  const { line, command } = result;
  return {
    command,
    args: Object.fromEntries(askedFields(decodeCall(line))),
    label: describeCall(line),
    lane: laneOf(line, world),
    actor: `thread ${line.tid} of process ${line.pid}`,
    answer: answerOf(result),
  };
}

/** `0 ioas=1`, `EBUSY`; of a verdict other than conforming, what the recording says and what the model does. */
export function answerOf(result: CallResult): string {
  const { verdict, difference, outcome, line } = result;
  if (verdict === 'conforming' || verdict === 'predicted') return resultText(result);
  const recorded = recordedText(line) ?? 'no result';
  if (verdict === 'unchecked') return `${recorded}, unchecked`;
  if (verdict === 'undetermined') return `${recorded}, undetermined: ${outcome.missing}`;
  return `${recorded}, diverging: ${difference?.field} ${difference?.recorded}, predicted ${difference?.predicted}`;
}

/** What the descriptor of a call stands for: `context 1`, the path of a device, `fault 5 of context 1`. */
function laneOf({ pid, fd, kind }: CallLine, world: World): string {
  const file = openFileAt(world, world.processes.get(pid), fd);
  if (file === undefined) return `descriptor ${fd} of process ${pid}`;
  if (file.kind === 'vfio-dev') return file.path;
  return file.kind === 'iommufd' || file.kind === 'vfio-container'
    ? `context ${file.contextId}`
    : `${kind} ${file.objectId} of context ${file.contextId}`;
}
