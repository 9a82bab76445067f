/** Lines read and not yet replayed, in a ring: one comes and one goes for each call, and an array would move all of them. */
import { callEnd } from './linearise.ts';
import type { RecordedLine } from './recording.ts';

const FIRST_CAPACITY = 128;

export class LineQueue implements Iterable<RecordedLine> {
  /** As many places as a power of two. */
  private lines: (RecordedLine | undefined)[] = new Array(FIRST_CAPACITY).fill(undefined);
  private numbers = new Float64Array(FIRST_CAPACITY);
  /** When the calls of these lines began, ns; NaN where a line is no ioctl. */
  private starts = new Float64Array(FIRST_CAPACITY);
  /** When they had ended, as far as the lines tell; 0 where they do not. */
  private ends = new Float64Array(FIRST_CAPACITY);
  private head = 0;
  private readonly ahead: number;
  length = 0;

  /** Whoever goes through the queue sees the first `ahead` lines of it. */
  constructor(ahead = Number.POSITIVE_INFINITY) {
    this.ahead = ahead;
  }

  push(line: RecordedLine, lineNumber: number): void {
    if (this.length === this.lines.length) this.grow();
    const place = this.placeOf(this.length++);
    this.lines[place] = line;
    this.numbers[place] = lineNumber;
    const call = line.ev === 'ioctl' ? line : undefined;
    this.starts[place] = call === undefined ? Number.NaN : call.ns;
    this.ends[place] = call === undefined ? 0 : callEnd(call);
  }

  /**
   * The first line is no ioctl, or one that has ended before the ioctl after it begins: so it is with nearly all lines, and this
   * tells without a look at them. Of all others, windowLength() tells.
   */
  get firstIsAlone(): boolean {
    const end = this.ends[this.head] as number;
    return end === 0 || this.length < 2 || (this.starts[this.placeOf(1)] as number) >= end;
  }

  /** The line after `index` others; undefined past the last. */
  at(index: number): RecordedLine | undefined {
    return index < this.length ? this.lines[this.placeOf(index)] : undefined;
  }

  /** Where the first line stands in its file. */
  get firstNumber(): number {
    return this.numbers[this.head] as number;
  }

  /** The first lines, `count` of them at most. */
  first(count: number): RecordedLine[] {
    const found: RecordedLine[] = [];
    for (let line = this.at(0); line !== undefined && found.length < count; line = this.at(found.length))
      found.push(line);
    return found;
  }

  /** Takes the first line out. */
  shift(): RecordedLine | undefined {
    if (this.length === 0) return undefined;
    const line = this.lines[this.head];
    this.lines[this.head] = undefined;
    this.head = this.placeOf(1);
    this.length--;
    return line;
  }

  *[Symbol.iterator](): Generator<RecordedLine, void, undefined> {
    const { ahead } = this;
    for (let index = 0; index < this.length && index < ahead; index++)
      yield this.lines[this.placeOf(index)] as RecordedLine;
  }

  private placeOf(index: number): number {
    return (this.head + index) & (this.lines.length - 1);
  }

  private grow(): void {
    const { head, lines } = this;
    this.lines = [...lines.slice(head), ...lines.slice(0, head), ...new Array(lines.length).fill(undefined)];
    this.numbers = doubled(this.numbers, head);
    this.starts = doubled(this.starts, head);
    this.ends = doubled(this.ends, head);
    this.head = 0;
  }
}

/** The ring, with its head in front, and as much room behind it. */
function doubled(ring: Float64Array, head: number): Float64Array<ArrayBuffer> {
  const twice = new Float64Array(2 * ring.length);
  twice.set(ring.subarray(head));
  twice.set(ring.subarray(0, head), ring.length - head);
  return twice;
}
