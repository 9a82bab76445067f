/** The smallest program that fails in the same way, under canonical names: equal bugs give equal programs. */
import { IOMMU_TEST_CMD } from '../events/ioctl-number.ts';
import { shrink } from '../explore/shrink.ts';
import type { Models } from './fuzz.ts';
import { simpler } from './fuzz-simpler.ts';
import { type Fault, FuzzSystem, INTERNAL_ERROR } from './fuzz-system.ts';
import type { Program, Step, Target } from './program.ts';
import { renamedAddresses } from './program-addresses.ts';
import { canonical } from './program-canonical.ts';
import { FUZZ_MEMORY } from './program-memory.ts';

export type ShrunkFailure = Readonly<{ program: Program; fault: Fault }>;

/** Trials for one failure. */
const BUDGET = 4000;
const ROUNDS = 2;
/** Of struct iommu_test_cmd. */
const OP_OFFSET = 4;

/** Runs programs one after another on the same machine. */
export class Trier {
  private readonly system: FuzzSystem;

  constructor(target: Target, models: Models = {}) {
    this.system = new FuzzSystem(target, 0, models.reference?.(), models.machine?.());
  }

  /** What fails when these steps are taken; checks after every step, and after the end of the process. */
  faultOf(steps: readonly Step[]): Fault | undefined {
    const { system } = this;
    system.start();
    for (const step of steps) {
      const goesOn = system.take(step);
      if (system.faultFound !== undefined) return system.faultFound;
      if (!goesOn) return undefined;
    }
    system.finish();
    return system.faultFound;
  }
}

/** What makes two failures the same one: the invariant, and of a message all but its numbers. */
export function kindOf({ invariant, detail }: Fault): string {
  return invariant === INTERNAL_ERROR
    ? `${invariant} ${detail.replaceAll(/0x[0-9a-f]+|\d+/g, '#')}`
    : invariant;
}

export function shrinkFailure(
  target: Target,
  steps: readonly Step[],
  fault: Fault,
  trier: Trier = new Trier(target),
): ShrunkFailure {
  const kind = kindOf(fault);
  // What is printed is the canonical form, so that is what has to fail.
  const canonically = (candidate: readonly Step[]): Program =>
    canonical({ target, memory: FUZZ_MEMORY, steps: candidate });
  const fails = (candidate: readonly Step[]): boolean => {
    const found = trier.faultOf(canonically(candidate).steps);
    return found !== undefined && kindOf(found) === kind;
  };
  let program = canonically(steps);
  const shrunk = (candidate: readonly Step[]): readonly Step[] => {
    const small = shrink(candidate, { fails, simpler, budget: BUDGET });
    return inOrder(small, fails);
  };
  // Under their new names addresses are as plain as can be, and more of a call may turn out to be idle.
  for (let round = 0; round < ROUNDS && fails(program.steps); round++) {
    const plain = canonically(shrunk(program.steps));
    const renamed = renamedAddresses(plain);
    program = fails(renamed.steps) ? renamed : plain;
  }
  return { program, fault: trier.faultOf(program.steps) ?? fault };
}

/** What a step does, as a number: calls that can stand in either order stand in that of these. */
function rankOf(step: Step): number {
  if (step.call !== 'ioctl') return 0;
  const op =
    step.request === IOMMU_TEST_CMD && step.bytes.length > OP_OFFSET ? (step.bytes[OP_OFFSET] as number) : 0;
  return step.request * 0x100 + op;
}

/** Neighbours are swapped as long as that brings the lower rank first and the program goes on failing. */
function inOrder(steps: readonly Step[], fails: (candidate: readonly Step[]) => boolean): readonly Step[] {
  let current = steps;
  for (let at = 1; at < current.length; at++) {
    for (let to = at; to > 0; to--) {
      const [one, other] = [current[to - 1] as Step, current[to] as Step];
      if (rankOf(one) <= rankOf(other)) break;
      const swapped = current.with(to - 1, other).with(to, one);
      if (!fails(swapped)) break;
      current = swapped;
    }
  }
  return current;
}
