/** A search in progress: what it has met, and one step of it. */
import type { Model, Property, Step } from './model.ts';
import { stepsOf } from './model.ts';
import { located, ModelError } from './model-error.ts';
import { openState, type WorkingState } from './model-state.ts';
import { isTrue, look, reserveMarks, tellsApart, type Watch, watchOf } from './properties.ts';
import { addEdge, closeState, type Graph, graphBytes, openGraph, reserveGraph } from './search-graph.ts';
import { bytesFor, type Growing, growInts, growShorts } from './search-growing.ts';
import { type Keyer, keyerOf } from './search-key.ts';
import { enter, openTable, reserve, type StateTable, tableBytes } from './search-table.ts';
import { symmetryOf } from './symmetry.ts';
import { type Alikes, alikesOf, findTwins, firstAlike, openTwins, type Twins } from './symmetry-twins.ts';

export type Run = {
  readonly model: Model;
  readonly steps: readonly Step[];
  readonly keyer: Keyer;
  readonly state: WorkingState;
  /** The cells of the state that is being expanded. */
  readonly base: Int32Array;
  readonly table: StateTable;
  /** For each state the one that it was reached from, and the step. */
  readonly parents: Growing;
  readonly takenSteps: Growing<Uint16Array>;
  readonly watch: Watch;
  readonly graph: Graph | undefined;
  /** For leaving out steps that do to a twin what another did. */
  readonly alike: Readonly<{ twins: Twins; alikes: Alikes }> | undefined;
  /** Where each step leads from the state that is being expanded, or REFUSED. */
  readonly outcomes: Int32Array;
  /** Packed states of this level and the following one, where the table holds only hashes. */
  current: Growing;
  following: Growing;
  currentFirst: number;
  /** The state to expand next, and the first of the following level. */
  next: number;
  levelEnd: number;
  level: number;
  transitions: number;
  /** States without a successor, and the first of them or -1. */
  stuck: number;
  firstStuck: number;
  /** For each command whether some state accepted it. */
  readonly accepted: Uint8Array;
  /** States and edges for which there is room. */
  room: number;
  edgeRoom: number;
  /** What the model is being asked, for errors. */
  asking: 'initial state' | 'guard' | 'effect' | 'property';
  askedStep: number;
};

const REFUSED = -1;

/** Steps that fit into 16 bits. */
const MOST_STEPS = 65_536;

export type Wishes = Readonly<{ symmetry: boolean; compaction: boolean }>;

/** A search that has met nothing yet. */
export function openRun(model: Model, properties: readonly Property[], wishes: Wishes): Run {
  const steps = stepsOf(model);
  if (steps.length > MOST_STEPS) {
    const at = { file: model.file, place: `model ${model.name}` };
    throw new ModelError(
      'MDL009-too-large',
      at,
      `has ${steps.length} commands with arguments, expected at most ${MOST_STEPS}`,
    );
  }
  const symmetry = wishes.symmetry && !properties.some((property) => tellsApart(model, property));
  const keyer = keyerOf(model.layout, { ...wishes, symmetry });
  const watch = watchOf(model, properties);
  return {
    model,
    steps,
    keyer,
    watch,
    state: openState(model.layout),
    base: new Int32Array(model.layout.cellCount),
    table: openTable(keyer.keyWords),
    parents: emptyInts(),
    takenSteps: { data: new Uint16Array(0), length: 0 },
    alike: keyer.symmetry ? alikeOf(model, steps) : undefined,
    outcomes: new Int32Array(steps.length),
    graph: watch.claims.length === 0 ? undefined : openGraph(),
    current: emptyInts(),
    following: emptyInts(),
    currentFirst: 0,
    next: 0,
    levelEnd: 0,
    level: 0,
    transitions: 0,
    stuck: 0,
    firstStuck: -1,
    accepted: new Uint8Array(model.commands.length),
    room: 0,
    edgeRoom: 0,
    asking: 'initial state',
    askedStep: -1,
  };
}

function alikeOf(model: Model, steps: readonly Step[]): Run['alike'] {
  const symmetry = symmetryOf(model.layout);
  return symmetry && { twins: openTwins(symmetry), alikes: alikesOf(symmetry, steps) };
}

function emptyInts(): Growing {
  return { data: new Int32Array(0), length: 0 };
}

/** Meets the initial state. */
export function begin(run: Run): void {
  makeRoom(run, Number.POSITIVE_INFINITY);
  try {
    run.model.prepare(run.state.view);
    visit(run, -1, 0);
  } catch (thrown) {
    throw located(thrown, {
      file: run.model.file,
      place: run.asking === 'property' ? placeOf(run) : run.asking,
    });
  }
  turn(run);
}

/** Makes room for all successors of one state. False where that would take more bytes than allowed. */
export function makeRoom(run: Run, mostBytes: number): boolean {
  const states = run.table.count + run.steps.length + 1;
  const edges = run.graph === undefined ? 0 : run.graph.targets.length + run.steps.length;
  if (states <= run.room && edges <= run.edgeRoom) return true;
  const room = Math.max(run.room, states <= run.room ? 0 : states * 2);
  const edgeRoom = Math.max(run.edgeRoom, edges <= run.edgeRoom ? 0 : edges * 2);
  if (bytesWith(run, room, edgeRoom) > mostBytes) return false;
  reserve(run.table, room);
  growInts(run.parents, room);
  growShorts(run.takenSteps, room);
  reserveMarks(run.watch, room);
  if (run.graph !== undefined) reserveGraph(run.graph, room, edgeRoom);
  run.room = room;
  run.edgeRoom = edgeRoom;
  return true;
}

/** The bytes of all lists once there is room for that many states and edges; the longest twice, as it is when it grows. */
export function bytesWith(run: Run, states: number, edges: number): number {
  const table = tableBytes(run.table, states);
  const tree = bytesFor(run.parents, states) + bytesFor(run.takenSteps, states);
  const marks = run.watch.claims.length * states;
  const graph = run.graph === undefined ? 0 : graphBytes(run.graph, states, edges);
  const frontier = (run.current.data.length + run.following.data.length) * 4;
  const growing = run.room < states || run.edgeRoom < edges ? Math.max(table, graph) / 2 : 0;
  return table + tree + marks + graph + frontier + growing;
}

/** Enters the state that the cells hold now. Returns its number. */
function visit(run: Run, parent: number, step: number): number {
  const { keyer, table } = run;
  keyer.read(run.state.cells);
  const known = enter(table, keyer.key);
  if (known >= 0) return known;
  const number = table.count - 1;
  run.parents.data[number] = parent;
  run.takenSteps.data[number] = step;
  if (keyer.compaction) remember(run.following, keyer.packed);
  run.asking = 'property';
  look(run.watch, run.state.view, number);
  return number;
}

function remember(list: Growing, packed: Int32Array): void {
  growInts(list, list.length + packed.length);
  list.data.set(packed, list.length);
  list.length += packed.length;
}

/** Reads the cells of a state that is still to be expanded. */
export function load(run: Run, number: number): void {
  const { keyer } = run;
  if (keyer.compaction) keyer.unpack(run.current.data, (number - run.currentFirst) * keyer.words, run.base);
  else keyer.unpack(run.table.keys.data, number * keyer.words, run.base);
}

/** Takes every step that this state, whose cells are in `base`, accepts. There has to be room. */
export function expand(run: Run, number: number): void {
  const { steps, base, graph, alike } = run;
  const { cells } = run.state;
  let taken = 0;
  for (let cell = 0; cell < base.length; cell++) cells[cell] = base[cell] ?? 0;
  if (alike !== undefined) findTwins(alike.twins, base);
  for (let id = 0; id < steps.length; id++) {
    const first = alike === undefined ? id : firstAlike(alike.twins, alike.alikes, id);
    const target = first === id ? take(run, number, id) : (run.outcomes[first] ?? REFUSED);
    run.outcomes[id] = target;
    if (target === REFUSED) continue;
    taken++;
    if (graph !== undefined) addEdge(graph, id, target);
  }
  if (graph !== undefined) closeState(graph);
  run.transitions += taken;
  if (taken > 0) return;
  if (run.stuck++ === 0) run.firstStuck = number;
}

/** Where the step leads from the state in `base`, or REFUSED. The cells hold that state before and after. */
function take(run: Run, number: number, id: number): number {
  const { base, state } = run;
  const { cells, view } = state;
  const step = run.steps[id];
  if (step === undefined) return REFUSED;
  run.askedStep = id;
  run.asking = 'guard';
  if (!isTrue(step.command.guard(view, step.args))) return REFUSED;
  run.asking = 'effect';
  step.command.effect(view, step.args);
  run.accepted[step.kind] = 1;
  const target = visit(run, number, id);
  for (let cell = 0; cell < base.length; cell++) cells[cell] = base[cell] ?? 0;
  return target;
}

/** Goes to the next level. False where nothing new was met on the last. */
export function descend(run: Run): boolean {
  if (run.table.count === run.levelEnd) return false;
  run.level++;
  turn(run);
  return true;
}

/** What follows becomes what is expanded. */
function turn(run: Run): void {
  const spent = run.current;
  run.current = run.following;
  run.following = spent;
  spent.length = 0;
  run.currentFirst = run.next;
  run.levelEnd = run.table.count;
}

/** What was being asked when something was thrown. */
export function placeOf(run: Run): string {
  const step = run.steps[run.askedStep];
  if (run.asking === 'property') {
    return step === undefined
      ? `property ${run.watch.asked} in the initial state`
      : `property ${run.watch.asked} after ${step.label}`;
  }
  return `${run.asking} of ${step?.label ?? 'nothing'}`;
}
