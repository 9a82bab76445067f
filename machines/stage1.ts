/** What the driver data of a nested HWPT says of its stage 1, whose table lies in user memory. */

export type Stage1 = Readonly<{ kind: 'table' | 'abort' | 'bypass'; finds: string }>;

const TABLE: Stage1 = { kind: 'table', finds: 'whose table lies in user memory' };

/** STE.Config of Arm SMMUv3 (IHI 0070, 5.2): 0 abort, 4 bypass, 5 stage 1. */
const CONFIG_BYPASS = 4n;
const CONFIG_STAGE1 = 5n;

/** `data`: the struct that HWPT_ALLOC took, as hexadecimal bytes; empty where the recording did not hold it. */
export function stage1Choice(driver: string, data: string): Stage1 {
  if (driver !== 'arm-smmu-v3' || data.length < 16) return TABLE;
  const word = wordAt(data, 0);
  const config = (word >> 1n) & 7n;
  if ((word & 1n) === 0n) return { kind: 'abort', finds: 'whose stream table entry is not valid: abort' };
  if (config === CONFIG_BYPASS) return { kind: 'bypass', finds: 'which bypasses stage 1' };
  if (config === CONFIG_STAGE1) return TABLE;
  return { kind: 'abort', finds: `whose stream table entry has Config ${config}: abort` };
}

/** 64-bit little-endian word `index` of hexadecimal bytes; 0 past the end. */
export function wordAt(data: string, index: number): bigint {
  let value = 0n;
  for (let byte = 7; byte >= 0; byte--) {
    const at = (index * 8 + byte) * 2;
    const digits = data.slice(at, at + 2);
    value = (value << 8n) | BigInt(digits === '' ? 0 : Number.parseInt(digits, 16));
  }
  return value;
}
