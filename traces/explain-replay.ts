/** Replaying a part of a history alone, to see whether the explained call is still answered the same. */
import type { Event } from '../events/event.ts';
import { openFileAt, type World } from '../machines/world.ts';
import { sameAnswer } from './call-result.ts';
import { copyWorld } from './copy-world.ts';
import { type CallResult, ReplayEngine } from './engine.ts';
import { describeEvent } from './explain-event.ts';
import { idFieldsOf, numberField, type Scene } from './explain-scene.ts';
import { askedOf, fatesOf } from './provenance.ts';
import type { RecordedLine } from './recording.ts';

/** A line of the partial history, and what a call of it has to be answered: as in the whole one. */
export type Replay = Readonly<{ line: RecordedLine; expected: CallResult | undefined }>;

/** Kinds of what the ids of the explained call stand for; `ended` where something had the id before. */
function kindsOf(scene: Scene, world: World, ended: ReadonlySet<string>): string[] {
  const { line, call } = scene;
  const contextId = openFileAt(world, world.processes.get(line.pid), line.fd)?.contextId ?? 0;
  const context = world.contexts.get(contextId);
  return idFieldsOf(call).map((name) => {
    const id = numberField(call, name) ?? 0;
    return context?.objects[id]?.kind ?? (ended.has(`${contextId}/${id}`) ? 'ended' : 'never');
  });
}

/** The answer: rule, missing fact, return value, bytes written, what changed. */
function answerOf({ outcome, out, ptrOut }: CallResult): unknown[] {
  const { rule, missing, ret, events } = outcome;
  return [rule ?? '', missing ?? '', ret, out ?? '', ptrOut ?? '', events.map(describeEvent)];
}

/**
 * Feeds the lines to a world as it was before the history, then the explained call, and answers what has to be reproduced.
 * undefined where a line is answered otherwise than before, or where the model breaks on such a history.
 */
export function replayAlone(
  scene: Scene,
  lines: readonly Replay[],
): { found: string | undefined; fed: number } {
  const world = copyWorld(scene.history.base);
  const ended = new Set<string>();
  const { kernel, platform } = scene.history.session;
  const onEvent = (event: Event): void => {
    for (const { context, id, fate } of fatesOf(world, event))
      if (fate !== 'made') ended.add(`${context}/${id}`);
  };
  let fed = 0;
  try {
    const engine = new ReplayEngine(world, { kernel, platform, onEvent });
    for (const { line, expected } of lines) {
      fed++;
      const result = engine.feed(line);
      if (expected !== undefined && (result === undefined || !sameAnswer(result, expected)))
        return { found: undefined, fed };
    }
    const kinds = kindsOf(scene, world, ended);
    const result = engine.feed(askedOf(scene.step));
    return { found: result === undefined ? undefined : JSON.stringify([...answerOf(result), kinds]), fed };
  } catch {
    return { found: undefined, fed };
  }
}
