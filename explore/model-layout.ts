/** Where the fields of a declared state lie: one cell for each value, in one array. */
import { ModelError } from './model-error.ts';
import type { Field, Plain, Shape, Sort } from './model-fields.ts';

export type FieldLayout = Readonly<{
  name: string;
  shape: Shape;
  /** The values of a cell by their codes. */
  values: readonly Plain[];
  /** The sorts that index the cells, outermost first; the members of a set come last. */
  indices: readonly string[];
  sizes: readonly number[];
  /** The first cell and how many follow. */
  offset: number;
  count: number;
}>;

export type Layout = Readonly<{
  sorts: Readonly<Record<string, Sort>>;
  fields: readonly FieldLayout[];
  cellCount: number;
}>;

/** Values that one cell may have. A model with more is not meant to be searched. */
const MOST_VALUES = 65_536;

/** Lays out the fields in the order of their declaration. `file` is named in errors. */
export function layoutOf(
  file: string,
  sorts: Readonly<Record<string, Sort>>,
  fields: Readonly<Record<string, Field<object>>>,
): Layout {
  for (const [name, sort] of Object.entries(sorts)) checkSort(file, name, sort);
  let offset = 0;
  const layouts = Object.entries(fields).map(([name, { shape }]): FieldLayout => {
    const layout = fieldLayout(file, sorts, name, shape, offset);
    offset += layout.count;
    return layout;
  });
  return { sorts, fields: layouts, cellCount: offset };
}

function checkSort(file: string, name: string, { size, classes }: Sort): void {
  const members = classes.flat();
  const known = members.every((member) => Number.isInteger(member) && member >= 0 && member < size);
  if (Number.isInteger(size) && size > 0 && known && new Set(members).size === members.length) return;
  const detail = `expected a size above 0 and classes that share no member, found ${size} and ${JSON.stringify(classes)}`;
  throw new ModelError('MDL001-declaration', { file, place: `sort ${name}` }, detail);
}

function fieldLayout(
  file: string,
  sorts: Readonly<Record<string, Sort>>,
  name: string,
  shape: Shape,
  offset: number,
): FieldLayout {
  const at = { file, place: `field ${name}` };
  const sizeOf = (sort: string): number => {
    const size = sorts[sort]?.size;
    if (size !== undefined) return size;
    const known = Object.keys(sorts).join(', ');
    throw new ModelError('MDL001-declaration', at, `expected one of the sorts ${known}, found ${sort}`);
  };
  const indices = shape.member === undefined ? shape.per : [...shape.per, shape.member];
  const sizes = indices.map(sizeOf);
  const { values: first, refersTo } = shape.domain;
  const values = refersTo === undefined ? first : [...first, ...upTo(sizeOf(refersTo))];
  if (values.length === 0 || values.length > MOST_VALUES || new Set(values).size < values.length) {
    throw new ModelError(
      'MDL001-declaration',
      at,
      `expected 1 to ${MOST_VALUES} different values, found ${values.length}`,
    );
  }
  if (!(shape.initial >= 0 && shape.initial < values.length)) {
    throw new ModelError('MDL001-declaration', at, `its initial value is none of ${describeValues(values)}`);
  }
  const count = sizes.reduce((product, size) => product * size, 1);
  return { name, shape, values, indices, sizes, offset, count };
}

export function upTo(size: number): readonly number[] {
  return Array.from({ length: size }, (_, member) => member);
}

/** `space0`, or the name that the sort gives its member. */
export function memberName(layout: Layout, sort: string, member: number): string {
  return layout.sorts[sort]?.names?.[member] ?? `${sort}${member}`;
}

/** `0..3`, or the values one by one. */
export function describeValues(values: readonly Plain[]): string {
  const [least] = values;
  if (typeof least === 'number' && values.length > 2) return `${least}..${least + values.length - 1}`;
  return values.map((value) => (value === undefined ? 'none' : String(value))).join(', ');
}

/** The members that index a cell of the field. */
export function indicesOf({ sizes }: FieldLayout, cell: number): number[] {
  const members: number[] = [];
  let rest = cell;
  for (const size of [...sizes].reverse()) {
    members.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return members;
}
