/** Finds out on some states whether a model keeps the rules that a search relies on. */
import type { Step } from './model.ts';
import { ModelError, type ModelErrorCode } from './model-error.ts';
import { tellsApart } from './properties.ts';
import type { Run } from './search-run.ts';
import { rename, renameArguments, type Symmetry, symmetryOf } from './symmetry.ts';

const FIRST = 16;
const EVERY = 1024;

/** Whether this state is one of those to look at: the first ones, and ever fewer of the others. */
export function probes(number: number): boolean {
  return number < FIRST || (number & (number - 1)) === 0 || number % EVERY === 0;
}

/** Throws ModelError where a question writes, an effect is not always the same, or renaming makes a difference. */
export function probe(run: Run): void {
  for (const step of run.steps) probeStep(run, step);
  for (const property of run.watch.properties) {
    ask(run, `property ${property.name}`, run.base, () => property.holds(run.state.view));
  }
  for (const { property, args, label } of run.watch.claims) {
    ask(run, `property ${label}`, run.base, () => property.from(run.state.view, args));
    ask(run, `property ${label}`, run.base, () => property.to(run.state.view, args));
  }
  const symmetry = run.keyer.symmetry ? symmetryOf(run.model.layout) : undefined;
  if (symmetry !== undefined) for (const swap of swapsOf(symmetry)) probeSwap(run, symmetry, swap);
}

function probeStep(run: Run, step: Step): void {
  const { view, cells } = run.state;
  run.asking = 'guard';
  run.askedStep = step.id;
  if (!ask(run, `guard of ${step.label}`, run.base, () => step.command.guard(view, step.args))) return;
  run.asking = 'effect';
  const once = effectOf(run, step, run.base);
  effectOf(run, step, run.base);
  if (once.some((code, cell) => cells[cell] !== code)) {
    throw wrong(
      run,
      'MDL010-not-deterministic',
      `effect of ${step.label}`,
      'leaves different states behind one state',
    );
  }
}

/** The answer in a state, which has to stay as it is. */
function ask(run: Run, place: string, state: Int32Array, question: () => boolean): boolean {
  const { cells } = run.state;
  cells.set(state);
  const answer = question();
  if (cells.some((code, cell) => state[cell] !== code)) {
    throw wrong(run, 'MDL006-writes-while-asked', place, 'changes the state; only effects may');
  }
  return answer;
}

function effectOf(run: Run, { command, args }: Step, state: Int32Array): Int32Array {
  run.state.cells.set(state);
  command.effect(run.state.view, args);
  return Int32Array.from(run.state.cells);
}

type Swap = Readonly<{ places: Int32Array; names: string }>;

/** Exchanges of two neighbours in a class: all renamings are made of them. */
function swapsOf(symmetry: Symmetry): Swap[] {
  const { identity, classes, firstOf } = symmetry;
  return classes.flatMap((members) =>
    Array.from(members.subarray(1), (other, index): Swap => {
      const one = members[index] ?? other;
      const places = Int32Array.from(identity);
      places[one] = identity[other] ?? 0;
      places[other] = identity[one] ?? 0;
      const sort = [...firstOf].findLast(([, first]) => first <= one)?.[0] ?? '';
      return { places, names: `${sort}${identity[one]} and ${sort}${identity[other]}` };
    }),
  );
}

/** Each step has to do in the renamed state what it does in this one, renamed. */
function probeSwap(run: Run, symmetry: Symmetry, { places, names }: Swap): void {
  const { view, cells } = run.state;
  const there = new Int32Array(run.base.length);
  rename(symmetry, places, run.base, there);
  const asks = (place: string, question: () => boolean): void => {
    if (ask(run, place, run.base, question) === ask(run, place, there, question)) return;
    throw wrong(run, 'MDL007-not-symmetric', place, `answers otherwise when ${names} change places`);
  };
  for (const property of run.watch.properties) asks(`property ${property.name}`, () => property.holds(view));
  for (const { property, args, label } of run.watch.claims) {
    if (tellsApart(run.model, property)) continue;
    asks(`property ${label}`, () => property.from(view, args));
    asks(`property ${label}`, () => property.to(view, args));
  }
  const expected = new Int32Array(run.base.length);
  for (const step of run.steps) {
    const { command, params } = { command: step.command, params: step.command.params };
    const renamed: Step = { ...step, args: renameArguments(symmetry, places, params, step.args) };
    cells.set(run.base);
    const here = command.guard(view, step.args);
    cells.set(there);
    const same = here === command.guard(view, renamed.args);
    if (same && !here) continue;
    if (same) rename(symmetry, places, effectOf(run, step, run.base), expected);
    if (same && effectOf(run, renamed, there).every((code, cell) => expected[cell] === code)) continue;
    const detail = `does something else when ${names} change places; they are declared as interchangeable`;
    throw wrong(run, 'MDL007-not-symmetric', `command ${step.label}`, detail);
  }
}

function wrong(run: Run, code: ModelErrorCode, place: string, detail: string): ModelError {
  return new ModelError(code, { file: run.model.file, place }, detail);
}
