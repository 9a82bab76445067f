/** What a search remembers of a state: the packed state, up to renaming if wished, or only a hash of it. */
import type { Layout } from './model-layout.ts';
import { packingOf } from './pack.ts';
import { hashAt } from './search-table.ts';
import { symmetryOf } from './symmetry.ts';
import { canonicaliser } from './symmetry-canonical.ts';

export type Keyer = Readonly<{
  /** Words of a packed state, and of a key. */
  words: number;
  keyWords: number;
  bits: number;
  symmetry: boolean;
  compaction: boolean;
  /** What `read` leaves behind; the same array where nothing is hashed. */
  packed: Int32Array;
  key: Int32Array;
  read: (cells: Int32Array) => void;
  unpack: (from: Int32Array, start: number, cells: Int32Array) => void;
}>;

/** Words of a hashed state: 64 bits. */
const HASH_WORDS = 2;

/** `compaction` is for states of more than 64 bits; smaller ones are kept as they are, since that takes no more room. */
export function keyerOf(layout: Layout, wished: Readonly<{ symmetry: boolean; compaction: boolean }>): Keyer {
  const { words, bits, pack, unpack } = packingOf(layout);
  const symmetry = wished.symmetry ? symmetryOf(layout) : undefined;
  const compaction = wished.compaction && words > HASH_WORDS;
  const packed = new Int32Array(words);
  const key = compaction ? new Int32Array(HASH_WORDS) : packed;
  const keyWords = key.length;
  const hash = (): void => {
    key[0] = hashAt(packed, 0, words);
    key[1] = hashAt(packed, 0, words, 0x9e3779b1);
  };
  const described = {
    words,
    keyWords,
    bits,
    symmetry: symmetry !== undefined,
    compaction,
    packed,
    key,
    unpack,
  };
  if (symmetry === undefined) {
    const plain = (cells: Int32Array): void => pack(cells, packed);
    return { ...described, read: compaction ? after(plain, hash) : plain };
  }
  const canonicalise = canonicaliser(symmetry);
  const representative = new Int32Array(layout.cellCount);
  const renamed = (cells: Int32Array): void => {
    canonicalise(cells, representative);
    pack(representative, packed);
  };
  return { ...described, read: compaction ? after(renamed, hash) : renamed };
}

function after(first: (cells: Int32Array) => void, then: () => void): (cells: Int32Array) => void {
  return (cells) => {
    first(cells);
    then();
  };
}

/** How likely it is that two of `states` different states had the same hash, so that one was left out: at most 1. */
export function omissionProbability({ compaction }: Keyer, states: number): number {
  return compaction ? Math.min(1, (states / 2 ** 32) * (states / 2 ** 33)) : 0;
}
