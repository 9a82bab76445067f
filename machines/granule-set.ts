/** A set of granule numbers (dirty pages of a domain) as bitmaps of 4096: an immutable value, cheap to change in bulk. */

const CHUNK = 4096;
const WORD = 32;

class GranuleMap {
  readonly size: number;
  readonly chunks: ReadonlyMap<number, Uint32Array>;

  constructor(size: number, chunks: ReadonlyMap<number, Uint32Array>) {
    this.size = size;
    this.chunks = chunks;
  }
}

export type GranuleSet = GranuleMap;

export const NO_GRANULES: GranuleSet = new GranuleMap(0, new Map());

/** The set with these numbers, in any order. */
export function withGranules(set: GranuleSet, granules: readonly number[]): GranuleSet {
  return changed(set, granules, true);
}

/** The set without them. */
export function withoutGranules(set: GranuleSet, granules: readonly number[]): GranuleSet {
  return changed(set, granules, false);
}

function changed(set: GranuleSet, granules: readonly number[], present: boolean): GranuleSet {
  const chunks = new Map(set.chunks);
  const own = new Set<number>();
  let { size } = set;
  let current = Number.NaN;
  let words: Uint32Array = new Uint32Array(0);
  for (const granule of granules) {
    const key = Math.floor(granule / CHUNK);
    if (key !== current) {
      const held = chunks.get(key);
      words = held === undefined ? new Uint32Array(CHUNK / WORD) : own.has(key) ? held : held.slice();
      own.add(key);
      chunks.set(key, words);
      current = key;
    }
    const bit = granule - key * CHUNK;
    const before = words[bit >>> 5] as number;
    const mask = 1 << (bit & 31);
    if (((before & mask) !== 0) === present) continue;
    words[bit >>> 5] = before ^ mask;
    size += present ? 1 : -1;
  }
  return size === 0 ? NO_GRANULES : new GranuleMap(size, chunks);
}

/** All numbers, ascending. */
export function sortedGranules(set: GranuleSet): number[] {
  const granules: number[] = [];
  for (const key of [...set.chunks.keys()].sort((one, other) => one - other)) {
    const words = set.chunks.get(key) as Uint32Array;
    for (let word = 0; word < words.length; word++) {
      for (let bits = words[word] as number; bits !== 0; bits &= bits - 1) {
        granules.push(key * CHUNK + word * WORD + (31 - Math.clz32(bits & -bits)));
      }
    }
  }
  return granules;
}
