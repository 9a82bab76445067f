/** The set of states that a search has met, numbered in the order in which it met them. */
import { bytesFor, type Growing, growInts } from './search-growing.ts';

/** Keys one after another, and an open-addressing table of their numbers. Exact: keys are compared, not only their hashes. */
export type StateTable = {
  readonly words: number;
  readonly keys: Growing;
  /** Number of the key plus 1, or 0 where nothing is. A power of two long, and never more than half full. */
  slots: Int32Array;
  count: number;
};

const LEAST_SLOTS = 1 << 12;

/** An empty table for keys of this many 32-bit words. */
export function openTable(words: number): StateTable {
  return {
    words,
    keys: { data: new Int32Array(0), length: 0 },
    slots: new Int32Array(LEAST_SLOTS),
    count: 0,
  };
}

/** The bytes that the table takes once `count` keys fit in. */
export function tableBytes(table: StateTable, count: number): number {
  return bytesFor(table.keys, count * table.words) + slotsFor(table, count) * 4;
}

function slotsFor({ slots }: StateTable, count: number): number {
  let doubled = slots.length;
  while (doubled < count * 2) doubled *= 2;
  return doubled;
}

/** Makes room for `count` keys in all. */
export function reserve(table: StateTable, count: number): void {
  growInts(table.keys, count * table.words);
  const length = slotsFor(table, count);
  if (length === table.slots.length) return;
  table.slots = new Int32Array(length);
  fillSlots(table);
}

/** Enters all keys into empty slots. */
function fillSlots(table: StateTable): void {
  const { slots, keys, words, count } = table;
  const mask = slots.length - 1;
  for (let number = 0; number < count; number++) {
    let slot = hashAt(keys.data, number * words, words) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = number + 1;
  }
}

/** A table of keys that another search has met, in its order. */
export function tableOf(words: number, keys: Int32Array): StateTable {
  const count = keys.length / words;
  const table: StateTable = { ...openTable(words), keys: { data: keys, length: keys.length }, count };
  table.slots = new Int32Array(slotsFor(table, count));
  fillSlots(table);
  return table;
}

/** The number of a key that is known, or -1 where it was not and has now got the next number. There has to be room. */
export function enter(table: StateTable, key: Int32Array): number {
  const { slots, words } = table;
  const keys = table.keys.data;
  const mask = slots.length - 1;
  let slot = hashAt(key, 0, words) & mask;
  for (;;) {
    const found = slots[slot] ?? 0;
    if (found === 0) break;
    if (sameKey(keys, (found - 1) * words, key, words)) return found - 1;
    slot = (slot + 1) & mask;
  }
  const start = table.count * words;
  for (let word = 0; word < words; word++) keys[start + word] = key[word] ?? 0;
  table.keys.length = start + words;
  slots[slot] = ++table.count;
  return -1;
}

/** The number of a key, or -1 where it is unknown. */
export function find(table: StateTable, key: Int32Array): number {
  const { slots, words } = table;
  const mask = slots.length - 1;
  let slot = hashAt(key, 0, words) & mask;
  for (;;) {
    const found = slots[slot] ?? 0;
    if (found === 0) return -1;
    if (sameKey(table.keys.data, (found - 1) * words, key, words)) return found - 1;
    slot = (slot + 1) & mask;
  }
}

function sameKey(keys: Int32Array, start: number, key: Int32Array, words: number): boolean {
  for (let word = 0; word < words; word++) if (keys[start + word] !== key[word]) return false;
  return true;
}

/** A hash of all words; another for each seed, with nothing in common. Each word is mixed by itself, so that no two changes cancel out. */
export function hashAt(keys: Int32Array, start: number, words: number, seed = 0): number {
  let hash = seed;
  for (let word = start; word < start + words; word++) {
    let mixed = (keys[word] ?? 0) ^ hash;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    hash = (mixed ^ (mixed >>> 16)) + seed;
  }
  return hash;
}
