import { describe, expect, it } from 'vitest';
import { search } from '../explore/search.ts';
import { smallModel } from './support/small-model.ts';

describe('search of the small model', () => {
  it('meets as many states and transitions as other engines', () => {
    const t=performance.now();
    const result = search(smallModel(), { symmetry: false });
    console.log(performance.now()-t, result);
    expect([result.states, result.transitions]).toEqual([283_265, 4_942_515]);
  });

  it('meets as many states up to renaming as other engines', () => {
    const t=performance.now();
    const result = search(smallModel());
    console.log(performance.now()-t, result);
    expect(result.states).toBe(1485);
  });
});
