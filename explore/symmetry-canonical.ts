/** One representative for all states that differ in names only. */

import { rename, type Symmetry } from './symmetry.ts';
import { type Colouring, mix, openColouring, refine, resetColours, sortColours } from './symmetry-colours.ts';
import { areTwins, openTwins, type Twins } from './symmetry-twins.ts';

/** Writes the representative of `cells` into `into`: the same for every renaming of a state, and a renaming of it. */
export type Canonicalise = (cells: Int32Array, into: Int32Array) => void;

type Canonicaliser = Readonly<{
  symmetry: Symmetry;
  colouring: Colouring;
  twins: Twins;
  places: Int32Array;
  trial: Int32Array;
  /** The colours before each choice, for going back. */
  saved: Int32Array[];
}>;

/**
 * Exact, for any number of members: members that colours tell apart have their place by colour; those that are alike because
 * exchanging two changes nothing (twins) need no choice; among the rest each choice is tried and the least state taken.
 */
export function canonicaliser(symmetry: Symmetry): Canonicalise {
  const self: Canonicaliser = {
    symmetry,
    colouring: openColouring(symmetry),
    twins: openTwins(symmetry),
    places: Int32Array.from(symmetry.identity),
    trial: new Int32Array(symmetry.cells),
    saved: Array.from({ length: symmetry.members + 1 }, () => new Int32Array(symmetry.members + 1)),
  };
  return (cells, into) => {
    resetColours(self.colouring);
    branch(self, cells, into, 0, false);
  };
}

/** Tries what the colours leave open. `found`: `into` holds a state already. Returns whether it does now. */
function branch(
  self: Canonicaliser,
  cells: Int32Array,
  into: Int32Array,
  depth: number,
  found: boolean,
): boolean {
  const { colouring } = self;
  let kinds = sortColours(colouring);
  for (let before = 0; kinds > before && kinds < colouring.most; ) {
    before = kinds;
    kinds = refine(colouring, cells);
  }
  const open = kinds === colouring.most ? undefined : openBlock(self, cells);
  if (open === undefined) return settle(self, cells, into, found);
  const saved = self.saved[depth];
  if (saved === undefined) throw new Error('invariant: more choices than members');
  saved.set(colouring.colours);
  let some = found;
  for (const member of open) {
    colouring.colours.set(saved);
    colouring.colours[member] = mix((saved[member] ?? 0) + 1);
    some = branch(self, cells, into, depth + 1, some);
  }
  return some;
}

/** One of each kind of twins in the first block of members whose order matters though their colours are the same. */
function openBlock({ colouring, twins }: Canonicaliser, cells: Int32Array): readonly number[] | undefined {
  const { colours, orders } = colouring;
  for (const order of orders) {
    for (let start = 0, end = 1; start < order.length; start = end, end++) {
      const colour = colours[order[start] ?? 0];
      let alike = true;
      for (; end < order.length && colours[order[end] ?? 0] === colour; end++) {
        alike = alike && areTwins(twins, cells, order[end - 1] ?? 0, order[end] ?? 0);
      }
      if (!alike) return kindsOf(twins, cells, order.subarray(start, end));
    }
  }
  return undefined;
}

function kindsOf(twins: Twins, cells: Int32Array, block: Int32Array): readonly number[] {
  const kinds: number[] = [];
  for (const member of block) {
    if (!kinds.some((kind) => areTwins(twins, cells, kind, member))) kinds.push(member);
  }
  return kinds;
}

/** Gives every member its place by colour and keeps the state that comes of it, if it is the first or the least. */
function settle(self: Canonicaliser, cells: Int32Array, into: Int32Array, found: boolean): true {
  const { symmetry, places, trial } = self;
  symmetry.classes.forEach((members, number) => {
    const order = self.colouring.orders[number] ?? members;
    for (let index = 0; index < order.length; index++) {
      places[order[index] ?? 0] = symmetry.identity[members[index] ?? 0] ?? 0;
    }
  });
  if (!found) {
    rename(symmetry, places, cells, into);
    return true;
  }
  rename(symmetry, places, cells, trial);
  for (let cell = 0; cell < trial.length; cell++) {
    const difference = (trial[cell] ?? 0) - (into[cell] ?? 0);
    if (difference > 0) return true;
    if (difference < 0) {
      into.set(trial);
      return true;
    }
  }
  return true;
}
