/** What the shrinker needs to know of steps: whether a list of them still fails, and what a step could be instead. */
export type Shrinkable<Step> = Readonly<{
  /** Whether these steps fail in the same way. */
  fails: (steps: readonly Step[]) => boolean;
  /** Simpler steps to try in place of one, the simplest first; none when it is simple already. */
  simpler: (step: Step, index: number, steps: readonly Step[]) => Iterable<Step>;
  /** Trials that may be spent. */
  budget: number;
}>;

/**
 * A locally minimal list that still fails: no step can be left out, no pair of them, and none made simpler. The list given has to fail.
 */
export function shrink<Step>(steps: readonly Step[], subject: Shrinkable<Step>): Step[] {
  const trial = new Trial(subject);
  let current = [...steps];
  for (;;) {
    const before = current;
    current = leavePairsOut(leaveOut(current, trial), trial);
    current = simplify(current, trial);
    if (sameList(before, current) || trial.spent()) return current;
  }
}

class Trial<Step> {
  readonly subject: Shrinkable<Step>;
  private left: number;

  constructor(subject: Shrinkable<Step>) {
    this.subject = subject;
    this.left = subject.budget;
  }

  fails(steps: readonly Step[]): boolean {
    if (this.left <= 0) return false;
    this.left--;
    return this.subject.fails(steps);
  }

  spent(): boolean {
    return this.left <= 0;
  }
}

/** Leaves out stretches of steps: half of them, a quarter, down to single ones, from the end. */
function leaveOut<Step>(steps: readonly Step[], trial: Trial<Step>): Step[] {
  let current = [...steps];
  for (let width = current.length >> 1 || 1; width >= 1; width >>= 1) {
    for (let end = current.length; end > 0; ) {
      const start = Math.max(0, end - width);
      const without = [...current.slice(0, start), ...current.slice(end)];
      if (without.length < current.length && trial.fails(without)) current = without;
      end = start;
    }
  }
  return current;
}

/** Two steps can need each other: an allocation and its release. Only worth the trials once the list is short. */
function leavePairsOut<Step>(steps: readonly Step[], trial: Trial<Step>): Step[] {
  const current = [...steps];
  if (current.length > 24) return current;
  for (let one = current.length - 1; one > 0; one--) {
    for (let other = one - 1; other >= 0; other--) {
      const without = current.filter((_, index) => index !== one && index !== other);
      if (trial.fails(without)) return leaveOut(without, trial);
    }
  }
  return current;
}

function simplify<Step>(steps: readonly Step[], trial: Trial<Step>): Step[] {
  let current = [...steps];
  for (let index = current.length - 1; index >= 0; index--) {
    for (let improved = true; improved; ) {
      improved = false;
      for (const step of trial.subject.simpler(current[index] as Step, index, current)) {
        const changed = current.with(index, step);
        if (!trial.fails(changed)) continue;
        current = changed;
        improved = true;
        break;
      }
    }
  }
  return current;
}

function sameList<Step>(one: readonly Step[], other: readonly Step[]): boolean {
  return one.length === other.length && one.every((step, index) => step === other[index]);
}
