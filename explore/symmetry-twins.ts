/** Twins: two members of a state that can be exchanged without changing it. Nothing tells apart what is done to either. */
import type { Step } from './model.ts';
import { isUnchangedAt, type Symmetry } from './symmetry.ts';

export type Twins = Readonly<{
  symmetry: Symmetry;
  /** For each member the cells to look at: an exchange that leaves them alone changes nothing. */
  touched: readonly Int32Array[];
  /** The identity, but while two members are exchanged. */
  swapped: Int32Array;
  /** After `findTwins`: the first of the twins of each member, and the next one or -1. */
  first: Int32Array;
  next: Int32Array;
}>;

export function openTwins(symmetry: Symmetry): Twins {
  const { members, identity } = symmetry;
  return {
    symmetry,
    touched: Array.from({ length: members }, (_, member) => touchedBy(symmetry, member)),
    swapped: Int32Array.from(identity),
    first: new Int32Array(members + 1),
    next: new Int32Array(members + 1),
  };
}

/** The cells that the member indexes, and those that could refer to it. The others stay where they are when it is exchanged. */
function touchedBy({ cells, indexed, refers, firstOf }: Symmetry, member: number): Int32Array {
  const sort = Math.max(...[...firstOf.values()].filter((first) => first <= member));
  const found: number[] = [];
  for (let cell = 0; cell < cells; cell++) {
    const indexes = indexed.subarray(cell * 3, cell * 3 + 3).includes(member);
    if (indexes || refers[cell] === sort) found.push(cell);
  }
  return Int32Array.from(found);
}

export function areTwins(
  { symmetry, touched, swapped }: Twins,
  cells: Int32Array,
  one: number,
  other: number,
): boolean {
  const { identity } = symmetry;
  swapped[one] = identity[other] ?? 0;
  swapped[other] = identity[one] ?? 0;
  const unchanged = isUnchangedAt(symmetry, swapped, cells, touched[one] ?? identity);
  swapped[one] = identity[one] ?? 0;
  swapped[other] = identity[other] ?? 0;
  return unchanged;
}

/** Finds all twins of a state. To be twins is transitive, so that one of each kind is enough to compare with. */
export function findTwins(twins: Twins, cells: Int32Array): void {
  const { symmetry, first, next } = twins;
  for (let member = 0; member <= symmetry.members; member++) {
    first[member] = member;
    next[member] = -1;
  }
  for (const members of symmetry.classes) {
    for (let index = 1; index < members.length; index++) {
      const member = members[index] ?? 0;
      for (let before = 0; before < index; before++) {
        const other = members[before] ?? 0;
        if (first[other] !== other || !areTwins(twins, cells, other, member)) continue;
        first[member] = other;
        append(next, other, member);
        break;
      }
    }
  }
}

function append(next: Int32Array, first: number, member: number): void {
  let last = first;
  while ((next[last] ?? -1) >= 0) last = next[last] ?? 0;
  next[last] = member;
}

/** How steps lie: those of one command follow each other, and each parameter that is interchangeable has its distance. */
export type Alikes = Readonly<{ params: number; members: Int32Array; strides: Int32Array }>;

/** `steps` in the order of `stepsOf()`. */
export function alikesOf({ firstOf, nobody }: Symmetry, steps: readonly Step[]): Alikes {
  const params = steps.reduce((most, { args }) => Math.max(most, Object.keys(args).length), 1);
  const members = new Int32Array(steps.length * params).fill(nobody);
  const strides = new Int32Array(steps.length * params);
  for (let start = 0, end = 0; start < steps.length; start = end) {
    while (end < steps.length && steps[end]?.kind === steps[start]?.kind) end++;
    const alike = steps.slice(start, end);
    for (const [position, [name, domain]] of Object.entries(alike[0]?.command.params ?? {}).entries()) {
      const first = typeof domain === 'string' ? firstOf.get(domain) : undefined;
      if (first === undefined) continue;
      const stride = strideOf(alike, name);
      for (const { id, args } of alike) {
        members[id * params + position] = first + Number(args[name]);
        strides[id * params + position] = stride;
      }
    }
  }
  return { params, members, strides };
}

/** How many steps of a command lie between two values of a parameter that follow each other. */
function strideOf(alike: readonly Step[], name: string): number {
  const [start] = alike;
  const at = alike.findIndex(({ args }) => args[name] !== start?.args[name]);
  return Math.max(at, 0);
}

/** The first of the steps that do the same as this one but to twins of its members: itself, or one before it. */
export function firstAlike({ first, next }: Twins, { params, members, strides }: Alikes, id: number): number {
  const start = id * params;
  let alike = id;
  for (let position = start; position < start + params; position++) {
    const member = members[position] ?? 0;
    const kind = first[member] ?? 0;
    let replaced = kind;
    for (let before = start; before < position; before++) {
      const other = members[before] ?? 0;
      if (first[other] !== kind || isRepeated(members, start, before)) continue;
      if (other === member) break;
      replaced = next[replaced] ?? 0;
    }
    alike += (replaced - member) * (strides[position] ?? 0);
  }
  return alike;
}

function isRepeated(members: Int32Array, start: number, position: number): boolean {
  for (let before = start; before < position; before++)
    if (members[before] === members[position]) return true;
  return false;
}
