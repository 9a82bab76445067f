/** What a search says in the end. */

import { checkLeadsTo } from './leads-to.ts';
import type { Model, Property } from './model.ts';
import { ModelError } from './model-error.ts';
import { omissionProbability } from './search-key.ts';
import { bytesWith, type Run } from './search-run.ts';
import { hopsTo, type Trace, traceAlong } from './search-trace.ts';

/** `undecided`: nothing within the bounds says otherwise, but there is more beyond them. */
export type Verdict = 'holds' | 'violated' | 'undecided';

export type PropertyVerdict = Readonly<{
  property: string;
  kind: Property['kind'];
  source: string | undefined;
  verdict: Verdict;
  /** A shortest run that violates the property, or for `sometimes` one that shows that it holds. */
  trace: Trace | undefined;
}>;

/** Why a search ended: all was met, or a bound, or whoever watched it said so. */
export type Stop = 'exhausted' | 'depth' | 'states' | 'memory' | 'asked';

export type SearchResult = Readonly<{
  model: string;
  states: number;
  /** Steps that were accepted in the states that were expanded. */
  transitions: number;
  /** The greatest number of steps that a state is away from the initial one. */
  depth: number;
  complete: boolean;
  stop: Stop;
  symmetry: boolean;
  compaction: boolean;
  /** How likely hash compaction left a state out. */
  omission: number;
  bytes: number;
  /** States that accept no command, and the way to a nearest one. */
  stuck: Readonly<{ states: number; trace: Trace | undefined }>;
  /** Commands that no state accepted. Final only where the search is complete. */
  dead: readonly string[];
  verdicts: readonly PropertyVerdict[];
}>;

export function resultOf(run: Run, properties: readonly Property[], stop: Stop): SearchResult {
  const { model, table, keyer } = run;
  const complete = stop === 'exhausted';
  return {
    model: model.name,
    states: table.count,
    transitions: run.transitions,
    depth: table.count > run.levelEnd ? run.level + 1 : run.level,
    complete,
    stop,
    symmetry: keyer.symmetry,
    compaction: keyer.compaction,
    omission: omissionProbability(keyer, table.count),
    bytes: bytesWith(run, run.room, run.edgeRoom),
    stuck: {
      states: run.stuck,
      trace: run.firstStuck < 0 ? undefined : traceAlong(run, 'stuck', hopsTo(run, run.firstStuck)),
    },
    dead: model.commands.filter((_, kind) => run.accepted[kind] === 0).map(({ name }) => name),
    verdicts: properties.map((property) => verdictOf(run, property, complete)),
  };
}

function verdictOf(run: Run, property: Property, complete: boolean): PropertyVerdict {
  const { kind, name, source } = property;
  const trace = property.kind === 'leads-to' ? checkLeadsTo(run, property) : decidingTrace(run, property);
  const met: Verdict = kind === 'sometimes' ? 'holds' : 'violated';
  const unmet: Verdict = kind === 'sometimes' ? 'violated' : 'holds';
  const verdict = trace !== undefined ? met : complete ? unmet : 'undecided';
  return { property: name, kind, source, verdict, trace };
}

function decidingTrace(run: Run, property: Property): Trace | undefined {
  const index = run.watch.properties.findIndex(({ name }) => name === property.name);
  const number = run.watch.decidedBy[index] ?? -1;
  return number < 0 ? undefined : traceAlong(run, property.name, hopsTo(run, number));
}

/** Throws ModelError for the first command that no state accepts ever. Says nothing after a search that is not complete. */
export function refuseDeadCommands(model: Model, { complete, dead, states }: SearchResult): void {
  const [first] = dead;
  if (!complete || first === undefined) return;
  const at = { file: model.file, place: `command ${first}` };
  const others = dead.length === 1 ? '' : `; nor ${dead.slice(1).join(', ')}`;
  throw new ModelError('MDL008-dead-command', at, `none of ${states} states accepts it${others}`);
}
