/** The smallest set of programs that reaches every rule that a campaign reached, each with what its calls have to answer. */

import { shrink } from '../explore/shrink.ts';
import { type Candidate, smallestCover } from '../explore/smallest-cover.ts';
import { rulesOf } from './fuzz-rules.ts';
import type { Program, Step, Target } from './program.ts';
import { canonical } from './program-canonical.ts';
import { errnoNameOf, ProgramMachine } from './program-machine.ts';
import { FUZZ_MEMORY } from './program-memory.ts';
import { stepText } from './syz-write.ts';

export type CoveringProgram = Readonly<{ program: Program; rules: string[] }>;

/** What one call has to answer. `errno` is a name; `rule` says why. */
export type Expectation = Readonly<{
  call: string;
  ret?: number;
  errno?: string;
  rule?: string;
  either?: string[];
}>;

const SHRINK_BUDGET = 600;
/** Errnos that a call may answer where an allocation in it failed. */
const INJECTED = ['ENOMEM', 'ENOENT', 'EFAULT', 'EINVAL'];

/** `programs`: those that reached something first; the rest adds nothing. */
export function coveringPrograms(target: Target, programs: readonly (readonly Step[])[]): CoveringProgram[] {
  const machine = new ProgramMachine(target);
  const rules = new Set<string>(rulesOf(target));
  const reached = (steps: readonly Step[]): Set<string> => {
    machine.start(FUZZ_MEMORY);
    const found = new Set<string>();
    for (const step of steps) {
      const { rule } = machine.perform(step);
      if (rule !== undefined && rules.has(rule)) found.add(rule);
    }
    return found;
  };
  const candidates = programs.map((steps): Candidate<readonly Step[]> => {
    return { value: steps, places: reached(steps), cost: 1 + steps.length / 1000 };
  });
  const open = new Set<string>();
  return smallestCover(candidates).map(({ value, places }) => {
    const own = [...places].filter((rule) => !open.has(rule)).sort();
    for (const rule of own) open.add(rule);
    const fails = (steps: readonly Step[]): boolean => {
      const found = reached(steps);
      return own.every((rule) => found.has(rule));
    };
    const steps = shrink(value, { fails, simpler: () => [], budget: SHRINK_BUDGET });
    return { program: canonical({ target, memory: FUZZ_MEMORY, steps }), rules: own };
  });
}

/** The answers of the model, call by call. */
export function expectationsOf(program: Program): Expectation[] {
  const machine = new ProgramMachine(program.target);
  machine.start(program.memory);
  return program.steps.map((step) => {
    const outcome = machine.perform(step);
    const call = stepText(step);
    const injected = step.props.failNth === undefined ? {} : { either: INJECTED };
    if (outcome.missing !== undefined) return { call };
    const errno = errnoNameOf(outcome);
    if (errno === undefined) return { call, ret: outcome.ret, ...injected };
    return outcome.rule === undefined
      ? { call, ret: -1, errno }
      : { call, ret: -1, errno, rule: outcome.rule, ...injected };
  });
}
