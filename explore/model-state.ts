/** A working state: one array of cells, and a view of it in the words of the declaration. Nothing here allocates after it is made. */
import { StateAccessError } from './model-error.ts';
import type { Grid, Members, MembersGrid, MembersTable, Plain, Scalar, Table } from './model-fields.ts';
import { describeValues, type FieldLayout, type Layout } from './model-layout.ts';

export type WorkingState = Readonly<{ cells: Int32Array; view: object }>;

/** A state in which every cell has its initial value. */
export function openState(layout: Layout): WorkingState {
  const cells = new Int32Array(layout.cellCount);
  const view: Record<string, object> = {};
  for (const field of layout.fields) {
    cells.fill(field.shape.initial, field.offset, field.offset + field.count);
    view[field.name] =
      field.shape.member === undefined ? valueAccess(cells, field) : membersAccess(cells, field);
  }
  return { cells, view: Object.freeze(Object.setPrototypeOf(view, refuser(layout)) as object) };
}

/** The prototype of every view: reached only for a name that the state does not have. */
function refuser(layout: Layout): object {
  const refuse = (verb: string, key: string | symbol): never => {
    const known = layout.fields.map(({ name }) => name).join(', ');
    throw new StateAccessError(
      'MDL002-missing-field',
      `${verb} field ${String(key)}; the state has ${known}`,
    );
  };
  return new Proxy(Object.create(null), {
    get: (_, key) => refuse('reads', key),
    has: (_, key) => refuse('asks for', key),
    set: (_, key) => refuse('writes', key),
  });
}

function valueAccess(cells: Int32Array, field: FieldLayout): Scalar<Plain> | Table<Plain> | Grid<Plain> {
  if (field.sizes.length === 0) return scalar(cells, field);
  return field.sizes.length === 1 ? table(cells, field) : grid(cells, field);
}

function membersAccess(cells: Int32Array, field: FieldLayout): Members | MembersTable | MembersGrid {
  if (field.sizes.length === 1) return members(cells, field);
  return field.sizes.length === 2 ? membersTable(cells, field) : membersGrid(cells, field);
}

function scalar(cells: Int32Array, field: FieldLayout): Scalar<Plain> {
  const { values, offset } = field;
  return {
    get: () => values[cells[offset] ?? 0],
    set: (value) => {
      cells[offset] = codeOf(field, value);
    },
  };
}

function table(cells: Int32Array, field: FieldLayout): Table<Plain> {
  const { values, offset, count } = field;
  const at = (index: number): number => {
    if (index >>> 0 !== index || index >= count) throw outside(field, 0, index);
    return offset + index;
  };
  return {
    get: (index) => values[cells[at(index)] ?? 0],
    set: (index, value) => {
      cells[at(index)] = codeOf(field, value);
    },
    includes: (value) => includes(cells, field, value),
  };
}

function grid(cells: Int32Array, field: FieldLayout): Grid<Plain> {
  const { values, offset } = field;
  const [rows = 0, columns = 0] = field.sizes;
  const at = (row: number, column: number): number => {
    if (row >>> 0 !== row || row >= rows) throw outside(field, 0, row);
    if (column >>> 0 !== column || column >= columns) throw outside(field, 1, column);
    return offset + row * columns + column;
  };
  return {
    get: (row, column) => values[cells[at(row, column)] ?? 0],
    set: (row, column, value) => {
      cells[at(row, column)] = codeOf(field, value);
    },
    includes: (value) => includes(cells, field, value),
  };
}

function includes(cells: Int32Array, field: FieldLayout, value: Plain): boolean {
  const { offset, count } = field;
  const code = codeOf(field, value);
  for (let cell = offset; cell < offset + count; cell++) if (cells[cell] === code) return true;
  return false;
}

function members(cells: Int32Array, field: FieldLayout): Members {
  const [size = 0] = field.sizes;
  const at = (member: number): number => {
    if (member >>> 0 !== member || member >= size) throw outside(field, 0, member);
    return field.offset + member;
  };
  return {
    has: (member) => cells[at(member)] === 1,
    add: (member) => {
      cells[at(member)] = 1;
    },
    delete: (member) => {
      cells[at(member)] = 0;
    },
    clear: () => clear(cells, field.offset, size),
    size: () => count(cells, field.offset, size),
  };
}

function membersTable(cells: Int32Array, field: FieldLayout): MembersTable {
  const [rows = 0, size = 0] = field.sizes;
  const start = (row: number): number => {
    if (row >>> 0 !== row || row >= rows) throw outside(field, 0, row);
    return field.offset + row * size;
  };
  const at = (row: number, member: number): number => {
    if (member >>> 0 !== member || member >= size) throw outside(field, 1, member);
    return start(row) + member;
  };
  return {
    has: (row, member) => cells[at(row, member)] === 1,
    add: (row, member) => {
      cells[at(row, member)] = 1;
    },
    delete: (row, member) => {
      cells[at(row, member)] = 0;
    },
    clear: (row) => clear(cells, start(row), size),
    size: (row) => count(cells, start(row), size),
  };
}

function membersGrid(cells: Int32Array, field: FieldLayout): MembersGrid {
  const [rows = 0, columns = 0, size = 0] = field.sizes;
  const start = (row: number, column: number): number => {
    if (row >>> 0 !== row || row >= rows) throw outside(field, 0, row);
    if (column >>> 0 !== column || column >= columns) throw outside(field, 1, column);
    return field.offset + (row * columns + column) * size;
  };
  const at = (row: number, column: number, member: number): number => {
    if (member >>> 0 !== member || member >= size) throw outside(field, 2, member);
    return start(row, column) + member;
  };
  return {
    has: (row, column, member) => cells[at(row, column, member)] === 1,
    add: (row, column, member) => {
      cells[at(row, column, member)] = 1;
    },
    delete: (row, column, member) => {
      cells[at(row, column, member)] = 0;
    },
    clear: (row, column) => clear(cells, start(row, column), size),
    size: (row, column) => count(cells, start(row, column), size),
  };
}

function clear(cells: Int32Array, start: number, size: number): void {
  for (let cell = start; cell < start + size; cell++) cells[cell] = 0;
}

function count(cells: Int32Array, start: number, size: number): number {
  let total = 0;
  for (let cell = start; cell < start + size; cell++) total += cells[cell] ?? 0;
  return total;
}

/** The code of a value that is written or looked for. A value outside the declared domain would make the state space unbounded. */
function codeOf(field: FieldLayout, value: Plain): number {
  const { values } = field;
  let code: number;
  if (typeof value === 'number') {
    const [least] = values;
    code = typeof least === 'number' ? value - least : value + 1;
  } else {
    code = typeof value === 'boolean' ? Number(value) : values.indexOf(value);
  }
  if (values[code] === value) return code;
  const detail = `writes ${String(value)} to ${field.name}, which is declared as ${describeValues(values)}`;
  throw new StateAccessError('MDL003-out-of-bounds', detail);
}

function outside({ name, indices, sizes }: FieldLayout, position: number, found: number): StateAccessError {
  const last = (sizes[position] ?? 0) - 1;
  const detail = `expected a ${indices[position]} 0..${last} as index of ${name}, found ${String(found)}`;
  return new StateAccessError('MDL002-missing-field', detail);
}
