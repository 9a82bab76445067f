/** The earlier calls that made an answer what it is: the smallest set for which a replay of them alone still gives it. */
import type { Event } from '../events/event.ts';
import type { World } from '../machines/world.ts';
import { copyWorld } from './copy-world.ts';
import type { DecodedCall } from './decoded-call.ts';
import { type CallLine, type CallResult, ReplayEngine } from './engine.ts';
import { closureOf } from './explain-closure.ts';
import { describeEvent } from './explain-event.ts';
import { idFieldsOf, numberField, type Scene } from './explain-scene.ts';
import { askedOf, fatesOf, isCall, type Step } from './provenance.ts';
import type { RecordedLine } from './recording.ts';

export type Predecessors = Readonly<{
  /** Calls, in the order of the recording. */
  steps: readonly Step[];
  /** Calls between the last moment without a context and this one. */
  earlier: number;
  /** Replaying `steps`, the facts of the recording and the call gave the same answer. */
  verified: boolean;
  /** Leaving out any one of `steps` gives another answer. */
  minimal: boolean;
  /** Replays made. */
  replays: number;
}>;

/** Lines that may be replayed in the search, over all replays. */
const LINES_MAX = 400_000;

type Item = Readonly<{ step: Step; asked: RecordedLine; call: boolean; changes: boolean }>;

interface Search {
  readonly scene: Scene;
  readonly items: readonly Item[];
  readonly wanted: string;
  readonly known: Map<string, boolean>;
  lines: number;
  replays: number;
}

/** What a replay has to reproduce: the answer, the bytes, the changes, and what the named ids stand for. */
function signature(
  world: World,
  ended: ReadonlySet<string>,
  call: DecodedCall,
  line: CallLine,
): (result: CallResult | undefined, events: readonly Event[]) => string {
  const fileId = world.processes.get(line.pid)?.fds.get(line.fd);
  const contextId = (fileId === undefined ? undefined : world.files.get(fileId))?.contextId ?? 0;
  const context = world.contexts.get(contextId);
  const kinds = idFieldsOf(call).map((name) => {
    const id = numberField(call, name) ?? 0;
    return context?.objects[id]?.kind ?? (ended.has(`${contextId}/${id}`) ? 'ended' : 'never');
  });
  return (result, events) => {
    const { rule, ret, missing } = result?.outcome ?? {};
    const changes = events.map(describeEvent);
    return JSON.stringify([
      rule ?? '',
      missing ?? '',
      ret ?? 0,
      result?.out ?? '',
      result?.ptrOut ?? '',
      kinds,
      changes,
    ]);
  };
}

/** Replays the chosen items from `base`, then the call; undefined where the model breaks on such a history. */
function replay(scene: Scene, lines: Iterable<RecordedLine>): string | undefined {
  const world = copyWorld(scene.history.base);
  const ended = new Set<string>();
  let events: Event[] = [];
  const { kernel, platform } = scene.history.session;
  const onEvent = (event: Event): void => {
    events.push(event);
    for (const { context, id, fate } of fatesOf(world, event))
      if (fate !== 'made') ended.add(`${context}/${id}`);
  };
  try {
    const engine = new ReplayEngine(world, { kernel, platform, onEvent });
    for (const line of lines) engine.feed(line);
    const sign = signature(world, ended, scene.call, scene.line);
    events = [];
    return sign(engine.feed(askedOf(scene.step)), events);
  } catch {
    return undefined;
  }
}

function holds(search: Search, chosen: ReadonlySet<number>): boolean {
  const key = [...chosen].sort((one, other) => one - other).join();
  const known = search.known.get(key);
  if (known !== undefined) return known;
  const lines: RecordedLine[] = [];
  for (const [index, item] of search.items.entries())
    if (!item.call || chosen.has(index)) lines.push(item.asked);
  search.lines += lines.length + 1;
  search.replays++;
  const same = replay(search.scene, lines) === search.wanted;
  search.known.set(key, same);
  return same;
}

function without(chosen: readonly number[], from: number, to: number): number[] {
  return [...chosen.slice(0, from), ...chosen.slice(to)];
}

/** ddmin, complements only: ever smaller pieces are left out while the answer stays. */
function shrink(search: Search, start: readonly number[]): { chosen: readonly number[]; minimal: boolean } {
  let chosen = start;
  let pieces = 2;
  while (chosen.length > 0) {
    const size = Math.ceil(chosen.length / pieces);
    let shrunk = false;
    for (let from = 0; from < chosen.length; ) {
      if (search.lines > LINES_MAX) return { chosen, minimal: false };
      const rest = without(chosen, from, from + size);
      if (holds(search, new Set(rest))) {
        chosen = rest;
        shrunk = true;
      } else from += size;
    }
    if (size === 1 && !shrunk) return { chosen, minimal: true };
    pieces = shrunk && size === 1 ? chosen.length : Math.min(pieces * 2, Math.max(chosen.length, 1));
  }
  return { chosen, minimal: true };
}

/** A call whose recorded answer the engine had to adopt keeps it; of all others it is taken off. */
function itemOf(step: Step): Item {
  const adopted = step.result?.verdict === 'diverging' || step.result?.verdict === 'undetermined';
  return {
    step,
    asked: adopted ? step.line : askedOf(step),
    call: isCall(step.line),
    changes: step.events.length > 0,
  };
}

/** Finds the smallest set; `related`: the steps that the explanation speaks of, where the search begins. */
export function predecessorsOf(scene: Scene, related: readonly Step[]): Predecessors {
  const items = scene.steps.map(itemOf);
  const earlier = items.filter((item) => item.call).length;
  const changing = indexes(items, (item) => item.call && item.changes);
  const search: Search = { scene, items, wanted: '', known: new Map(), lines: 0, replays: 0 };
  const full = replay(
    scene,
    items.map((item) => item.asked),
  );
  if (full === undefined) return { steps: related, earlier, verified: false, minimal: false, replays: 1 };
  const exact: Search = { ...search, wanted: full };
  if (!sameAnswer(scene, full))
    return { steps: related, earlier, verified: false, minimal: false, replays: 1 };
  const near = closureOf(scene, related);
  const sets = [
    indexes(items, (item) => item.call && item.changes && near.has(item.step)),
    indexes(items, (item) => item.call && item.changes && item.step.result?.context === scene.result.context),
    changing,
    indexes(items, (item) => item.call),
  ];
  const start = sets.find((set) => holds(exact, new Set(set))) ?? indexes(items, (item) => item.call);
  const { chosen, minimal } = shrink(exact, start);
  const steps = chosen.map((index) => (items[index] as Item).step);
  return { steps, earlier, verified: true, minimal, replays: exact.replays + 1 };
}

/** Whether a replay without results gives the answer that the explanation is about. */
function sameAnswer(scene: Scene, found: string): boolean {
  const [rule, missing] = JSON.parse(found) as string[];
  return rule === (scene.result.outcome.rule ?? '') && missing === (scene.result.outcome.missing ?? '');
}

function indexes(items: readonly Item[], keep: (item: Item) => boolean): number[] {
  return items.flatMap((item, index) => (keep(item) ? [index] : []));
}
