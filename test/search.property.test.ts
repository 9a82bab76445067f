import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultOf } from '../explore/replay-steps.ts';
import { openSearch, search } from '../explore/search.ts';
import type { SearchResult } from '../explore/search-result.ts';
import { mayBreak, naiveSearch, orbitsOf, statesWhere } from './support/naive-search.ts';
import { description, modelOf } from './support/random-model.ts';

const RUNS = { numRuns: 150, seed: 5 };
/** States up to which the naive searches are quick, the one for leads-to in particular. */
const MOST = 2500;
const MOST_FOR_PROMISES = 250;

function verdictsOf({ verdicts }: SearchResult): unknown {
  return verdicts.map(({ property, kind, verdict, trace }) => [
    property,
    verdict,
    kind === 'leads-to' ? undefined : trace?.steps.length,
  ]);
}

describe('search of a random model', () => {
  it('meets the states and transitions of a naive search, and decides as it does', () => {
    fc.assert(
      fc.property(
        description,
        fc.constantFrom('command' as const, 'instance' as const),
        (described, fair) => {
          const model = modelOf(described, fair);
          const naive = naiveSearch(model, MOST);
          fc.pre(naive !== undefined);
          const result = search(model, { symmetry: false });
          expect(result.states).toBe(naive.nodes.length);
          expect(result.transitions).toBe(naive.transitions);
          expect(result.depth).toBe(Math.max(...naive.nodes.map(({ depth }) => depth)));
          expect(result.stuck.states).toBe(naive.nodes.filter(({ edges }) => edges.length === 0).length);
          for (const [index, property] of model.properties.entries()) {
            const found = result.verdicts[index];
            if (property.kind === 'leads-to') {
              if (naive.nodes.length > MOST_FOR_PROMISES) continue;
              expect(found?.verdict).toBe(mayBreak(model, naive, property) ? 'violated' : 'holds');
              continue;
            }
            const deciding = property.kind === 'sometimes';
            const answers = statesWhere(model, naive, (view) => property.holds(view));
            const depths = naive.nodes
              .filter((_, number) => answers[number] === deciding)
              .map(({ depth }) => depth);
            expect(found?.trace?.steps.length).toBe(depths.length === 0 ? undefined : Math.min(...depths));
          }
        },
      ),
      RUNS,
    );
  });

  it('decides with symmetry as without, and meets one state for all that differ in names', () => {
    fc.assert(
      fc.property(description, (described) => {
        const model = modelOf(described);
        const naive = naiveSearch(model, MOST);
        fc.pre(naive !== undefined);
        const [plain, reduced] = [search(model, { symmetry: false }), search(model)];
        expect(verdictsOf(reduced)).toEqual(verdictsOf(plain));
        expect(reduced.depth).toBe(plain.depth);
        expect(reduced.dead).toEqual(plain.dead);
        if (plain.states < 600)
          expect(reduced.states).toBe(orbitsOf(model, naive, { x: described.xs, y: described.ys }));
      }),
      RUNS,
    );
  });

  it('gives traces that replay', () => {
    fc.assert(
      fc.property(description, fc.boolean(), (described, symmetry) => {
        const model = modelOf(described);
        const { verdicts, stuck } = search(model, { symmetry, states: 2000 });
        const traces = [...verdicts.map(({ trace }) => trace), stuck.trace].filter(
          (trace) => trace !== undefined,
        );
        expect(traces.map((trace) => faultOf(model, trace))).toEqual(traces.map(() => undefined));
      }),
      RUNS,
    );
  });

  it('goes on from a checkpoint to the result of a search that never stopped', () => {
    fc.assert(
      fc.property(
        description,
        fc.integer({ min: 0, max: 300 }),
        fc.boolean(),
        (described, states, symmetry) => {
          const model = modelOf(described);
          const options = { symmetry, states: 1500 };
          const first = openSearch(model, options);
          first.advance(states);
          const second = openSearch(model, { ...options, resume: first.checkpoint() });
          expect(second.progress().states).toBe(first.progress().states);
          while (second.advance(1000) === undefined);
          expect({ ...second.result(), bytes: 0 }).toEqual({ ...search(model, options), bytes: 0 });
        },
      ),
      RUNS,
    );
  });
});
