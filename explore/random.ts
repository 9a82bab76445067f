/** A small deterministic source of numbers (sfc32): the same seed gives the same run on every machine. */
export class Random {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  /** `stream` tells apart runs of one seed. Both are taken as 32 bits. */
  constructor(seed: number, stream = 0) {
    this.reseed(seed, stream);
  }

  /** Starts over, as a new object would. */
  reseed(seed: number, stream = 0): void {
    this.a = 0x9e37_79b9 ^ stream;
    this.b = seed | 0;
    this.c = Math.imul(stream, 0x85eb_ca6b) ^ 0x6a09_e667;
    this.counter = 1;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** An unsigned number of 32 bits. */
  next(): number {
    const sum = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return sum >>> 0;
  }

  /** A whole number from 0 to `limit` - 1; `limit` is at most 2^32. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** True with probability `share`, from 0 to 1. */
  chance(share: number): boolean {
    return this.next() < share * 0x1_0000_0000;
  }

  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const index = this.below(list.length);
    return list[index] as T;
  }
}
