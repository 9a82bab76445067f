/** One random walk through a system that is known only by what it offers here. */
import type { Coverage } from './coverage.ts';
import type { Energy } from './energy.ts';
import type { Random } from './random.ts';

/** A system under search: it starts anew for each walk and is changed by its steps. */
export interface Walkable<Step> {
  /** Back to the beginning. */
  start(): void;
  /** A step of this kind that makes sense now; undefined where there is none. */
  propose(choice: number, random: Random): Step | undefined;
  /** Takes the step. False where the walk cannot go on. */
  take(step: Step): boolean;
  /** Names of the places that the last step reached. */
  readonly places: readonly string[];
  /** What is wrong since the last step; undefined as long as all is well. */
  readonly fault: string | undefined;
}

export type Walk<Step> = Readonly<{ steps: Step[]; fault: string | undefined; news: number }>;

/** Proposals without a step after which a walk gives up. */
const PATIENCE = 64;

/**
 * Walks at most `length` steps, after `prefix`. What the steps reach is counted in `coverage`, and the choices that led to rare
 * places gain energy. `news`: places that nobody had reached before.
 */
export function walk<Step>(
  system: Walkable<Step>,
  guide: Readonly<{ random: Random; energy: Energy; coverage: Coverage }>,
  length: number,
  prefix: readonly Step[] = [],
): Walk<Step> {
  const { random, energy, coverage } = guide;
  const steps: Step[] = [];
  let news = 0;
  system.start();
  for (let tries = 0; steps.length < length && tries < length + PATIENCE; tries++) {
    const known = prefix[steps.length];
    const choice = known === undefined ? energy.choose(random) : -1;
    const step = known ?? system.propose(choice, random);
    if (step === undefined) continue;
    steps.push(step);
    const goesOn = system.take(step);
    let rarest = 0;
    for (const place of system.places) {
      const before = coverage.visit(place);
      if (before === 0) news++;
      rarest = Math.max(rarest, 1 / (1 + before));
    }
    if (choice >= 0) energy.reward(choice, rarest);
    if (system.fault !== undefined) return { steps, fault: system.fault, news };
    if (!goesOn) break;
  }
  return { steps, fault: undefined, news };
}
