import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { declareState, type Model } from '../explore/model.ts';
import { distinct, interchangeable, reference, setOf } from '../explore/model-fields.ts';
import { openState } from '../explore/model-state.ts';
import { search } from '../explore/search.ts';
import { rename, type Symmetry, symmetryOf } from '../explore/symmetry.ts';
import { canonicaliser } from '../explore/symmetry-canonical.ts';

/** Every binary relation on some points: mathematicians have counted those that differ in more than names. */
function relations(points: number, classes?: readonly (readonly number[])[]): Model {
  const state = declareState(
    'relations.ts',
    { point: interchangeable(points, classes) },
    { to: setOf('point').per('point') },
  );
  return state.model({
    name: 'relations',
    commands: [
      state.command(
        'relate',
        { from: 'point', to: 'point' },
        {
          guard: (now, { from, to }) => !now.to.has(from, to),
          effect: (now, { from, to }) => now.to.add(from, to),
        },
      ),
    ],
    properties: [],
  });
}

/** Every partial mapping of some points to themselves. */
function mappings(points: number): Model {
  const state = declareState(
    'mappings.ts',
    { point: interchangeable(points) },
    { to: reference('point').per('point') },
  );
  return state.model({
    name: 'mappings',
    commands: [
      state.command(
        'point',
        { from: 'point', to: 'point' },
        {
          guard: (now, { from }) => now.to.get(from) === undefined,
          effect: (now, { from, to }) => now.to.set(from, to),
        },
      ),
    ],
    properties: [],
  });
}

describe('symmetry', () => {
  it('leaves as many binary relations as there are up to renaming (OEIS A000595)', () => {
    expect([1, 2, 3, 4].map((points) => search(relations(points)).states)).toEqual([2, 10, 104, 3044]);
  });

  it('leaves as many partial mappings as there are up to renaming (OEIS A126285)', () => {
    expect([1, 2, 3, 4, 5, 6].map((points) => search(mappings(points)).states)).toEqual([
      2, 6, 16, 45, 121, 338,
    ]);
  });

  it('takes no more steps or fewer than the states that stand for others have', () => {
    const { states, transitions } = search(mappings(3), { symmetry: false });
    expect([states, transitions]).toEqual([4 ** 3, 3 * 3 * 4 ** 2]);
    expect(search(mappings(2)).transitions).toBe(4 + 2 + 2);
  });

  it('renames within classes only', () => {
    const points = [2, 3].map((size) => search(relations(size, [[0, 1]])).states);
    expect(points).toEqual([10, (2 ** 9 + 2 ** 5) / 2]);
    expect(search(relations(3, [])).states).toBe(2 ** 9);
  });

  it('chooses one state for all that differ in names, and a renaming of them', () => {
    const state = declareState(
      'tangle.ts',
      { one: interchangeable(4), two: interchangeable(3), fixed: distinct(2) },
      {
        pairs: setOf('two').per('one', 'fixed'),
        next: reference('one').per('one'),
        held: reference('two').per('one', 'two'),
        kept: reference('fixed').per('two'),
      },
    );
    const { layout } = state;
    const symmetry = symmetryOf(layout);
    if (symmetry === undefined) throw new Error('expected something to rename');
    const canonicalise = canonicaliser(symmetry);
    const { cells } = openState(layout);
    const codes = layout.fields.flatMap(({ count, values }) =>
      Array.from({ length: count }, () => fc.integer({ min: 0, max: values.length - 1 })),
    );
    const few = fc.tuple(...codes.map((code) => fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, code)));
    const order = fc.tuple(
      fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
      fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
    );
    fc.assert(
      fc.property(few, order, (values, [ones, twos]) => {
        cells.set(values);
        const renamed = renamedBy(symmetry, [...ones, ...twos], cells);
        const [first, second] = [new Int32Array(cells.length), new Int32Array(cells.length)];
        canonicalise(cells, first);
        canonicalise(renamed, second);
        expect(second).toEqual(first);
        canonicalise(first, second);
        expect(second).toEqual(first);
      }),
      { numRuns: 500, seed: 2 },
    );
  });
});

function renamedBy(symmetry: Symmetry, places: readonly number[], cells: Int32Array): Int32Array {
  const renamed = new Int32Array(cells.length);
  rename(symmetry, Int32Array.from([...places, 0]), cells, renamed);
  return renamed;
}
