/** How addresses and ids of 64 bits are written: `0x` and lower-case digits. */
export function hex(value: bigint | number): `0x${string}` {
  return `0x${value.toString(16)}`;
}
