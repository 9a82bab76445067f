import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decoder, encoder, type FieldType, type StructLayout, widthOf } from '../traces/decode-struct.ts';
import { allLayouts } from '../traces/uapi/registry.ts';

const runs = { seed: 20260904, numRuns: 40 };
const scratchBytes = 80;

type Value = number | bigint | readonly number[] | readonly bigint[];

const scalars: Readonly<Record<string, fc.Arbitrary<number | bigint>>> = {
  u8: fc.nat(0xff),
  u16: fc.nat(0xffff),
  u24: fc.nat(0xffffff),
  u32: fc.nat(0xffffffff),
  s32: fc.integer(),
  u64: fc.bigInt(0n, 0xffffffffffffffffn),
};

function fieldValue(type: FieldType): fc.Arbitrary<Value> {
  const [element, count] = type.split('x');
  const scalar = scalars[element!]!;
  if (count === undefined) return scalar;
  return fc.array(scalar, { minLength: Number(count), maxLength: Number(count) }) as fc.Arbitrary<Value>;
}

function structOf(layout: StructLayout): fc.Arbitrary<Record<string, Value>> {
  const fields = Object.entries(layout.fields).map(([key, [, , type]]) => [key, fieldValue(type)]);
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<Value>>);
}

/** The bytes with those of no field set to zero. */
function covered(layout: StructLayout, bytes: Uint8Array): Uint8Array {
  const kept = new Uint8Array(bytes.length);
  for (const [, at, type] of Object.values(layout.fields)) {
    kept.set(bytes.subarray(at, at + widthOf(type)), at);
  }
  return kept;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const scratch = fc.uint8Array({ minLength: scratchBytes, maxLength: scratchBytes });

describe.each(Object.entries(allLayouts))('%s', (_, layout) => {
  const decode = decoder(layout);
  const encode = encoder(layout);

  it('decodes what it encoded, whatever the buffer held', () => {
    fc.assert(
      fc.property(structOf(layout), scratch, (struct, bytes) => {
        const value = layout.type === undefined ? struct : Object.assign({ type: layout.type }, struct);
        const view = new DataView(bytes.slice().buffer);
        encode(value, view);
        expect(decode(view)).toEqual(value);
      }),
      runs,
    );
  });

  it('encodes what it decoded into the same bytes', () => {
    fc.assert(
      fc.property(scratch, scratch, (bytes, other) => {
        const value = decode(new DataView(bytes.slice().buffer));
        const fresh = new Uint8Array(scratchBytes);
        encode(value, new DataView(fresh.buffer));
        expect(hex(fresh)).toBe(hex(covered(layout, bytes)));

        const echoed = other.slice();
        encode(value, new DataView(echoed.buffer));
        const untouched = other.map((byte, i) => byte - (covered(layout, other)[i] ?? 0));
        expect(hex(echoed)).toBe(hex(untouched.map((byte, i) => byte + (fresh[i] ?? 0))));
      }),
      runs,
    );
  });
});
