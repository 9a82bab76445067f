/** A reusable buffer for the bytes of a struct: hex in, a view of which everything past the bytes reads as zero. */

const CAPACITY = 8192;

/** Buffer.write() with 'hex' spends twice the time on finding out that it is hex. */
type HexBuffer = Buffer & { hexWrite(hex: string, offset: number, length: number): number };

export class StructBuffer {
  bytes = Buffer.alloc(CAPACITY) as HexBuffer;
  view: DataView = new DataView(this.bytes.buffer, this.bytes.byteOffset, CAPACITY);
  /** Bytes that the recording holds. */
  length = 0;

  /** Replaces the contents. */
  load(hex: string): void {
    const length = hex.length >>> 1;
    if (length > this.bytes.length) this.grow(length);
    if (length < this.length) this.bytes.fill(0, length, this.length);
    if (length > 0) this.bytes.hexWrite(hex, 0, length);
    this.length = length;
  }

  private grow(length: number): void {
    this.bytes = Buffer.alloc(length * 2) as HexBuffer;
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
