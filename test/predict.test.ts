import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CallResult } from '../traces/engine.ts';
import { predictionOf } from '../traces/prediction-line.ts';
import { findTraces, readTrace } from '../traces/read-trace.ts';
import type { RecordedLine } from '../traces/recording.ts';
import { openSession, type Session } from '../traces/replay-trace.ts';
import { withoutResults } from '../traces/strip-results.ts';
import { CORPUS } from './support/cli.ts';

type Tally = { calls: number; compared: number; different: string[] };

/** What is known of a call only afterwards. */
const results = ['ret', 'errno', 'out', 'ptrOut', 'addr', 'dur'] as const;

function holdsResult(line: RecordedLine): boolean {
  const isCall = line.ev === 'ioctl' || line.ev === 'read' || line.ev === 'write' || line.ev === 'mmap';
  return isCall && (results.some((name) => name in line) || (line.ev === 'read' && 'data' in line));
}

/**
 * Replays a recording twice at once, with and without its results. Where the kernel surprised the model, the first follows
 * the kernel and the second cannot: that context is compared no further.
 */
async function compareBlind(path: string, tally: Tally): Promise<void> {
  let seeing: Session | undefined;
  let blind: Session | undefined;
  const parted = new Set<number>();
  await readTrace(path, (line, lineNumber) => {
    if (line.ev === 'trace') {
      const at = { file: path, line: lineNumber };
      seeing = openSession(line, at, {});
      blind = openSession(line, at, {});
      return;
    }
    const stripped = withoutResults(line);
    if (holdsResult(stripped)) throw new Error(`seq ${line.seq}: ${JSON.stringify(stripped)} holds a result`);
    const seen = seeing?.engine.feed(line);
    const unseen = blind?.engine.feed(stripped);
    if (seen === undefined || unseen === undefined) return;
    tally.calls++;
    if (!parted.has(seen.context)) compare(path, seen, unseen, tally);
    if (seen.verdict === 'diverging' || seen.verdict === 'undetermined') parted.add(seen.context);
  });
}

function compare(path: string, seen: CallResult, unseen: CallResult, tally: Tally): void {
  tally.compared++;
  const one = JSON.stringify(predictionOf('', seen));
  const other = JSON.stringify(predictionOf('', unseen));
  if (one !== other) tally.different.push(`${path}: with results ${one}, without ${other}`);
}

describe('predict', () => {
  it.each([
    'kernel-7.3.4/selftest',
    'kernel-7.3.4/fuzz/fuzz-000001.jsonl.gz',
    'kernel-7.3.4/deep/deep-005301.jsonl.gz',
    'kernel-7.3.4/vfio-vtd',
    'kernel-7.3.4/vfio-amd',
    'kernel-7.3.4/vfio-smmuv3',
    'kernel-6.12.117/selftest',
  ])('says the same of %s without its results', async (name) => {
    const tally: Tally = { calls: 0, compared: 0, different: [] };
    for (const path of findTraces(join(CORPUS, name))) await compareBlind(path, tally);
    expect(tally.different.slice(0, 3)).toEqual([]);
    expect(tally.compared).toBeGreaterThan(tally.calls * 0.7);
  });
});
