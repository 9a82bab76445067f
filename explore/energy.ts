import type { Random } from './random.ts';

/** Runs between two times that the weights are worked out anew. */
const SETTLE_EVERY = 256;
/** What a choice keeps of its base weight however little it finds. */
const FLOOR = 0.25;
/** How much the newest finding counts against all before it. */
const MEMORY = 0.02;
const BOOST = 24;

/**
 * Choices that learn: each has a base weight, and those that lately led to rare places are drawn more often.
 * The state depends on nothing but the calls, so a run can be repeated.
 */
export class Energy {
  private readonly base: readonly number[];
  private readonly yields: Float64Array;
  private readonly cumulative: Float64Array;
  private pending = 0;

  constructor(base: readonly number[]) {
    this.base = base;
    this.yields = new Float64Array(base.length).fill(0.1);
    this.cumulative = new Float64Array(base.length);
    this.settle();
  }

  /** The index of a choice. */
  choose(random: Random): number {
    const { cumulative } = this;
    const total = cumulative[cumulative.length - 1] as number;
    const at = (random.next() / 0x1_0000_0000) * total;
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] as number) > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** What the choice found: 1 for something new, near 0 for what is seen all the time. */
  reward(choice: number, rarity: number): void {
    const before = this.yields[choice] as number;
    this.yields[choice] = before + (rarity - before) * MEMORY;
    if (++this.pending >= SETTLE_EVERY) this.settle();
  }

  private settle(): void {
    this.pending = 0;
    let total = 0;
    for (let choice = 0; choice < this.base.length; choice++) {
      total += (this.base[choice] as number) * (FLOOR + BOOST * (this.yields[choice] as number));
      this.cumulative[choice] = total;
    }
  }
}
