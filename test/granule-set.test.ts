import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_GRANULES, sortedGranules, withGranules, withoutGranules } from '../machines/granule-set.ts';

describe('a set of granules', () => {
  it('holds each number once, in order', () => {
    const set = withGranules(NO_GRANULES, [9000, 3, 3, 4096, 31, 32]);
    expect([sortedGranules(set), set.size]).toEqual([[3, 31, 32, 4096, 9000], 5]);
    expect(withGranules(set, [3, 31]).size).toBe(5);
  });
  it('loses what it holds, and nothing else', () => {
    const set = withoutGranules(withGranules(NO_GRANULES, [1, 2, 5000]), [2, 7, 9999]);
    expect([sortedGranules(set), set.size]).toEqual([[1, 5000], 2]);
    expect(withoutGranules(set, [1, 5000])).toBe(NO_GRANULES);
  });
  it('stays as it was when another is made from it', () => {
    const before = withGranules(NO_GRANULES, [1, 2]);
    const more = withGranules(before, [3, 8000, 4]);
    const fewer = withoutGranules(before, [1]);
    expect([before, more, fewer].map(sortedGranules)).toEqual([[1, 2], [1, 2, 3, 4, 8000], [2]]);
    expect(before.size).toBe(2);
  });
  it('is a set', () => {
    const changes = fc.array(fc.tuple(fc.boolean(), fc.array(fc.nat({ max: 12_000 }), { maxLength: 6 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(changes, (steps) => {
        let set = NO_GRANULES;
        const plain = new Set<number>();
        for (const [adds, granules] of steps) {
          set = adds ? withGranules(set, granules) : withoutGranules(set, granules);
          for (const granule of granules) adds ? plain.add(granule) : plain.delete(granule);
          expect(sortedGranules(set)).toEqual([...plain].sort((one, other) => one - other));
          expect(set.size).toBe(plain.size);
        }
      }),
      { seed: 20_260_907, numRuns: 200 },
    );
  });
});
