/** A reusable buffer for the bytes of a struct: hex in, a view of which everything past the bytes reads as zero. */

const CAPACITY = 8192;
const HEX = 2;

export class StructBuffer {
  bytes: Buffer = Buffer.alloc(CAPACITY);
  view: DataView = new DataView(this.bytes.buffer, this.bytes.byteOffset, CAPACITY);
  /** Bytes that the recording holds. */
  length = 0;

  /** Replaces the contents. */
  load(hex: string): void {
    const length = hex.length / HEX;
    if (length > this.bytes.length) this.grow(length);
    else if (length < this.length) this.bytes.fill(0, length, this.length);
    this.bytes.write(hex, 0, length, 'hex');
    this.length = length;
  }

  private grow(length: number): void {
    this.bytes = Buffer.alloc(length * 2);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
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
