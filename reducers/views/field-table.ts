/** Fields of hardware table entries as data, and entries written in their words. */

/** One field: where it lies in its entry, what it says, and which part of the specification defines it. */
export type FieldSpec = Readonly<{
  name: string;
  /** 64-bit word of the entry, and its bits there. */
  word: number;
  high: number;
  low: number;
  says: string;
  /** Section or table of the specification. */
  cite: string;
}>;

export type EntrySpec = Readonly<{
  /** The specification's name of the structure. */
  entry: string;
  /** How it is found. */
  index: string;
  cite: string;
  fields: readonly FieldSpec[];
}>;

/** A number, or in words what a pointer leads to: physical addresses are unknown. */
export type FieldValue = number | string;

export type EntryView = Readonly<{
  entry: string;
  index: string;
  fields: readonly Readonly<{ name: string; value: FieldValue }>[];
}>;

/** What one device's part of the tables holds. */
export type RidView = Readonly<{ rid: string; group: string; entries: readonly EntryView[] }>;

export type Vendor = 'intel' | 'arm' | 'amd' | 'riscv';

/** `row('P', 0, 0, 0, …)`: name, word, high bit, low bit. */
export function field(
  name: string,
  word: number,
  high: number,
  low: number,
  says: string,
  cite: string,
): FieldSpec {
  return { name, word, high, low, says, cite };
}

/** An entry with these values; fields that are not named are 0. A name that the table lacks, or a value too wide, is our bug. */
export function entryView(
  spec: EntrySpec,
  index: string,
  values: Readonly<Record<string, FieldValue>>,
): EntryView {
  for (const name of Object.keys(values)) {
    if (!spec.fields.some((one) => one.name === name))
      throw new Error(`invariant: ${spec.entry} has no field ${name}`);
  }
  const fields = spec.fields.map(({ name, high, low }) => {
    const value = values[name] ?? 0;
    if (typeof value === 'number' && value >= 2 ** (high - low + 1))
      throw new Error(`invariant: ${value} is too wide for ${name} of ${spec.entry}`);
    return { name, value };
  });
  return { entry: spec.entry, index, fields };
}

/** Value of a field of a view. */
export function fieldOf(view: EntryView, name: string): FieldValue | undefined {
  return view.fields.find((one) => one.name === name)?.value;
}
