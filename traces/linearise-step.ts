/** One call of a window fed to an engine, plainly or with the effect of another call that is under way. */
import { done, type Outcome, refuse } from '../events/outcome.ts';
import type { World } from '../machines/world.ts';
import { publish, remove } from '../reducers/objects.ts';
import type { CaptureDoubts } from './capture-doubts.ts';
import { entryOfLine } from './decoded-call.ts';
import type { CallResult, ReplayEngine } from './engine.ts';
import { asking, commandOf, fieldsOf, type OverlappingCall } from './linearise-call.ts';
import { type Alternative, contextOf, EFFECTS } from './linearise-effects.ts';
import type { IoctlLine } from './recording.ts';

export type Step = Readonly<{ call: OverlappingCall; alternative: Alternative | undefined }>;

/** Where lines are fed, and the ids under which objects stand whose own id was free early. */
export type Place = Readonly<{
  engine: ReplayEngine;
  doubts: Pick<CaptureDoubts, 'feed'>;
  moved: Map<number, number>;
}>;

/** Beyond every id that a call of the window can be answered. */
const MOVED_BEYOND = 64;

/** Feeds the call; undefined for lines that are no calls. */
export function feedStep(place: Place, { call, alternative }: Step): CallResult | undefined {
  const { doubts } = place;
  const { line } = call;
  if (alternative === undefined || line.ev !== 'ioctl') return feedPlainly(place, call);
  const { aside, freed, instead } = alternative;
  if (instead !== undefined) {
    for (const other of instead) doubts.feed(other);
    return explained(place.engine.world, line, alternative);
  }
  if (freed !== undefined) move(place, line, freed);
  for (const id of aside ?? []) occupy(place.engine.world, line, id);
  const result = doubts.feed(line);
  for (const id of aside ?? []) vacate(place.engine.world, line, id);
  return result;
}

/** A DESTROY of an object that stands elsewhere is fed with the id under which it stands. */
function feedPlainly({ doubts, moved }: Place, call: OverlappingCall): CallResult | undefined {
  const { line } = call;
  if (line.ev !== 'ioctl' || moved.size === 0 || commandOf(call) !== 'Destroy') return doubts.feed(line);
  const id = Number(fieldsOf(line)['id'] ?? 0);
  const now = moved.get(id);
  if (now === undefined || line.ret !== 0) return doubts.feed(line);
  moved.delete(id);
  const result = doubts.feed(asking(line, 'id', now));
  return result === undefined ? undefined : { ...result, line };
}

/** The result that the effect brings: as recorded. */
function explained(world: World, line: IoctlLine, { effect }: Alternative): CallResult {
  const { rule } = EFFECTS[effect];
  const outcome: Outcome = rule === undefined ? done([]) : refuse(rule);
  return {
    line,
    command: entryOfLine(line)?.name ?? line.req,
    outcome,
    out: undefined,
    ptrOut: undefined,
    verdict: line.ret === undefined ? 'predicted' : 'conforming',
    difference: undefined,
    broken: undefined,
    context: contextOf(world, line)?.id ?? 0,
  };
}

function occupy(world: World, line: IoctlLine, id: number): void {
  const context = contextOf(world, line);
  if (context !== undefined) publish(context, { kind: 'tombstone', id, users: 1, phase: 'published' });
}

function vacate(world: World, line: IoctlLine, id: number): void {
  const context = contextOf(world, line);
  if (context?.objects[id]?.kind === 'tombstone') remove(context, id);
}

function move({ engine, moved }: Place, line: IoctlLine, id: number): void {
  const context = contextOf(engine.world, line);
  const object = context?.objects[id];
  if (context === undefined || object?.kind !== 'selftest') return;
  const elsewhere = context.objects.length + MOVED_BEYOND;
  remove(context, id);
  publish(context, { ...object, id: elsewhere });
  moved.set(id, elsewhere);
}
