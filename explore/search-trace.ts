/** Runs of the model as a search found them, told in steps that can be replayed. */
import type { Step } from './model.ts';
import { nameArgument } from './model.ts';
import { ModelError } from './model-error.ts';
import { type Snapshot, snapshotOf } from './model-snapshot.ts';
import { openState, type WorkingState } from './model-state.ts';
import type { Run } from './search-run.ts';

export type TraceStep = Readonly<{
  command: string;
  /** Arguments as they are shown: `space1` for a member of a sort. */
  args: Readonly<Record<string, string>>;
  /** `attach(device0, space1)`. */
  label: string;
  /** Who is asked. */
  lane: string;
  /** Who asks; without it, the user of the model. */
  actor?: string;
  /** What is answered; without it, nothing is. */
  answer?: string;
}>;

/**
 * `states[0]` is the initial state and `states[n]` what step n leaves behind. Where `loop` is given, the run goes on for ever from
 * `states[loop]`, to which the last state is equal; if it is the last itself, nothing more happens.
 */
export type Trace = Readonly<{
  model: string;
  property: string;
  steps: readonly TraceStep[];
  states: readonly Snapshot[];
  loop: number | undefined;
}>;

/** A step between states of the search: the number of the step, and of the state that it leads to. */
export type Hop = Readonly<{ step: number; to: number }>;

/** The shortest way from the initial state to a state of the search. */
export function hopsTo(run: Run, number: number): Hop[] {
  const hops: Hop[] = [];
  for (let at = number; at > 0; at = run.parents.data[at] ?? 0) {
    hops.push({ step: run.takenSteps.data[at] ?? 0, to: at });
  }
  return hops.reverse();
}

/** The run along these hops, and then along `cycle` for ever. */
export function traceAlong(run: Run, property: string, hops: readonly Hop[], cycle?: readonly Hop[]): Trace {
  const { model } = run;
  const state = openState(model.layout);
  model.prepare(state.view);
  const steps: TraceStep[] = [];
  const states: Snapshot[] = [snapshotOf(model.layout, state.cells)];
  const go = (hop: Hop): void => {
    steps.push(traceStep(run, follow(run, state, hop)));
    states.push(snapshotOf(model.layout, state.cells));
  };
  hops.forEach(go);
  const loop = cycle === undefined ? undefined : goAround(state, states, cycle, go);
  return { model: model.name, property, steps, states, loop };
}

/**
 * A cycle of representatives may end in a renaming of the state in which it began; then it is gone through again, until a state
 * comes back. Returns the place to which it does.
 */
function goAround(
  { cells }: WorkingState,
  states: readonly Snapshot[],
  cycle: readonly Hop[],
  go: (hop: Hop) => void,
): number {
  const seen = new Map<string, number>();
  for (;;) {
    const known = seen.get(cells.join());
    if (known !== undefined) return known;
    seen.set(cells.join(), states.length - 1);
    if (cycle.length === 0) return states.length - 1;
    cycle.forEach(go);
  }
}

/** Takes from `state` the step that leads to a renaming of where the hop leads. Without renaming that is the step of the hop. */
function follow(run: Run, state: WorkingState, hop: Hop): Step {
  const taken = run.steps[hop.step];
  const before = Int32Array.from(state.cells);
  const others = run.steps.filter((step) => step.kind === taken?.kind && step !== taken);
  for (const step of taken === undefined ? others : [taken, ...others]) {
    state.cells.set(before);
    if (!step.command.guard(state.view, step.args)) continue;
    step.command.effect(state.view, step.args);
    run.keyer.read(state.cells);
    if (isKeyOf(run, hop.to)) return step;
  }
  const at = { file: run.model.file, place: `command ${taken?.label}` };
  const detail =
    'cannot be followed after its parameters are renamed: something tells interchangeable members apart';
  throw new ModelError('MDL007-not-symmetric', at, detail);
}

function isKeyOf({ keyer, table }: Run, number: number): boolean {
  return keyer.key.every((word, index) => table.keys.data[number * table.words + index] === word);
}

function traceStep({ model }: Run, { command, args, label }: Step): TraceStep {
  const { params, lane } = command;
  const names = Object.keys(params).map(
    (param) => [param, nameArgument(model, params, args, param)] as const,
  );
  const named = Object.fromEntries(names);
  return {
    command: command.name,
    args: named,
    label,
    lane: lane === undefined ? model.name : (named[lane] ?? lane),
  };
}
