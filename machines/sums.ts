/** Sums by key while a command is decided. There are one or two keys, mostly none: a list is made in no time, a map is not. */
export type Sums<Key> = { readonly key: Key; sum: number }[];

export function sumOf<Key>(sums: Sums<Key>, key: Key): number {
  for (const one of sums) if (one.key === key) return one.sum;
  return 0;
}

/** Adds to the sum of `key`; answers what it is then. */
export function addTo<Key>(sums: Sums<Key>, key: Key, amount: number): number {
  for (const one of sums) {
    if (one.key !== key) continue;
    one.sum += amount;
    return one.sum;
  }
  sums.push({ key, sum: amount });
  return amount;
}
