/** States as values that can be shown, compared and written: what a field holds, in the names of its members. */
import type { Plain } from './model-fields.ts';
import { type FieldLayout, indicesOf, type Layout, memberName } from './model-layout.ts';

export type Value =
  | boolean
  | number
  | bigint
  | string
  | Readonly<{ set: readonly Value[] }>
  | Readonly<{ map: readonly (readonly [Value, Value])[] }>
  | Readonly<{ tuple: readonly Value[] }>;

/** Fields by name, in the order of the declaration. */
export type Snapshot = Readonly<Record<string, Value>>;

/** How a reference to nothing is shown. */
export const NONE = 'none';

export function snapshotOf(layout: Layout, cells: Int32Array): Snapshot {
  return Object.fromEntries(layout.fields.map((field) => [field.name, fieldValue(layout, field, cells)]));
}

function fieldValue(layout: Layout, field: FieldLayout, cells: Int32Array): Value {
  const { per, member } = field.shape;
  const size = member === undefined ? 1 : (field.sizes.at(-1) ?? 1);
  const entry = (start: number): Value =>
    member === undefined
      ? cellValue(layout, field, cells, start)
      : setValue(layout, member, size, cells, start);
  if (per.length === 0) return entry(field.offset);
  const map: [Value, Value][] = [];
  for (let offset = 0; offset < field.count; offset += size) {
    const names = indicesOf(field, offset).slice(0, per.length);
    const key = names.map((index, position) => memberName(layout, per[position] ?? '', index));
    map.push([key.length === 1 ? (key[0] ?? '') : { tuple: key }, entry(field.offset + offset)]);
  }
  return { map };
}

function cellValue(layout: Layout, { values, shape }: FieldLayout, cells: Int32Array, cell: number): Value {
  const value: Plain = values[cells[cell] ?? 0];
  if (value === undefined) return NONE;
  const { refersTo } = shape.domain;
  return refersTo === undefined ? value : memberName(layout, refersTo, Number(value));
}

function setValue(layout: Layout, sort: string, size: number, cells: Int32Array, start: number): Value {
  const set: Value[] = [];
  for (let member = 0; member < size; member++)
    if (cells[start + member] === 1) set.push(memberName(layout, sort, member));
  return { set };
}

/** `{slot0, slot2}`, `space1`, `{device0: none}`. */
export function showValue(value: Value): string {
  if (typeof value !== 'object') return String(value);
  if ('set' in value) return `{${value.set.map(showValue).join(', ')}}`;
  if ('tuple' in value) return `(${value.tuple.map(showValue).join(', ')})`;
  return `{${value.map.map(([key, entry]) => `${showValue(key)}: ${showValue(entry)}`).join(', ')}}`;
}

/** What differs, as `attached device0: none → space1`, in the order of the declaration. */
export function differences(before: Snapshot, after: Snapshot): readonly string[] {
  return Object.entries(after).flatMap(([name, value]) => difference(name, before[name], value));
}

function difference(name: string, before: Value | undefined, after: Value | undefined): readonly string[] {
  const [old, now] = [entriesOf(before), entriesOf(after)];
  if (old !== undefined || now !== undefined) {
    const keys = new Set([...(now?.keys() ?? []), ...(old?.keys() ?? [])]);
    return [...keys].flatMap((key) => difference(`${name} ${key}`, old?.get(key), now?.get(key)));
  }
  const [was, is] = [shownOr(before), shownOr(after)];
  return was === is ? [] : [`${name}: ${was} → ${is}`];
}

/** The entries of a map by what their keys are shown as. */
function entriesOf(value: Value | undefined): ReadonlyMap<string, Value> | undefined {
  if (typeof value !== 'object' || !('map' in value)) return undefined;
  return new Map(value.map.map(([key, entry]) => [showValue(key), entry]));
}

/** What is not there is shown as nothing. */
function shownOr(value: Value | undefined): string {
  return value === undefined ? NONE : showValue(value);
}
