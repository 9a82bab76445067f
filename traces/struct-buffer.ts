/** A reusable buffer for the bytes of a struct: hex in, a view of which everything past the bytes reads as zero. */

const CAPACITY = 8192;
/** Up to here a loop beats the call into the runtime. */
const SHORT_BYTES = 256;

/** Value of a hex digit by its character code. */
const NIBBLE = new Uint8Array(128);
for (let value = 0; value < 16; value++) {
  NIBBLE[value.toString(16).charCodeAt(0)] = value;
  NIBBLE[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

export class StructBuffer {
  bytes: Buffer = Buffer.alloc(CAPACITY);
  view: DataView = new DataView(this.bytes.buffer, this.bytes.byteOffset, CAPACITY);
  /** Bytes that the recording holds. */
  length = 0;

  /** Replaces the contents. */
  load(hex: string): void {
    const length = hex.length >>> 1;
    if (length > this.bytes.length) this.grow(length);
    if (length < this.length) this.bytes.fill(0, length, this.length);
    if (length > SHORT_BYTES) this.bytes.write(hex, 0, length, 'hex');
    else decodeHex(hex, length, this.bytes);
    this.length = length;
  }

  private grow(length: number): void {
    this.bytes = Buffer.alloc(length * 2);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    this.length = 0;
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  /** First byte from `from` on that is not zero, or -1. */
  firstNonZero(from: number): number {
    for (let at = from; at < this.length; at++) if (this.bytes[at] !== 0) return at;
    return -1;
  }
}

/** The reader has checked that all characters are hex digits. */
function decodeHex(hex: string, length: number, bytes: Uint8Array): void {
  for (let at = 0, from = 0; at < length; at++, from += 2) {
    bytes[at] = ((NIBBLE[hex.charCodeAt(from)] as number) << 4) | (NIBBLE[hex.charCodeAt(from + 1)] as number);
  }
}
