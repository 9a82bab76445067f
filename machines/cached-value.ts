/**
 * What is known of the four values that the mock caches for a nested HWPT or a device. All begin alike and can only become 0, so
 * where entries of an invalidation or the data of the allocation were not recorded, there are two questions: what they began
 * with, and which of them are 0 by now. The second one has 16 answers, slot by slot a bit; a set of answers is a number again,
 * with a bit for each answer that is possible.
 */

/** A value that is not known. */
export const UNKNOWN_VALUE = -1;

const SLOTS = [0, 1, 2, 3] as const;
const ALL_SLOTS = 0xf;
/** Nothing was invalidated. */
export const NO_EFFECT = 1 << 0;
/** Whatever can have been invalidated. */
export const ANY_EFFECT = 0xffff;

/** Facts about cached values of which not all are known. */
export type CacheDoubt = Readonly<{
  /** What the slots hold that were not cleared, never 0; or UNKNOWN_VALUE. */
  value: number;
  /** Possible sets of cleared slots: bit `m` for the set whose bits are `m`. */
  cleared: number;
  /** Values that an unknown one is known not to be. */
  not: readonly number[];
}>;

/** Of data that was not recorded; 0 is told as slots that are all cleared. */
export const UNSEEN_DATA: CacheDoubt = {
  value: UNKNOWN_VALUE,
  cleared: NO_EFFECT | (1 << ALL_SLOTS),
  not: [],
};

/** The doubt that `values` leave: none. */
export function withoutDoubt(values: readonly number[]): CacheDoubt {
  const value = Math.max(...values);
  return { value, cleared: 1 << maskOf(SLOTS.filter((slot) => values[slot] === 0)), not: [] };
}

/** What an invalidation of exactly these slots does. */
export function effectOf(slots: readonly number[]): number {
  return 1 << maskOf(slots);
}

/** What `least` to `most` entries can do that name a slot each, or all four; without `named`, all four or the first. */
export function unseenEffects(least: number, most: number, named: boolean): number {
  const one =
    effectOf(SLOTS) | (named ? effectOf([0]) | effectOf([1]) | effectOf([2]) | effectOf([3]) : effectOf([0]));
  let after = NO_EFFECT;
  let effects = least === 0 ? NO_EFFECT : 0;
  // Four entries can do all that more can; with at least four, what fewer did is among it.
  for (let entries = 1; entries <= Math.min(most, SLOTS.length); entries++) {
    after = unions(after, one);
    if (entries >= Math.min(least, SLOTS.length)) effects |= after;
  }
  return effects;
}

/** After an invalidation that did one of `effects`. */
export function invalidated(doubt: CacheDoubt, effects: number): CacheDoubt {
  return { ...doubt, cleared: unions(doubt.cleared, effects) };
}

/** Whether `slot` holds `value`; undefined where that is open. */
export function isCached(doubt: CacheDoubt, slot: number, value: number): boolean | undefined {
  const zero = (doubt.cleared & without(slot)) !== doubt.cleared;
  const kept = (doubt.cleared & without(slot)) !== 0;
  const unknown = doubt.value === UNKNOWN_VALUE;
  const may = unknown ? value !== 0 && !doubt.not.includes(value) : value === doubt.value;
  const yes = (zero && value === 0) || (kept && may);
  const no = (zero && value !== 0) || (kept && (unknown || !may));
  return yes && no ? undefined : yes;
}

/** Once a check told whether `slot` holds `value`, which was open before. */
export function learned(doubt: CacheDoubt, slot: number, value: number, same: boolean): CacheDoubt {
  const kept = doubt.cleared & without(slot);
  const zero = doubt.cleared & ~without(slot);
  if (value === 0) return { ...doubt, cleared: same ? zero : kept };
  if (same) return { ...doubt, value, cleared: kept };
  if (doubt.value === value) return { ...doubt, cleared: zero };
  // Not the value, or cleared: only where no other slot would still show the value it tells that much.
  return (zero & ~(1 << ALL_SLOTS)) === 0 ? { ...doubt, not: [...doubt.not, value] } : doubt;
}

/** The values as far as they are known. */
export function valuesOf(doubt: CacheDoubt): number[] {
  return SLOTS.map((slot) => {
    const kept = doubt.cleared & without(slot);
    if (kept === 0) return 0;
    return kept === doubt.cleared ? doubt.value : UNKNOWN_VALUE;
  });
}

/** Sets of cleared slots that do not have this one. */
function without(slot: number): number {
  let sets = 0;
  for (let mask = 0; mask <= ALL_SLOTS; mask++) if (!((mask >> slot) & 1)) sets |= 1 << mask;
  return sets;
}

function maskOf(slots: readonly number[]): number {
  let mask = 0;
  for (const slot of slots) mask |= 1 << slot;
  return mask;
}

/** Every set of the one with every set of the other. */
function unions(some: number, others: number): number {
  let all = 0;
  for (let one = 0; one <= ALL_SLOTS; one++) {
    if (!((some >> one) & 1)) continue;
    for (let other = 0; other <= ALL_SLOTS; other++) if ((others >> other) & 1) all |= 1 << (one | other);
  }
  return all;
}
