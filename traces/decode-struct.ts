/** Width of a field in a little-endian struct. `u24` is three bytes in a row; `u64x2` is an array of two. */
export type FieldType = 'u8' | 'u16' | 'u24' | 'u32' | 's32' | 'u64' | `u32x${number}` | `u64x${number}`;

/** The header's name, the byte offset, the type. */
export type Field = readonly [header: string, offset: number, type: FieldType];

/** One struct as data: the only description of it, read by decoder, encoder, tests and documents alike. */
export type StructLayout = Readonly<{
  /** The command that a decoder yields; absent for structs that a command points to. */
  type?: string;
  /** The header's `struct` name. */
  name: string;
  /** Bytes that the kernel knows. */
  size: number;
  /** Bytes that a caller has to give: the end of the last field of the first version. */
  minSize: number;
  fields: Readonly<Record<string, Field>>;
}>;

type TypeOfValue<V> = V extends bigint
  ? 'u64'
  : V extends readonly bigint[]
    ? `u64x${number}`
    : V extends readonly number[]
      ? `u32x${number}`
      : 'u8' | 'u16' | 'u24' | 'u32' | 's32';

type FieldsOf<T> = {
  readonly [K in keyof T as Exclude<K, 'type'>]-?: readonly [string, number, TypeOfValue<T[K]>];
};

/** The layout of a struct whose decoded form is `T`: every field of `T`, and none besides. */
export type Layout<T> = Readonly<{ name: string; size: number; minSize: number; fields: FieldsOf<T> }> &
  (T extends { type: infer Type } ? Readonly<{ type: Type }> : unknown);

/** One layout for each command of a union, by command type: a command without a layout does not compile. */
export type LayoutsOf<C extends { type: string }> = { [Command in C as Command['type']]: Layout<Command> };

type ValueOfType<Type> = Type extends 'u64'
  ? bigint
  : Type extends `u64x${number}`
    ? readonly bigint[]
    : Type extends `u32x${number}`
      ? readonly number[]
      : number;

/** What the decoder of a layout yields. */
export type Decoded<L extends StructLayout> = Readonly<
  { [K in keyof L['fields']]: ValueOfType<L['fields'][K][2]> } & (L extends {
    type: infer Type extends string;
  }
    ? { type: Type }
    : unknown)
>;

export type Decode<T> = (view: DataView) => T;
export type Encode<T> = (value: T, view: DataView) => void;

const arrayPattern = /^(u32|u64)x(\d+)$/;

/** Element type and count: `u64x2` is two of `u64`, `u8` is one of `u8`. */
function elementsOf(type: FieldType): { element: string; count: number; isArray: boolean } {
  const [, element, count] = arrayPattern.exec(type) ?? [];
  if (element === undefined) return { element: type, count: 1, isArray: false };
  return { element, count: Number(count), isArray: true };
}

const bytesOfElement: Readonly<Record<string, number>> = { u8: 1, u16: 2, u24: 3, u32: 4, s32: 4, u64: 8 };

/** Bytes that a field covers. */
export function widthOf(type: FieldType): number {
  const { element, count } = elementsOf(type);
  const bytes = bytesOfElement[element];
  if (bytes === undefined) throw new Error(`invariant: no field type ${type}`);
  return bytes * count;
}

const readers: Readonly<Record<string, (at: number) => string>> = {
  u8: (at) => `view.getUint8(${at})`,
  u16: (at) => `view.getUint16(${at},true)`,
  u24: (at) => `(view.getUint8(${at})|view.getUint16(${at + 1},true)<<8)`,
  u32: (at) => `view.getUint32(${at},true)`,
  s32: (at) => `view.getInt32(${at},true)`,
  u64: (at) => `view.getBigUint64(${at},true)`,
};

const writers: Readonly<Record<string, (at: number, value: string) => string>> = {
  u8: (at, value) => `view.setUint8(${at},${value});`,
  u16: (at, value) => `view.setUint16(${at},${value},true);`,
  u24: (at, value) => `view.setUint8(${at},${value});view.setUint16(${at + 1},${value}>>>8,true);`,
  u32: (at, value) => `view.setUint32(${at},${value},true);`,
  s32: (at, value) => `view.setInt32(${at},${value},true);`,
  u64: (at, value) => `view.setBigUint64(${at},${value},true);`,
};

function readerSource([, offset, type]: Field): string {
  const { element, count, isArray } = elementsOf(type);
  const reads = Array.from({ length: count }, (_, i) =>
    readers[element]?.(offset + (i * widthOf(type)) / count),
  );
  return isArray ? `[${reads.join()}]` : reads.join();
}

function writerSource(key: string, [, offset, type]: Field): string {
  const { element, count, isArray } = elementsOf(type);
  const writes = Array.from({ length: count }, (_, i) =>
    writers[element]?.(offset + (i * widthOf(type)) / count, `value.${key}${isArray ? `[${i}]` : ''}`),
  );
  return writes.join('');
}

/**
 * Builds the decoder of a layout: call it once at start-up, not per struct.
 *
 * The decoder reads every field, whatever the caller's size was: its view must be as long as the struct, and
 * zero past the bytes that the caller gave, as the kernel reads them (`copy_struct_from_user()`).
 */
export function decoder<const L extends StructLayout>(layout: L): Decode<Decoded<L>> {
  const type = layout.type === undefined ? [] : [`type:${JSON.stringify(layout.type)}`];
  const reads = Object.entries(layout.fields).map(([key, field]) => `${key}:${readerSource(field)}`);
  // Generated from our own constants, never from input: V8 is fast at object literals of fixed shape.
  return new Function('view', `return {${[...type, ...reads].join()}};`) as Decode<Decoded<L>>;
}

/** Builds the decoders of many layouts. */
export function decodersOf<const Layouts extends Readonly<Record<string, StructLayout>>>(
  layouts: Layouts,
): { readonly [Key in keyof Layouts]: Decode<Decoded<Layouts[Key]>> } {
  const decoders = Object.entries(layouts).map(([key, layout]) => [key, decoder(layout)]);
  return Object.fromEntries(decoders);
}

/**
 * Builds the encoder of a layout: the inverse of its decoder. It writes the bytes that fields cover and
 * leaves all others as they are, as a kernel that echoes the caller's struct does.
 */
export function encoder<const L extends StructLayout>(layout: L): Encode<Decoded<L>> {
  const writes = Object.entries(layout.fields).map(([key, field]) => writerSource(key, field));
  // Generated from our own constants, never from input; see decoder().
  return new Function('value', 'view', writes.join('')) as Encode<Decoded<L>>;
}

type FieldPlace = Readonly<{ offset: number; width: number }>;

const places = new WeakMap<StructLayout, Map<string, FieldPlace>>();

/** Where a field lies, in bytes, so that a reply can be written by field name. */
export function fieldAt<const L extends StructLayout>(
  layout: L,
  name: keyof L['fields'] & string,
): FieldPlace {
  let byName = places.get(layout);
  if (byName === undefined) {
    byName = new Map();
    for (const [key, [, offset, type]] of Object.entries(layout.fields))
      byName.set(key, { offset, width: widthOf(type) });
    places.set(layout, byName);
  }
  const place = byName.get(name);
  if (place === undefined) throw new Error(`invariant: struct ${layout.name} has no field ${name}`);
  return place;
}

/** The same fields at another release's size; of those past `size`, the scratch buffer holds zeros. */
export function resized<const L extends StructLayout>(
  layout: L,
  sizes: { size: number; minSize: number },
): L {
  return { ...layout, ...sizes };
}
