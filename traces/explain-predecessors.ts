/** The earlier calls that made an answer what it is: the smallest set for which a replay of them alone still gives it. */
import { IOMMU_IOAS_ALLOC } from '../events/ioctl-number.ts';
import { closureOf, isNamed } from './explain-closure.ts';
import { madeUp } from './explain-lab.ts';
import { type Replay, replayAlone } from './explain-replay.ts';
import type { Scene } from './explain-scene.ts';
import { askedOf, isCall, type Step } from './provenance.ts';
import type { RecordedLine } from './recording.ts';

export type Predecessors = Readonly<{
  /** Calls, in the order of the recording. */
  steps: readonly Step[];
  /** Of these, the calls whose objects nothing needs: only their ids have to be taken. Found by allocating others instead. */
  placeholders: ReadonlyMap<Step, readonly number[]>;
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

type Item = Readonly<{ step: Step; asked: RecordedLine; call: boolean }>;

interface Search {
  readonly scene: Scene;
  readonly items: readonly Item[];
  readonly wanted: string;
  readonly known: Map<string, boolean>;
  lines: number;
  replays: number;
}

/** The lines of a replay: the facts, the chosen calls, and whatever stands in for one of them. */
function linesOf(
  search: Search,
  chosen: ReadonlySet<number>,
  standIn?: Readonly<{ index: number; lines: readonly RecordedLine[] }>,
): Replay[] {
  const lines: Replay[] = [];
  for (const [index, { asked, call, step }] of search.items.entries()) {
    if (index === standIn?.index) lines.push(...standIn.lines.map((line) => ({ line, expected: undefined })));
    else if (!call || chosen.has(index)) lines.push({ line: asked, expected: step.result });
  }
  return lines;
}

function holds(search: Search, chosen: ReadonlySet<number>): boolean {
  const key = [...chosen].sort((one, other) => one - other).join();
  const known = search.known.get(key);
  if (known !== undefined) return known;
  const same = sameAs(search, linesOf(search, chosen));
  search.known.set(key, same);
  return same;
}

function sameAs(search: Search, lines: readonly Replay[]): boolean {
  search.replays++;
  const { found, fed } = replayAlone(search.scene, lines);
  search.lines += fed;
  return found === search.wanted;
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
  };
}

/** Finds the smallest set; `related`: the steps that the explanation speaks of, where the search begins. */
export function predecessorsOf(scene: Scene, related: readonly Step[]): Predecessors {
  const items = scene.steps.map(itemOf);
  const every = indexes(items, (item) => item.call);
  const search: Search = { scene, items, wanted: '', known: new Map(), lines: 0, replays: 1 };
  const { found: full } = replayAlone(
    scene,
    linesOf(search, new Set(every)).map(({ line }) => ({ line, expected: undefined })),
  );
  const counts = { placeholders: new Map(), earlier: scene.passed + every.length };
  if (full === undefined || !sameAnswer(scene, full))
    return { ...counts, steps: related, verified: false, minimal: false, replays: 1 };
  const exact: Search = { ...search, wanted: full };
  const start = startOf(exact, related) ?? every;
  const { chosen, minimal } = shrink(exact, start);
  const steps = chosen.map((index) => (items[index] as Item).step);
  const placeholders = placeholdersOf(exact, chosen);
  return { ...counts, placeholders, steps, verified: true, minimal, replays: exact.replays };
}

/** Where to shrink from: what the explanation rests on, else the calls of the context that changed something, else more. */
function startOf(search: Search, related: readonly Step[]): number[] | undefined {
  const { items, scene } = search;
  const near = closureOf(scene, related);
  const every = indexes(items, (item) => item.call);
  const own = every.filter((index) => items[index]?.step.result?.context === scene.result.context);
  const close = every.filter((index) => near.has((items[index] as Item).step));
  return [close, own, every].find((set) => holds(search, new Set(set)));
}

/** Whether a replay without results gives the answer that the explanation is about. */
function sameAnswer(scene: Scene, found: string): boolean {
  const [rule, missing] = JSON.parse(found) as string[];
  return rule === (scene.result.outcome.rule ?? '') && missing === (scene.result.outcome.missing ?? '');
}

/** Calls that may as well be so many IOMMU_IOAS_ALLOC. */
function placeholdersOf(search: Search, chosen: readonly number[]): Map<Step, readonly number[]> {
  const found = new Map<Step, readonly number[]>();
  for (const index of chosen) {
    const { step } = search.items[index] as Item;
    const { line } = step;
    const ids = step.fates.filter(({ fate }) => fate === 'made').map(({ id }) => id);
    if (line.ev !== 'ioctl' || line.kind !== 'iommufd' || ids.length === 0) continue;
    if (Number(line.req) === IOMMU_IOAS_ALLOC) {
      const others = chosen.map((one) => (search.items[one] as Item).step).filter((one) => one !== step);
      if (!isNamed(step, [...others, search.scene.step])) found.set(step, ids);
      continue;
    }
    if (search.lines > LINES_MAX) return found;
    const alloc = {
      ...madeUp(search.scene, line, IOMMU_IOAS_ALLOC, 'IoasAlloc', {}),
      pid: line.pid,
      arg: line.arg,
    };
    const lines = ids.map(() => alloc);
    if (sameAs(search, linesOf(search, new Set(chosen), { index, lines })))
      found.set(
        step,
        ids.sort((one, other) => one - other),
      );
  }
  return found;
}

function indexes(items: readonly Item[], keep: (item: Item) => boolean): number[] {
  return items.flatMap((item, index) => (keep(item) ? [index] : []));
}
