import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineQueue } from '../traces/line-queue.ts';
import type { RecordedLine } from '../traces/recording.ts';

const line = (seq: number): RecordedLine => ({ ev: 'program', seq, seed: seq });

describe('LineQueue', () => {
  it('is what an array would be, whatever comes and goes', () => {
    const steps = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant('push') }, fc.constant('shift')), {
      maxLength: 600,
      size: 'max',
    });
    fc.assert(
      fc.property(steps, (taken) => {
        const queue = new LineQueue();
        const array: RecordedLine[] = [];
        for (const [index, step] of taken.entries()) {
          if (step === 'push') {
            queue.push(line(index), 2 * index);
            array.push(line(index));
          } else {
            const [first] = array;
            if (first?.ev === 'program') expect(queue.firstNumber).toBe(2 * first.seq);
            expect(queue.shift()).toEqual(array.shift());
          }
          expect(queue.length).toBe(array.length);
          expect(queue.at(array.length - 1)).toEqual(array.at(-1));
          expect(queue.at(array.length)).toBeUndefined();
        }
        expect([...queue]).toEqual(array);
        expect(queue.first(3)).toEqual(array.slice(0, 3));
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it('grows past its first room, wherever its head is', () => {
    const queue = new LineQueue();
    for (let seq = 0; seq < 40; seq++) queue.push(line(seq), seq);
    for (let seq = 0; seq < 30; seq++) queue.shift();
    for (let seq = 40; seq < 400; seq++) queue.push(line(seq), seq);
    expect([...queue].map((one) => ('seq' in one ? one.seq : -1))).toEqual(
      Array.from({ length: 370 }, (_, index) => index + 30),
    );
  });

  it('shows no more than it is to be seen ahead, and hands out the rest all the same', () => {
    const queue = new LineQueue(3);
    for (let seq = 0; seq < 5; seq++) queue.push(line(seq), seq);
    expect([...queue]).toEqual([0, 1, 2].map(line));
    expect(queue.first(4)).toEqual([0, 1, 2, 3].map(line));
    expect([...Array(5)].map(() => queue.shift())).toEqual([0, 1, 2, 3, 4].map(line));
  });
});
