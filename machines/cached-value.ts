/**
 * What is known of a value that the mock caches: a number of 32 bits, or, where an invalidation was not recorded, that it may be
 * 0 by now. Kept in one number each.
 */

/** The data of the allocation, which was not recorded. */
export const UNKNOWN_VALUE = -1;
/** That, or 0. */
const UNKNOWN_OR_CLEARED = -2;
/** From here down: the value, or 0. */
const OR_CLEARED = -3;

/** After an invalidation of which nobody knows whether it meant this value. */
export function perhapsCleared(cached: number): number {
  if (cached === UNKNOWN_VALUE) return UNKNOWN_OR_CLEARED;
  return cached > 0 ? OR_CLEARED - cached : cached;
}

/** Whether the cached value is `value`; undefined where that is open. */
export function isCached(cached: number, value: number): boolean | undefined {
  if (cached >= 0) return cached === value;
  if (cached > OR_CLEARED) return undefined;
  return value === 0 || value === OR_CLEARED - cached ? undefined : false;
}

/** What the cached value is, once it is known not to be `value`. */
export function whenNot(cached: number, value: number): number {
  if (cached > OR_CLEARED) return cached;
  return value === 0 ? OR_CLEARED - cached : 0;
}

/** All values once that at `slot` is known: they come from the same data. */
export function learned(cached: readonly number[], slot: number, value: number): number[] {
  const before = cached[slot];
  const isData = before === UNKNOWN_VALUE || (before === UNKNOWN_OR_CLEARED && value !== 0);
  return cached.map((one, index) => {
    if (index === slot) return value;
    if (!isData) return one;
    if (one === UNKNOWN_VALUE) return value;
    return one === UNKNOWN_OR_CLEARED ? perhapsCleared(value) : one;
  });
}
