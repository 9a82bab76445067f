import { describe, expect, it } from 'vitest';
import { smallModel } from '../bench/search-model.ts';
import { search } from '../explore/search.ts';

describe('search of the small model', () => {
  it('meets as many states and transitions as Spin and Rumur do', () => {
    const { states, transitions, depth, complete, dead, stuck, verdicts } = search(smallModel(), {
      symmetry: false,
    });
    expect([states, transitions, depth, complete]).toEqual([283_265, 4_942_515, 18, true]);
    expect([dead, stuck.states]).toEqual([[], 0]);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['holds']);
  });

  it('meets as many states up to renaming as Rumur does with exhaustive symmetry', () => {
    const { states, depth, complete, symmetry } = search(smallModel());
    expect([states, depth, complete, symmetry]).toEqual([1_485, 18, true, true]);
  });

  it('meets few states of a smaller one', () => {
    const tiny = smallModel({ spaces: 2, slots: 2, devices: 2 });
    expect([search(tiny).states, search(tiny, { symmetry: false }).states]).toEqual([44, 177]);
  });
});
