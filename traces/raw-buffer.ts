/** Buffer.write() and toString() with a name of an encoding spend as much time again on finding out which it is. */
export type RawBuffer = Buffer & {
  hexWrite(hex: string, offset: number, length: number): number;
  hexSlice(start: number, end: number): string;
  utf8Write(text: string): number;
  latin1Slice(start: number, end: number): string;
};

/** Bytes, all zero. */
export function rawBuffer(length: number): RawBuffer {
  return Buffer.alloc(length) as RawBuffer;
}
