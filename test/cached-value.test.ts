import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ANY_EFFECT,
  type CacheDoubt,
  effectOf,
  invalidated,
  isCached,
  learned,
  NO_EFFECT,
  UNKNOWN_VALUE,
  UNSEEN_DATA,
  unseenEffects,
  valuesOf,
  withoutDoubt,
} from '../machines/cached-value.ts';

const ALL = [0, 1, 2, 3];
const untold = UNKNOWN_VALUE;

describe('cached values', () => {
  it('are known until something unseen happens', () => {
    for (const values of [
      [7, 7, 7, 7],
      [0, 7, 0, 7],
      [0, 0, 0, 0],
    ]) {
      expect(valuesOf(withoutDoubt(values))).toEqual(values);
      expect(valuesOf(invalidated(withoutDoubt(values), NO_EFFECT))).toEqual(values);
      expect(valuesOf(invalidated(withoutDoubt(values), effectOf(ALL)))).toEqual([0, 0, 0, 0]);
    }
    expect(valuesOf(invalidated(withoutDoubt([0, 7, 7, 7]), ANY_EFFECT))).toEqual([
      0,
      untold,
      untold,
      untold,
    ]);
  });
  it('that were not recorded are alike, and not what a check has ruled out', () => {
    expect(isCached(UNSEEN_DATA, 1, 7)).toBeUndefined();
    expect(valuesOf(learned(UNSEEN_DATA, 1, 7, true))).toEqual([7, 7, 7, 7]);
    expect(valuesOf(learned(UNSEEN_DATA, 1, 0, true))).toEqual([0, 0, 0, 0]);
    const other = learned(UNSEEN_DATA, 1, 7, false);
    expect(isCached(other, 2, 7)).toBe(false);
    expect(isCached(other, 2, 8)).toBeUndefined();
    expect(isCached(learned(other, 0, 0, false), 3, 0)).toBe(false);
  });
  it('after one entry: one slot is 0 or all are, and two that are tell of the rest', () => {
    const doubt = invalidated(withoutDoubt([7, 7, 7, 7]), unseenEffects(1, 1, true));
    expect(ALL.map((slot) => isCached(doubt, slot, 7))).toEqual([undefined, undefined, undefined, undefined]);
    expect(isCached(doubt, 0, 9)).toBe(false);
    const second = learned(doubt, 1, 0, true);
    expect(isCached(second, 2, 0)).toBeUndefined();
    expect(valuesOf(learned(second, 2, 7, false))).toEqual([0, 0, 0, 0]);
    expect(valuesOf(learned(second, 2, 7, true))).toEqual([7, 0, 7, 7]);
    const kept = [0, 1, 2].reduce((known, slot) => learned(known, slot, 7, true), doubt);
    expect(valuesOf(kept)).toEqual([7, 7, 7, 0]);
  });
  it('after entries too short to name a slot: the first one or all', () => {
    const doubt = invalidated(withoutDoubt([7, 7, 7, 7]), unseenEffects(1, 3, false));
    expect(valuesOf(doubt)).toEqual([0, untold, untold, untold]);
    expect(valuesOf(learned(doubt, 3, 0, false))).toEqual([0, 7, 7, 7]);
  });
  it('after none, are as before', () => {
    expect(unseenEffects(0, 0, true)).toBe(NO_EFFECT);
    expect(unseenEffects(0, 4, true)).toBe(ANY_EFFECT);
    expect(unseenEffects(4, 4, true)).toBe(ANY_EFFECT & ~NO_EFFECT);
    expect(unseenEffects(9, 9, true)).toBe(unseenEffects(4, 4, true));
  });

  /** A world in which the truth is known: what is claimed of it has to be true. */
  const truth = fc.record({
    data: fc.constantFrom(0, 7, 8),
    seen: fc.boolean(),
    steps: fc.array(
      fc.oneof(
        fc.record({ entries: fc.array(fc.constantFrom([0], [1], [2], [3], ALL), { maxLength: 3 }) }),
        fc.record({ slot: fc.nat(3), value: fc.constantFrom(0, 7, 8, 9) }),
      ),
      { maxLength: 24 },
    ),
  });
  it('are never claimed to be what they are not', () => {
    fc.assert(
      fc.property(truth, ({ data, seen, steps }) => {
        const values = [data, data, data, data];
        let doubt: CacheDoubt = seen ? withoutDoubt(values) : UNSEEN_DATA;
        for (const step of steps) {
          if ('entries' in step) {
            for (const slots of step.entries) for (const slot of slots) values[slot] = 0;
            doubt = invalidated(doubt, unseenEffects(step.entries.length, step.entries.length, true));
          } else {
            const same = values[step.slot] === step.value;
            const claimed = isCached(doubt, step.slot, step.value);
            if (claimed === undefined) doubt = learned(doubt, step.slot, step.value, same);
            else expect(claimed).toBe(same);
          }
          for (const [slot, value] of valuesOf(doubt).entries())
            if (value !== UNKNOWN_VALUE) expect(value).toBe(values[slot]);
        }
      }),
    );
  });
});
