import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Coverage } from '../explore/coverage.ts';
import { Energy } from '../explore/energy.ts';
import { Random } from '../explore/random.ts';
import { Renaming } from '../explore/renaming.ts';
import { shrink } from '../explore/shrink.ts';
import { smallestCover } from '../explore/smallest-cover.ts';
import { type Walkable, walk } from '../explore/walk.ts';

describe('Random', () => {
  it('gives the same numbers for the same seed and stream, and others for others', () => {
    const draw = (seed: number, stream: number) => {
      const random = new Random(seed, stream);
      return Array.from({ length: 8 }, () => random.next());
    };
    expect(draw(1, 2)).toEqual(draw(1, 2));
    expect(draw(1, 2)).not.toEqual(draw(2, 1));
    expect(draw(1, 0)).not.toEqual(draw(1, 1));
  });

  it('stays below its limit and reaches all of it', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 20 }), (seed, limit) => {
        const random = new Random(seed);
        const seen = new Set(Array.from({ length: 2000 }, () => random.below(limit)));
        expect([...seen].sort((one, other) => one - other)).toEqual(
          Array.from({ length: limit }, (_, at) => at),
        );
      }),
      { numRuns: 20, seed: 1 },
    );
  });
});

describe('Energy', () => {
  it('draws more often what found something rare', () => {
    const random = new Random(7);
    const energy = new Energy([1, 1, 1]);
    const drawn = [0, 0, 0];
    for (let run = 0; run < 20_000; run++) {
      const choice = energy.choose(random);
      drawn[choice] = (drawn[choice] as number) + 1;
      energy.reward(choice, choice === 1 ? 1 : 0);
    }
    expect(drawn[1]).toBeGreaterThan(4 * (drawn[0] as number));
    expect(drawn[0]).toBeGreaterThan(0);
  });
});

describe('shrink', () => {
  const simpler = (step: number) => (step > 0 ? [0, step - 1] : []);

  it('leaves what is needed, and nothing besides', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 40 }), fc.nat({ max: 8 }), (noise, least) => {
        const steps = [...noise.slice(0, 20), least + 1, ...noise.slice(20)];
        const fails = (candidate: readonly number[]) => candidate.some((step) => step > least);
        expect(shrink(steps, { fails, simpler, budget: 10_000 })).toEqual([least + 1]);
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it('takes pairs out that need each other', () => {
    const balanced = (steps: readonly string[]) =>
      steps.filter((step) => step === '(').length === steps.filter((step) => step === ')').length;
    const fails = (steps: readonly string[]) => balanced(steps) && steps.includes('x');
    expect(shrink(['(', 'a', ')', 'x', '(', ')'], { fails, simpler: () => [], budget: 1000 })).toEqual(['x']);
  });

  it('stops when its budget is spent', () => {
    let trials = 0;
    const fails = (steps: readonly number[]) => {
      trials++;
      return steps.length >= 990;
    };
    shrink(new Array(1000).fill(9), { fails, simpler, budget: 25 });
    expect(trials).toBe(25);
  });
});

describe('smallestCover', () => {
  it('reaches everything with few candidates, and keeps none that the others make superfluous', () => {
    const candidate = (value: string, cost = 1) => ({ value, cost, places: new Set(value) });
    const chosen = smallestCover(['ab', 'bc', 'cd', 'abcd', 'e', 'ae'].map((value) => candidate(value)));
    expect(chosen.map(({ value }) => value)).toEqual(['abcd', 'e']);
    expect(
      smallestCover([candidate('ab', 10), candidate('a'), candidate('b')]).map(({ value }) => value),
    ).toEqual(['a', 'b']);
  });
});

describe('Renaming', () => {
  it('numbers things as they appear', () => {
    const names = new Renaming(1);
    expect([7, 3, 7, 9].map((thing) => names.nameOf(thing))).toEqual([1, 2, 1, 3]);
    expect(names.known(5)).toBeUndefined();
  });
});

/** A counter that breaks at 5 and can only be raised by the second choice. */
class Stairs implements Walkable<number> {
  places: string[] = [];
  fault: string | undefined = undefined;
  private height = 0;

  start(): void {
    this.height = 0;
    this.fault = undefined;
  }

  propose(choice: number): number | undefined {
    return choice === 2 ? undefined : choice;
  }

  take(step: number): boolean {
    this.height += step;
    this.places = [`at ${this.height}`];
    if (this.height >= 5) this.fault = 'too high';
    return this.fault === undefined;
  }
}

describe('walk', () => {
  it('finds the fault, counts what is new, and can begin where another walk went', () => {
    const guide = { random: new Random(1), energy: new Energy([1, 1, 1]), coverage: new Coverage() };
    const first = walk(new Stairs(), guide, 100);
    expect(first.fault).toBe('too high');
    expect(first.steps.filter((step) => step === 1)).toHaveLength(5);
    expect(first.news).toBeGreaterThanOrEqual(5);
    const again = walk(new Stairs(), guide, 3, [1, 1, 1, 1, 1]);
    expect(again).toEqual({ steps: [1, 1, 1], fault: undefined, news: 0 });
  });
});
