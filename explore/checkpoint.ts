/** A search put away, to be carried on later with the same result as if it had never stopped. */
import { type Checkpoint, CheckpointError, readBytes, sumOf, writeBytes } from './checkpoint-bytes.ts';
import type { Model } from './model.ts';
import type { Growing, Numbers } from './search-growing.ts';
import type { Run } from './search-run.ts';
import { tableOf } from './search-table.ts';

export type { Checkpoint } from './checkpoint-bytes.ts';

/** Numbers that a search counts with. */
type Counters = Pick<
  Run,
  'currentFirst' | 'next' | 'levelEnd' | 'level' | 'transitions' | 'stuck' | 'firstStuck'
>;

type Heading = Counters & { model: string; print: string; decidedBy: number[]; accepted: number[] };

/** All that the search knows. The search goes on as before. */
export function freeze(run: Run): Checkpoint {
  const { currentFirst, next, levelEnd, level, transitions, stuck, firstStuck } = run;
  const heading: Heading = {
    model: run.model.name,
    print: fingerprint(run),
    decidedBy: [...run.watch.decidedBy],
    accepted: [...run.accepted],
    ...{ currentFirst, next, levelEnd, level, transitions, stuck, firstStuck },
  };
  return writeBytes(heading, listsOf(run).map(bytesOf));
}

/** The lists of a search, in the order in which they are written. */
function listsOf(run: Run): Growing<Numbers>[] {
  const { table, graph, watch } = run;
  const tree = { data: run.parents.data, length: table.count };
  const steps = { data: run.takenSteps.data, length: table.count };
  const edges = graph === undefined ? [] : [graph.starts, graph.targets, graph.steps];
  return [
    table.keys,
    tree,
    steps,
    run.current,
    run.following,
    ...edges,
    ...watch.claims.map(({ marks }) => marks),
  ];
}

function bytesOf({ data, length }: Growing<Numbers>): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, length * data.BYTES_PER_ELEMENT);
}

/**
 * Puts into a new search what a checkpoint holds. Throws CheckpointError for one that is damaged, or that is of another model, other
 * properties or other settings.
 */
export function thaw(run: Run, bytes: Checkpoint): void {
  const { heading, lists } = readBytes(bytes);
  const { model, print, decidedBy, accepted, ...counters } = heading as Heading;
  if (print !== fingerprint(run)) {
    const detail = `it is of model ${model} with other properties, settings or text than ${run.model.name} has now`;
    throw new CheckpointError('CKP003-other-model', detail);
  }
  Object.assign(run, counters);
  run.watch.decidedBy.set(decidedBy);
  run.watch.undecided = run.watch.undecided.filter((index) => decidedBy[index] === -1);
  run.accepted.set(accepted);
  const [keys, tree, steps, current, following, ...rest] = lists;
  const known = tableOf(run.table.words, ints(keys));
  Object.assign(run.table, { slots: known.slots, count: known.count });
  fill(run.table.keys, known.keys.data);
  fill(run.parents, ints(tree));
  run.takenSteps.data = shorts(steps);
  fill(run.current, ints(current));
  fill(run.following, ints(following));
  const { graph } = run;
  if (graph !== undefined) {
    fill(graph.starts, ints(rest.shift()));
    fill(graph.targets, ints(rest.shift()));
    graph.steps.data = shorts(rest.shift());
    graph.steps.length = graph.steps.data.length;
  }
  for (const { marks } of run.watch.claims) {
    marks.data = rest.shift() ?? new Uint8Array(0);
    marks.length = marks.data.length;
  }
}

function fill(list: Growing, data: Int32Array): void {
  list.data = data;
  list.length = data.length;
}

function ints(bytes: Uint8Array | undefined): Int32Array {
  return bytes === undefined
    ? new Int32Array(0)
    : new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function shorts(bytes: Uint8Array | undefined): Uint16Array {
  return bytes === undefined
    ? new Uint16Array(0)
    : new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}

/** Tells apart models, their text included, and settings under which states are counted otherwise. Bounds may differ. */
function fingerprint({ model, keyer, watch }: Run): string {
  const { symmetry, compaction } = keyer;
  const properties = [
    ...watch.properties.map(({ name, kind }) => [name, kind]),
    ...watch.claims.map(({ label }) => label),
  ];
  const text = JSON.stringify([described(model), properties, symmetry, compaction]);
  return sumOf(new TextEncoder().encode(text)).join();
}

function described({ name, layout, commands, properties }: Model): unknown {
  const asked = properties.map((property) =>
    property.kind === 'leads-to' ? [String(property.from), String(property.to)] : [String(property.holds)],
  );
  const done = commands.map(({ name: command, params, fair, guard, effect }) => [
    command,
    params,
    fair,
    String(guard),
    String(effect),
  ]);
  return [name, layout, done, asked];
}
