import { describe, expect, it } from 'vitest';
import { ERRNO, type ErrnoName, errnoName, errnoNumber } from '../events/errno.ts';

describe('errno', () => {
  it('names every number it has, and back', () => {
    for (const name of Object.keys(ERRNO) as ErrnoName[]) expect(errnoName(errnoNumber(name))).toBe(name);
  });

  it('keeps the digits of a number it does not know', () => {
    expect(errnoName(4095)).toBe('E4095');
  });
});
