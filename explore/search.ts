/** Exhaustive search of a model, breadth first, so that every counterexample is a shortest one. */
import { type Checkpoint, freeze, thaw } from './checkpoint.ts';
import type { Model, Property } from './model.ts';
import { located } from './model-error.ts';
import { choose } from './properties.ts';
import { probe, probes } from './search-probe.ts';
import { resultOf, type SearchResult, type Stop } from './search-result.ts';
import {
  begin,
  bytesWith,
  descend,
  expand,
  load,
  makeRoom,
  openRun,
  placeOf,
  type Run,
} from './search-run.ts';
import { hopsTo } from './search-trace.ts';

export type SearchOptions = Readonly<{
  /** Take states for the same that differ only in the names of interchangeable members. On unless a property tells them apart. */
  symmetry?: boolean;
  /** Remember 64 bits of each state instead of all. Off unless asked for. */
  compaction?: boolean;
  /** States that are so many steps away are met, but not expanded. */
  depth?: number;
  /** Expand nothing more once so many states are met. */
  states?: number;
  /** Bytes for all that the search remembers. */
  memory?: number;
  /** Only these properties. */
  properties?: readonly string[];
  /** What an earlier search of the same model left. Bounds may be other than they were. */
  resume?: Checkpoint;
}>;

export type Progress = Readonly<{
  states: number;
  transitions: number;
  depth: number;
  /** States that are met, but not expanded. */
  waiting: number;
  bytes: number;
}>;

/** A search that is carried on in portions, so that whoever runs it can do something in between. */
export interface Search {
  /** Expands at most so many states. Returns why the search is over, or undefined. Throws ModelError. */
  advance(states: number): Stop | undefined;
  progress(): Progress;
  /** All that is needed to go on later. */
  checkpoint(): Checkpoint;
  result(): SearchResult;
}

const TWO_GIGABYTES = 2 ** 31;

/** Opens a search. Throws ModelError for a model, and CheckpointError for a checkpoint, that cannot be used. */
export function openSearch(model: Model, options: SearchOptions = {}): Search {
  const properties = choose(model, options.properties);
  const { symmetry = true, compaction = false } = options;
  const run = openRun(model, properties, { symmetry, compaction });
  if (options.resume === undefined) begin(run);
  else thaw(run, options.resume);
  return carryOn(run, properties, options);
}

function carryOn(run: Run, properties: readonly Property[], options: SearchOptions): Search {
  const {
    depth = Number.POSITIVE_INFINITY,
    states = Number.POSITIVE_INFINITY,
    memory = TWO_GIGABYTES,
  } = options;
  let stop: Stop | undefined;
  return {
    advance: (portion) => {
      for (let left = portion; left > 0 && stop === undefined; left--) {
        if (run.next === run.levelEnd && !descend(run)) stop = 'exhausted';
        else if (run.level >= depth) stop = 'depth';
        else if (run.table.count >= states) stop = 'states';
        else if (!makeRoom(run, memory)) stop = 'memory';
        else expandNext(run);
      }
      return stop;
    },
    progress: () => ({
      states: run.table.count,
      transitions: run.transitions,
      depth: run.level,
      waiting: run.table.count - run.next,
      bytes: bytesWith(run, run.room, run.edgeRoom),
    }),
    checkpoint: () => freeze(run),
    result: () => resultOf(run, properties, stop ?? 'asked'),
  };
}

function expandNext(run: Run): void {
  const number = run.next;
  load(run, number);
  try {
    if (probes(number)) probe(run);
    expand(run, number);
  } catch (thrown) {
    throw located(thrown, { file: run.model.file, place: `${placeOf(run)}${prefix(run, number)}` });
  }
  run.next++;
}

/** The steps before the one that went wrong. */
function prefix(run: Run, number: number): string {
  const hops = hopsTo(run, number);
  if (hops.length === 0) return ', in the initial state';
  const labels = hops.map(({ step }) => run.steps[step]?.label).join(', ');
  const names = run.keyer.symmetry ? ' (up to renaming)' : '';
  return `, ${hops.length === 1 ? '1 step' : `${hops.length} steps`} in${names}: ${labels}`;
}

/** States between two calls of `watch`. */
const PORTION = 1 << 14;

/**
 * Searches to the end or to a bound. `watch` is called now and then; where it returns false, the search ends there.
 */
export function search(
  model: Model,
  options: SearchOptions = {},
  watch: (search: Search) => boolean = () => true,
): SearchResult {
  const running = openSearch(model, options);
  while (running.advance(PORTION) === undefined && watch(running));
  return running.result();
}
