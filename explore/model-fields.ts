/** How a state is declared: sorts of things, and fields that hold a small value for each of them. */

/** Things that are counted, not made: `classes` are the members that may change places without anyone noticing. */
export type Sort = Readonly<{
  names: readonly string[] | undefined;
  size: number;
  classes: readonly (readonly number[])[];
}>;

/** Members that only their number tells apart, so that a search may rename them. `classes` where not all are alike. */
export function interchangeable(size: number, classes?: readonly (readonly number[])[]): Sort {
  const all = Array.from({ length: size }, (_, member) => member);
  return { names: undefined, size, classes: (classes ?? [all]).filter(({ length }) => length > 1) };
}

/** Members that are not alike: how many, or their names. */
export function distinct(members: number | readonly string[]): Sort {
  const names = typeof members === 'number' ? undefined : members;
  return { names, size: typeof members === 'number' ? members : members.length, classes: [] };
}

export type Plain = boolean | number | string | undefined;

/** The values of one cell, in the order of their codes 0, 1, 2, … */
export type Domain = Readonly<{ values: readonly Plain[]; refersTo: string | undefined }>;

/** What a field is, before it has a name: one cell, or one for each member (or pair) of the sorts that index it. */
export type Shape = Readonly<{
  domain: Domain;
  per: readonly string[];
  /** The sort of the members of a set; a set is one flag for each. */
  member: string | undefined;
  initial: number;
}>;

/** `Access` is how a model reads and writes the field; `Sorts` the sorts that it needs. Both exist for the compiler only. */
export interface Field<Access, Sorts extends string = string> {
  readonly shape: Shape;
  readonly access?: Access;
  readonly sorts?: Sorts;
}

export interface Scalar<V> {
  get(): V;
  set(value: V): void;
}

export interface Table<V> {
  get(index: number): V;
  set(index: number, value: V): void;
  /** Whether any member has this value. */
  includes(value: V): boolean;
}

export interface Grid<V> {
  get(index: number, other: number): V;
  set(index: number, other: number, value: V): void;
  includes(value: V): boolean;
}

export interface Members {
  has(member: number): boolean;
  add(member: number): void;
  delete(member: number): void;
  clear(): void;
  size(): number;
}

export interface MembersTable {
  has(index: number, member: number): boolean;
  add(index: number, member: number): void;
  delete(index: number, member: number): void;
  clear(index: number): void;
  size(index: number): number;
}

export interface MembersGrid {
  has(index: number, other: number, member: number): boolean;
  add(index: number, other: number, member: number): void;
  delete(index: number, other: number, member: number): void;
  clear(index: number, other: number): void;
  size(index: number, other: number): number;
}

export interface ValueField<V, S extends string> extends Field<Scalar<V>, S> {
  /** The value of every cell in the initial state; otherwise the first of its domain. */
  initially(value: V): ValueField<V, S>;
  per<const I extends string>(index: I): Field<Table<V>, S | I>;
  per<const I extends string, const J extends string>(index: I, other: J): Field<Grid<V>, S | I | J>;
}

export interface SetField<S extends string> extends Field<Members, S> {
  per<const I extends string>(index: I): Field<MembersTable, S | I>;
  per<const I extends string, const J extends string>(index: I, other: J): Field<MembersGrid, S | I | J>;
}

/** True or false; false at first. */
export function flag(): ValueField<boolean, never> {
  return valueField({ values: [false, true], refersTo: undefined });
}

/** A whole number from `least` to `greatest`, both included. */
export function range(least: number, greatest: number): ValueField<number, never> {
  const values = Array.from({ length: Math.max(0, greatest - least + 1) }, (_, index) => least + index);
  return valueField({ values, refersTo: undefined });
}

/** One of a few names, such as the states of a machine; the first at first. */
export function oneOf<const Name extends string>(...names: readonly Name[]): ValueField<Name, never> {
  return valueField({ values: names, refersTo: undefined });
}

/** A member of a sort, or undefined for none; none at first. */
export function reference<const S extends string>(sort: S): ValueField<number | undefined, S> {
  return valueField({ values: [undefined], refersTo: sort });
}

/** Some members of a sort; none at first. */
export function setOf<const S extends string>(sort: S): SetField<S> {
  const shape: Shape = {
    domain: { values: [false, true], refersTo: undefined },
    per: [],
    member: sort,
    initial: 0,
  };
  return { shape, per: (...per: string[]) => ({ shape: { ...shape, per } }) };
}

function valueField<V extends Plain, S extends string>(domain: Domain, initial = 0): ValueField<V, S> {
  const shape: Shape = { domain, per: [], member: undefined, initial };
  return {
    shape,
    initially: (value) => valueField(domain, codeIn(domain, value)),
    per: (...per: string[]) => ({ shape: { ...shape, per } }),
  };
}

/** The code of an initial value; a reference counts its members from 1. */
function codeIn({ values, refersTo }: Domain, value: Plain): number {
  if (refersTo !== undefined && typeof value === 'number') return value + 1;
  return values.indexOf(value);
}
