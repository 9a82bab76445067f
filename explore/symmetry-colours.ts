/** Telling members apart by what a state says about them, never by their numbers (colour refinement). */
import type { Symmetry } from './symmetry.ts';

/** A colour for each member. Members with different colours cannot change places without changing the state. */
export type Colouring = Readonly<{
  symmetry: Symmetry;
  colours: Int32Array;
  /** The members of each class, by colour. */
  orders: readonly Int32Array[];
  /** The colours where no two members are alike. */
  most: number;
  /** Scratch. */
  sums: Int32Array;
  initial: Int32Array;
}>;

/** Colours of members of which nothing is known: those of one class are alike, and all others are not. */
export function openColouring(symmetry: Symmetry): Colouring {
  const size = symmetry.members + 1;
  const initial = Int32Array.from({ length: size }, (_, member) => mix(member + 1));
  for (const members of symmetry.classes) {
    for (const member of members) initial[member] = initial[members[0] ?? 0] ?? 0;
  }
  initial[symmetry.nobody] = 0;
  const orders = symmetry.classes.map((members) => Int32Array.from(members));
  const most = orders.reduce((sum, { length }) => sum + length, 0);
  return { symmetry, colours: new Int32Array(size), orders, most, sums: new Int32Array(size), initial };
}

export function resetColours({ colours, initial }: Colouring): void {
  for (let member = 0; member < colours.length; member++) colours[member] = initial[member] ?? 0;
}

/** Gives members different colours where the cells that speak of them differ. Returns how many colours there are now. */
export function refine(colouring: Colouring, cells: Int32Array): number {
  sumCells(colouring, cells);
  const { colours, sums, symmetry } = colouring;
  for (let member = 0; member < symmetry.members; member++) {
    colours[member] = mix((colours[member] ?? 0) ^ Math.imul(sums[member] ?? 0, 0x85ebca6b));
  }
  return sortColours(colouring);
}

/** Adds up for each member what the cells say that it indexes or that refer to it. Sums do not depend on the order of cells. */
function sumCells({ symmetry, colours, sums }: Colouring, cells: Int32Array): void {
  const { indexed, refers, seeds } = symmetry;
  sums.fill(0);
  for (let cell = 0; cell < symmetry.cells; cell++) {
    const code = cells[cell] ?? 0;
    if (code === 0) continue;
    const at = cell * 3;
    const one = indexed[at] ?? 0;
    const two = indexed[at + 1] ?? 0;
    const three = indexed[at + 2] ?? 0;
    const first = refers[cell] ?? -1;
    const target = first < 0 ? -1 : first + code - 1;
    let word = (seeds[cell] ?? 0) + (target < 0 ? code : (colours[target] ?? 0));
    word = Math.imul(word ^ (colours[one] ?? 0), 0x9e3779b1);
    word = Math.imul((word ^ (word >>> 15)) + (colours[two] ?? 0), 0x85ebca6b);
    word = mix(word + Math.imul(colours[three] ?? 0, 0x27d4eb2f));
    sums[one] = (sums[one] ?? 0) + word;
    sums[two] = (sums[two] ?? 0) + Math.imul(word, 0x2c1b3c6d);
    sums[three] = (sums[three] ?? 0) + Math.imul(word, 0x297a2d39);
    if (target >= 0) sums[target] = (sums[target] ?? 0) + Math.imul(word, 0x165667b1);
  }
}

/** Sorts each class by colour. Returns how many colours there are in all classes. */
export function sortColours({ orders, colours }: Colouring): number {
  let kinds = 0;
  for (const order of orders) {
    for (let index = 1; index < order.length; index++) {
      const member = order[index] ?? 0;
      const colour = colours[member] ?? 0;
      let hole = index;
      for (; hole > 0 && (colours[order[hole - 1] ?? 0] ?? 0) > colour; hole--)
        order[hole] = order[hole - 1] ?? 0;
      order[hole] = member;
    }
    kinds++;
    for (let index = 1; index < order.length; index++) {
      if (colours[order[index] ?? 0] !== colours[order[index - 1] ?? 0]) kinds++;
    }
  }
  return kinds;
}

export function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2545f491);
  return mixed ^ (mixed >>> 13);
}
