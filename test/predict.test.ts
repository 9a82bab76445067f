import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRNO } from '../events/errno.ts';
import { type PredictionLine, predictionOf } from '../traces/prediction-line.ts';
import { findTraces, readTrace } from '../traces/read-trace.ts';
import type { RecordedLine } from '../traces/recording.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import { withoutResults } from '../traces/strip-results.ts';
import { CORPUS } from './support/cli.ts';

/** What is known of a call only afterwards. */
const results = ['ret', 'errno', 'out', 'ptrOut', 'addr'] as const;

function holdsResult(line: RecordedLine): boolean {
  const isCall = line.ev === 'ioctl' || line.ev === 'read' || line.ev === 'write' || line.ev === 'mmap';
  const held = new Map(Object.entries(line).filter(([, value]) => value !== undefined));
  return isCall && (results.some((name) => held.has(name)) || (line.ev === 'read' && held.has('data')));
}

async function predictions(path: string, blind: boolean): Promise<PredictionLine[]> {
  const lines: PredictionLine[] = [];
  await replayTrace(path, { blind }, { onCall: (result) => void lines.push(predictionOf(path, result)) });
  return lines;
}

type Tally = { calls: number; lost: number; different: string[] };

/** Which of two rules refuses a call is no result, as long as the errno is the same. */
function resultOf(prediction: PredictionLine | undefined): string {
  return JSON.stringify({ ...prediction, rule: null });
}

/** A prediction without results may be lost for want of a fact, but never another. */
function compare(seen: PredictionLine, unseen: PredictionLine | undefined, tally: Tally): void {
  tally.calls++;
  if (seen.undetermined !== null || resultOf(seen) === resultOf(unseen)) return;
  if (unseen !== undefined && unseen.undetermined !== null) tally.lost++;
  else tally.different.push(`with results ${JSON.stringify(seen)}, without ${JSON.stringify(unseen)}`);
}

const recordings = [
  'kernel-7.3.4/selftest',
  'kernel-7.3.4/fuzz/fuzz-000001.jsonl.gz',
  'kernel-7.3.4/deep/deep-005101.jsonl.gz',
  'kernel-7.3.4/vfio-vtd',
  'kernel-7.3.4/vfio-amd',
  'kernel-7.3.4/vfio-smmuv3',
  'kernel-6.12.117/selftest',
];

describe('predict', () => {
  it.each(recordings)(
    'says the same of %s without its results',
    async (name) => {
      const tally: Tally = { calls: 0, lost: 0, different: [] };
      for (const path of findTraces(join(CORPUS, name))) {
        const seeing = await predictions(path, false);
        const blind = await predictions(path, true);
        expect(blind.length).toBe(seeing.length);
        for (const [index, seen] of seeing.entries()) compare(seen, blind[index], tally);
      }
      expect(tally.different.slice(0, 3)).toEqual([]);
      expect(tally.lost).toBeLessThanOrEqual(tally.calls * 0.002);
    },
    120_000,
  );
});

/** Captures, and recordings of the same runs. */
const captures = [
  ['kernel-7.3.4/strace/fuzz.strace-6.1.txt.gz', 'kernel-7.3.4/strace/fuzz.jsonl.gz'],
  ['kernel-7.3.4/ftrace/fuzz.ftrace.txt.gz', 'kernel-7.3.4/ftrace/fuzz.jsonl.gz'],
  ['kernel-7.3.4/ftrace/viommu.ftrace.txt.gz', 'kernel-7.3.4/ftrace/viommu.jsonl.gz'],
] as const;

async function errnosOf(path: string): Promise<(number | null)[]> {
  const errnos: (number | null)[] = [];
  await readTrace(path, (line) => {
    if (line.ev === 'ioctl') errnos.push(line.errno ?? null);
  });
  return errnos;
}

describe('predict of a capture', () => {
  it.each(captures)('claims nothing of %s that rests on what was not caught', async (capture, recording) => {
    const recorded = await errnosOf(join(CORPUS, recording));
    const told = (await predictions(join(CORPUS, capture), true)).filter(({ call }) => call === 'ioctl');
    expect(told.length).toBe(recorded.length);
    const wrong = told.filter(({ undetermined, errno }, index) => {
      const predicted = errno === null ? null : ERRNO[errno as keyof typeof ERRNO];
      return undetermined === null && predicted !== recorded[index];
    });
    expect(wrong).toEqual([]);
  });

  it('says what was not caught', async () => {
    const [first] = await predictions(join(CORPUS, captures[0][0]), true);
    expect(first).toMatchObject({ ret: null, errno: null, rule: null });
    expect(first?.undetermined).toContain('the bytes of the struct');
  });
});

describe('withoutResults', () => {
  it('leaves no result in a line, and all else as it is', async () => {
    for (const path of findTraces(join(CORPUS, 'kernel-7.3.4/vfio-smmuv3'))) {
      await readTrace(path, (line) => {
        const stripped = withoutResults(line);
        if (holdsResult(stripped)) throw new Error(`seq of ${JSON.stringify(stripped)} holds a result`);
        const { nextFd: _nextFd, ...asked }: Record<string, unknown> = JSON.parse(JSON.stringify(stripped));
        expect(line).toMatchObject(asked);
      });
    }
  });
});
