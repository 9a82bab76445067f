/** Bytes at any place of a file: of one on the disk, or of one that was decompressed into memory. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { TraceFormatError } from '../trace-format-error.ts';

export type ByteSource = Readonly<{
  size: number;
  /** Exactly `length` bytes from `offset` on. Throws TraceFormatError: TRC021-cut-short. */
  read: (offset: number, length: number) => Buffer;
  close: () => void;
}>;

const LONGEST_READ = 256 * 1024 * 1024;

export function cutShort(file: string, offset: number, length: number, size: number): TraceFormatError {
  const detail = `expected ${length} bytes at byte ${offset}, found the end of the file at ${size}`;
  return new TraceFormatError('TRC021-cut-short', { file, line: 0 }, detail);
}

export function memorySource(file: string, bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    read: (offset, length) => {
      if (offset < 0 || length < 0 || offset + length > bytes.length)
        throw cutShort(file, offset, length, bytes.length);
      return bytes.subarray(offset, offset + length);
    },
    close: () => {},
  };
}

export function fileSource(file: string, path: string): ByteSource {
  const fd = openSync(path, 'r');
  const { size } = fstatSync(fd);
  return {
    size,
    read: (offset, length) => {
      if (offset < 0 || length < 0 || length > LONGEST_READ || offset + length > size)
        throw cutShort(file, offset, length, size);
      const buffer = Buffer.allocUnsafe(length);
      for (let done = 0; done < length; ) {
        const count = readSync(fd, buffer, done, length - done, offset + done);
        if (count === 0) throw cutShort(file, offset, length, size);
        done += count;
      }
      return buffer;
    },
    close: () => closeSync(fd),
  };
}

/** Reads one value after another. */
export class ByteCursor {
  private readonly source: ByteSource;
  at: number;

  constructor(source: ByteSource, at = 0) {
    this.source = source;
    this.at = at;
  }

  bytes(length: number): Buffer {
    const found = this.source.read(this.at, length);
    this.at += length;
    return found;
  }

  u16(): number {
    return this.bytes(2).readUInt16LE(0);
  }

  u32(): number {
    return this.bytes(4).readUInt32LE(0);
  }

  /** A 64-bit size or offset; one past 2^53 cannot be right and is beyond every file. */
  u64(): number {
    return Number(this.bytes(8).readBigUInt64LE(0));
  }

  /** Text up to a zero byte, of `limit` bytes at most. */
  text(limit: number): string {
    const start = this.at;
    let length = 0;
    while (length < limit && this.source.read(start + length, 1)[0] !== 0) length++;
    this.at = start + length + 1;
    return this.source.read(start, length).toString('latin1');
  }

  skip(length: number): void {
    this.at += length;
  }
}
