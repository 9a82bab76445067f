import { describe, expect, it } from 'vitest';
import { isCached, learned, perhapsCleared, UNKNOWN_VALUE, whenNot } from '../machines/cached-value.ts';

const U32_MAX = 0xffff_ffff;

describe('a cached value', () => {
  it.each([1, 7, U32_MAX])('%d that may have been cleared is itself or 0', (value) => {
    const doubtful = perhapsCleared(value);
    expect(perhapsCleared(doubtful)).toBe(doubtful);
    expect(isCached(doubtful, value)).toBeUndefined();
    expect(isCached(doubtful, 0)).toBeUndefined();
    expect(isCached(doubtful, value - 1 || 2)).toBe(false);
    expect(whenNot(doubtful, value)).toBe(0);
    expect(whenNot(doubtful, 0)).toBe(value);
  });
  it('of 0 stays 0', () => {
    expect(perhapsCleared(0)).toBe(0);
    expect(isCached(0, 0)).toBe(true);
    expect(isCached(0, 1)).toBe(false);
  });
  it('that nobody recorded can be anything, and a check that fails tells little', () => {
    for (const cached of [UNKNOWN_VALUE, perhapsCleared(UNKNOWN_VALUE)]) {
      expect(isCached(cached, 7)).toBeUndefined();
      expect(whenNot(cached, 7)).toBe(cached);
    }
  });
  it('that becomes known tells the others from the same data', () => {
    const untold = UNKNOWN_VALUE;
    const cleared = perhapsCleared(untold);
    expect(learned([untold, untold, cleared, 0], 0, 7)).toEqual([7, 7, perhapsCleared(7), 0]);
    expect(learned([untold, cleared, 0, 0], 1, 7)).toEqual([7, 7, 0, 0]);
    expect(learned([untold, cleared, 0, 0], 1, 0)).toEqual([untold, 0, 0, 0]);
    expect(learned([untold, cleared, 0, 0], 0, 0)).toEqual([0, 0, 0, 0]);
    expect(learned([perhapsCleared(7), perhapsCleared(7), 7, 0], 0, 7)).toEqual([7, perhapsCleared(7), 7, 0]);
  });
});
