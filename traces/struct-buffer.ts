/** A reusable buffer for the bytes of a struct: hex in, a view of which everything past the bytes reads as zero. */
import { rawBuffer } from './raw-buffer.ts';

/** Bytes: whole words. */
const CAPACITY = 8192;
const WORD = 4;

export class StructBuffer {
  bytes = rawBuffer(CAPACITY);
  view: DataView = new DataView(this.bytes.buffer, this.bytes.byteOffset, CAPACITY);
  /** Bytes that the recording holds. */
  length = 0;

  /** Replaces the contents. */
  load(hex: string): void {
    const length = hex.length >>> 1;
    this.resize(length);
    if (length > 0) this.bytes.hexWrite(hex, 0, length);
  }

  /** Replaces the contents by `length` bytes of `source` from `from` on. */
  take(source: DataView, from: number, length: number): void {
    this.resize(length);
    const { view } = this;
    let at = 0;
    for (; at + WORD <= length; at += WORD) view.setUint32(at, source.getUint32(from + at));
    for (; at < length; at++) view.setUint8(at, source.getUint8(from + at));
  }

  /** Whether the bytes are the same as those of `source` from `from` on. */
  holds(source: DataView, from: number): boolean {
    const { view, length } = this;
    let at = 0;
    for (; at + WORD <= length; at += WORD)
      if (view.getUint32(at) !== source.getUint32(from + at)) return false;
    for (; at < length; at++) if (view.getUint8(at) !== source.getUint8(from + at)) return false;
    return true;
  }

  /** Replaces the contents. */
  fill(bytes: Uint8Array): void {
    this.resize(bytes.length);
    this.bytes.set(bytes);
  }

  /** Replaces the contents by those of `other`: a struct has few words, and no part of an array has to be made for them. */
  copy(other: StructBuffer): void {
    const { length, view } = other;
    this.resize(length);
    for (let at = 0; at < length; at += WORD) this.view.setUint32(at, view.getUint32(at));
  }

  private resize(length: number): void {
    if (length > this.bytes.length) this.grow(length);
    // A struct has few words, and to fill them one by one is quicker than to call for it.
    if (length < this.length) {
      const { view } = this;
      let at = length;
      for (; at + WORD <= this.length; at += WORD) view.setUint32(at, 0);
      for (; at < this.length; at++) view.setUint8(at, 0);
    }
    this.length = length;
  }

  private grow(length: number): void {
    this.bytes = rawBuffer(2 * WORD * Math.ceil(length / WORD));
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    this.length = 0;
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  /** Stores a little-endian number of `width` bytes; answers whether it is another one than before. */
  write(offset: number, width: number, value: number | bigint): boolean {
    const { view } = this;
    if (width === 4) {
      const word = Number(value) >>> 0;
      if (view.getUint32(offset, true) === word) return false;
      view.setUint32(offset, word, true);
      return true;
    }
    if (width === 8) {
      const word = BigInt(value);
      if (view.getBigUint64(offset, true) === word) return false;
      view.setBigUint64(offset, word, true);
      return true;
    }
    let changed = false;
    let rest = Number(value);
    for (let at = offset; at < offset + width; at++, rest = Math.floor(rest / 256)) {
      if (this.bytes[at] === (rest & 0xff)) continue;
      this.bytes[at] = rest & 0xff;
      changed = true;
    }
    return changed;
  }

  /** Stores the first `count` bytes; answers whether they differ from those before. */
  writeBytes(offset: number, source: Uint8Array, count: number): boolean {
    const { bytes } = this;
    let changed = false;
    for (let index = 0; index < count; index++) {
      if (bytes[offset + index] === source[index]) continue;
      bytes[offset + index] = source[index] as number;
      changed = true;
    }
    return changed;
  }

  /** Two digits a byte. */
  hex(): string {
    return this.bytes.hexSlice(0, this.length);
  }

  /** First byte from `from` on that is not zero, or -1. */
  firstNonZero(from: number): number {
    for (let at = from; at < this.length; at++) if (this.bytes[at] !== 0) return at;
    return -1;
  }
}
