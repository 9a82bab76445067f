/** Renaming: how a state looks once the members of interchangeable sorts have changed places. */
import type { Argument, Arguments, Params } from './model.ts';
import type { FieldLayout, Layout } from './model-layout.ts';
import { indicesOf } from './model-layout.ts';

/** Up to three members index a cell: a pair of indices, and the member of a set. */
const INDICES = 3;

/**
 * The members of all sorts that have a class, numbered through, and what each cell has to do with them. A cell that fewer than three
 * members index refers to `nobody`, a member that never moves.
 */
export type Symmetry = Readonly<{
  members: number;
  nobody: number;
  /** Members that may change places with each other, ascending. */
  classes: readonly Int32Array[];
  /** The number of the first member of each sort. */
  firstOf: ReadonlyMap<string, number>;
  /** The number of a member within its sort: the renaming that changes nothing. */
  identity: Int32Array;
  cells: number;
  /** For each cell three members that index it, and how far apart the cells of neighbours lie. */
  indexed: Int32Array;
  strides: Int32Array;
  /** The cell of the same field whose three members are the first of their sorts. */
  origins: Int32Array;
  /** The first member of the sort that the value of the cell refers to, or -1. */
  refers: Int32Array;
  /** A number for each field and each choice of the members that are distinct. */
  seeds: Int32Array;
}>;

/** What can be renamed in states of this layout; undefined where nothing can. */
export function symmetryOf(layout: Layout): Symmetry | undefined {
  const firstOf = new Map<string, number>();
  const classes: Int32Array[] = [];
  const identity: number[] = [];
  for (const [name, sort] of Object.entries(layout.sorts)) {
    if (sort.classes.length === 0) continue;
    const first = identity.length;
    firstOf.set(name, first);
    for (const some of sort.classes) classes.push(Int32Array.from(some, (member) => first + member).sort());
    for (let member = 0; member < sort.size; member++) identity.push(member);
  }
  if (classes.length === 0) return undefined;
  const members = identity.length;
  const cells = layout.cellCount;
  const symmetry: Symmetry = {
    members,
    nobody: members,
    classes,
    firstOf,
    identity: Int32Array.from([...identity, 0]),
    cells,
    indexed: new Int32Array(cells * INDICES).fill(members),
    strides: new Int32Array(cells * INDICES),
    origins: new Int32Array(cells),
    refers: new Int32Array(cells).fill(-1),
    seeds: new Int32Array(cells),
  };
  for (const [number, field] of layout.fields.entries()) describeCells(symmetry, field, number);
  return symmetry;
}

function describeCells(symmetry: Symmetry, field: FieldLayout, number: number): void {
  const { refersTo } = field.shape.domain;
  for (let offset = 0; offset < field.count; offset++) {
    const cell = field.offset + offset;
    let origin = cell;
    let stride = 1;
    let seed = number + 1;
    let position = 0;
    const indices = indicesOf(field, offset);
    for (let index = indices.length - 1; index >= 0; index--) {
      const member = indices[index] ?? 0;
      const first = symmetry.firstOf.get(field.indices[index] ?? '');
      if (first === undefined) {
        seed = Math.imul(seed, 31) + member + 1;
      } else {
        symmetry.indexed[cell * INDICES + position] = first + member;
        symmetry.strides[cell * INDICES + position] = stride;
        origin -= member * stride;
        position++;
      }
      stride *= field.sizes[index] ?? 1;
    }
    symmetry.origins[cell] = origin;
    symmetry.seeds[cell] = Math.imul(seed, 0x9e3779b1);
    symmetry.refers[cell] = refersTo === undefined ? -1 : (symmetry.firstOf.get(refersTo) ?? -1);
  }
}

/** Writes the state `cells` into `into`, with each member m called `places[m]` (within its sort). */
export function rename(symmetry: Symmetry, places: Int32Array, cells: Int32Array, into: Int32Array): void {
  const { indexed, strides, origins, refers } = symmetry;
  for (let cell = 0; cell < symmetry.cells; cell++) {
    let code = cells[cell] ?? 0;
    const first = refers[cell] ?? -1;
    if (first >= 0 && code > 0) code = (places[first + code - 1] ?? 0) + 1;
    into[renamedCell(cell, places, indexed, strides, origins)] = code;
  }
}

function renamedCell(
  cell: number,
  places: Int32Array,
  indexed: Int32Array,
  strides: Int32Array,
  origins: Int32Array,
): number {
  const at = cell * INDICES;
  const one = (places[indexed[at] ?? 0] ?? 0) * (strides[at] ?? 0);
  const two = (places[indexed[at + 1] ?? 0] ?? 0) * (strides[at + 1] ?? 0);
  const three = (places[indexed[at + 2] ?? 0] ?? 0) * (strides[at + 2] ?? 0);
  return (origins[cell] ?? 0) + one + two + three;
}

/** Whether these cells stay the same under the renaming. */
export function isUnchangedAt(
  symmetry: Symmetry,
  places: Int32Array,
  cells: Int32Array,
  some: Int32Array,
): boolean {
  const { indexed, strides, origins, refers } = symmetry;
  for (let index = 0; index < some.length; index++) {
    const cell = some[index] ?? 0;
    let code = cells[cell] ?? 0;
    const first = refers[cell] ?? -1;
    if (first >= 0 && code > 0) code = (places[first + code - 1] ?? 0) + 1;
    if (cells[renamedCell(cell, places, indexed, strides, origins)] !== code) return false;
  }
  return true;
}

/** The same arguments under the renaming. */
export function renameArguments(
  { firstOf }: Symmetry,
  places: Int32Array,
  params: Params,
  args: Arguments,
): Arguments {
  const renamed: Record<string, Argument> = {};
  for (const [name, value] of Object.entries(args)) {
    const domain = params[name];
    const first = typeof domain === 'string' ? firstOf.get(domain) : undefined;
    renamed[name] = first === undefined ? value : (places[first + Number(value)] ?? 0);
  }
  return renamed;
}
