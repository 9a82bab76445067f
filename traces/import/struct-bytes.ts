/** The struct of a command from named fields, as a reader of decoded logs knows them. */
import type { StructLayout } from '../decode-struct.ts';
import { widthOf } from '../decode-struct.ts';
import type { HexBytes } from '../recording.ts';

export type FieldValues = Readonly<Record<string, number | bigint>>;

/** `size` bytes with these fields, little-endian; all others are zero. */
export function structBytes(layout: StructLayout, size: number, values: FieldValues): HexBytes {
  const bytes = Buffer.alloc(size);
  for (const [name, value] of Object.entries(values)) {
    const field = layout.fields[name];
    if (field === undefined) throw new Error(`invariant: struct ${layout.name} has no field ${name}`);
    const [, offset, type] = field;
    let rest = BigInt.asUintN(64, BigInt(value));
    for (let at = offset; at < offset + widthOf(type) && at < size; at++, rest >>= 8n)
      bytes[at] = Number(rest & 0xffn);
  }
  return bytes.toString('hex');
}
