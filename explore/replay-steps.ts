/**
 * Checks what a search found by doing it: the steps are taken one by one on a state of their own, and the property is asked again.
 * Shares with the search only the model and its working state.
 */
import {
  type Arguments,
  instancesOf,
  type LeadsTo,
  type Model,
  nameArgument,
  type Step,
  stepsOf,
} from './model.ts';
import { type Snapshot, showValue, snapshotOf } from './model-snapshot.ts';
import { openState, type WorkingState } from './model-state.ts';
import type { Trace } from './search-trace.ts';

/** What is known after the replay of each state of a trace. */
type Visit = Readonly<{ cells: Int32Array; accepted: readonly Step[] }>;

/**
 * What is wrong with a trace that is said to decide `trace.property`; undefined where nothing is. A trace of `always` ends in the only
 * state that violates it, of `sometimes` in one where it holds, of a leads-to in a cycle in which the promise stays open though each
 * fair command has its turn, and a trace of `stuck` where nothing is accepted.
 */
export function faultOf(model: Model, trace: Trace): string | undefined {
  const state = openState(model.layout);
  model.prepare(state.view);
  const visits: Visit[] = [];
  for (let index = 0; index <= trace.steps.length; index++) {
    const expected = trace.states[index];
    const found = snapshotOf(model.layout, state.cells);
    if (expected === undefined || show(found) !== show(expected)) return `state ${index} is ${show(found)}`;
    const accepted = stepsOf(model).filter(({ command, args }) => command.guard(state.view, args));
    visits.push({ cells: Int32Array.from(state.cells), accepted });
    const taken = trace.steps[index];
    if (taken === undefined) break;
    const step = accepted.find(({ label }) => label === taken.label);
    if (step === undefined) return `step ${index}, ${taken.label}, is not accepted`;
    step.command.effect(state.view, step.args);
  }
  return faultOfEnd(model, trace, visits, state);
}

function show(snapshot: Snapshot): string {
  return Object.entries(snapshot)
    .map(([name, value]) => `${name}=${showValue(value)}`)
    .join(' ');
}

function faultOfEnd(
  model: Model,
  trace: Trace,
  visits: readonly Visit[],
  state: WorkingState,
): string | undefined {
  const last = visits.length - 1;
  if (trace.property === 'stuck')
    return visits[last]?.accepted.length === 0 ? undefined : 'the last state accepts a command';
  const answers = (ask: (view: object) => boolean): boolean[] =>
    visits.map(({ cells }) => {
      state.cells.set(cells);
      return ask(state.view);
    });
  for (const property of model.properties) {
    if (property.kind === 'leads-to') {
      for (const args of instancesOf(model, property.name, property.params)) {
        if (labelOf(model, property, args) !== trace.property) continue;
        const from = answers((view) => property.from(view, args));
        const to = answers((view) => property.to(view, args));
        return faultOfCycle(trace, visits, from.lastIndexOf(true), to.lastIndexOf(true));
      }
    } else if (property.name === trace.property) {
      const met = answers((view) => property.holds(view)).indexOf(property.kind === 'sometimes');
      return met === last ? undefined : `the property is decided in state ${met}, not in state ${last}`;
    }
  }
  return `there is no property ${trace.property}`;
}

function labelOf(model: Model, { name, params }: LeadsTo, args: Arguments): string {
  const names = Object.keys(params).map((param) => nameArgument(model, params, args, param));
  return names.length === 0 ? name : `${name} (${names.join(', ')})`;
}

/** `begun` and `ended`: the last states in which the promise begins and comes to its end. */
function faultOfCycle(
  trace: Trace,
  visits: readonly Visit[],
  begun: number,
  ended: number,
): string | undefined {
  const { loop } = trace;
  const last = visits.at(-1);
  if (loop === undefined) return 'the trace has no cycle';
  if (begun < 0) return 'nothing is promised in any state';
  if (begun <= ended) return `what is promised in state ${begun} comes in state ${ended}`;
  if (visits[loop]?.cells.join() !== last?.cells.join()) return `the last state is not state ${loop}`;
  const states = visits.slice(loop);
  const taken = trace.steps.slice(loop).map(({ label }) => label);
  const always = states.reduce<readonly Step[]>(
    (left, { accepted }) => left.filter((step) => accepted.some((other) => isSameUnit(step, other))),
    last?.accepted ?? [],
  );
  const passed = always.find(
    (step) =>
      step.command.fair !== 'none' && !taken.some((label) => last !== undefined && isTaken(step, label)),
  );
  return passed === undefined ? undefined : `${passed.label} stays enabled and is never taken`;
}

function isSameUnit(step: Step, other: Step): boolean {
  return step.command.fair === 'instance' ? step.id === other.id : step.kind === other.kind;
}

function isTaken({ command, label }: Step, taken: string): boolean {
  return command.fair === 'instance' ? label === taken : taken.startsWith(`${command.name}(`);
}
