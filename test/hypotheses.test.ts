import { describe, expect, it } from 'vitest';
import { HEADER } from '../bench/histories.ts';
import { compareIoctl } from '../traces/compare.ts';
import type { CallResult } from '../traces/engine.ts';
import { Hypotheses } from '../traces/hypotheses.ts';
import { readTrace } from '../traces/read-trace.ts';
import type { IoctlLine, RecordedLine } from '../traces/recording.ts';
import { openSession } from '../traces/replay-trace.ts';
import { withoutResults } from '../traces/strip-results.ts';
import { corpus } from './support/captures.ts';

/** Seven programs, some with HW queues of several pages, some with data that was not recorded. */
const LINES = 6_000;

type Told = Readonly<{ wrong: string[]; late: number; open: number; queue: CallResult | undefined }>;

async function recorded(): Promise<RecordedLine[]> {
  const lines: RecordedLine[] = [];
  await readTrace(corpus('kernel-7.3.4/deep/deep-005001.jsonl.gz'), (line) => {
    if (line.ev !== 'trace') lines.push(line);
    return lines.length < LINES ? undefined : 'stop';
  });
  return lines;
}

function wrongIn(line: IoctlLine, { outcome, out, ptrOut }: CallResult): string[] {
  if (outcome.missing !== undefined) return [];
  const difference = compareIoctl(line, outcome, out, ptrOut);
  return difference === undefined ? [] : [`${line.seq} ${difference.field}`];
}

/** What is said of the calls at once, and in the end. */
async function told(most: number): Promise<Told> {
  const { engine } = openSession(HEADER, { file: 'deep', line: 1 }, {});
  const hypotheses = new Hypotheses(engine, most);
  const given: (readonly [IoctlLine, CallResult])[] = [];
  for (const line of await recorded()) {
    const result = hypotheses.feed(withoutResults(line));
    if (result !== undefined && line.ev === 'ioctl') given.push([line, result]);
  }
  hypotheses.finish();
  const wrong = given.flatMap(([line, result]) => wrongIn(line, result));
  const last = given.map(([line, result]) => [line, hypotheses.revised(result)] as const);
  wrong.push(...last.flatMap(([line, result]) => wrongIn(line, result)));
  const unknown = (calls: readonly (readonly [IoctlLine, CallResult])[]) =>
    calls.filter(([, { outcome }]) => outcome.missing !== undefined).length;
  const queue = last.find(([{ seq }]) => seq === 2507)?.[1];
  return { wrong, late: unknown(given) - unknown(last), open: unknown(last), queue };
}

describe('worlds in which a call went otherwise', () => {
  it('are given up by what the program names later', async () => {
    const { wrong, late, open, queue } = await told(48);
    expect(wrong).toEqual([]);
    expect(late).toBeGreaterThan(20);
    expect(open).toBeLessThan(100);
    expect(queue?.outcome.missing).toBeUndefined();
    expect(queue?.outcome.ret).toBe(0);
  }, 60_000);

  it.each([1, 2, 3])(
    'leave nothing wrong where only %d are followed',
    async (most) => {
      const { wrong, open } = await told(most);
      expect(wrong).toEqual([]);
      expect(open).toBeLessThan(1_500);
    },
    60_000,
  );
});
