/** Explanations of calls in captures and among overlapping calls: they have to tell what `replay` told. */
import { describe, expect, it } from 'vitest';
import type { CallResult } from '../traces/engine.ts';
import { explainCall } from '../traces/explain.ts';
import { explanationText } from '../traces/explain-text.ts';
import type { Linearised } from '../traces/linearise.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import { corpus, corpusText, replayed } from './support/captures.ts';
import { fileWith } from './support/cli.ts';

const VIOMMU = corpus('kernel-7.3.4/ftrace/viommu.ftrace.txt.gz');
const FUZZ = corpus('kernel-7.3.4/ftrace/fuzz.ftrace.txt.gz');
const STRACE = corpus('kernel-7.3.4/strace/fuzz.strace-6.1.txt.gz');
const THREADS = corpus('kernel-7.3.4/threads/two-threads.jsonl.gz');

const linesFor = async (path: string, seq: number): Promise<string[]> =>
  explanationText(await explainCall(path, seq, {})).split('\n');

/** The first undetermined call for want of such a fact. */
async function undetermined(path: string, words: RegExp): Promise<CallResult> {
  const { calls } = await replayed(path);
  const found = calls.find(
    ({ verdict, outcome }) => verdict === 'undetermined' && words.test(outcome.missing ?? ''),
  );
  if (found === undefined) throw new Error(`expected a call of ${path} that lacks ${words}`);
  return found;
}

describe('a call of which a capture does not tell enough', () => {
  it.each([
    [
      VIOMMU,
      /second buffer/,
      'the second buffer that the struct points to',
      /which fetch the first 128 bytes/,
    ],
    [FUZZ, /how call \d+ went/, undefined, /told by: the probes|told by: the/],
    [STRACE, /struct/, 'the struct before the call', /told by: the probes/],
  ])('%s: %s is named, and what would tell it', async (path, words, lacking, told) => {
    const { line, outcome } = await undetermined(path, words);
    const lines = await linesFor(path, line.seq);
    expect(lines).toContain(`missing: ${outcome.missing}`);
    expect(lines.some((text) => text.includes('undetermined)'))).toBe(true);
    if (lacking !== undefined)
      expect(lines.find((text) => text.includes('the capture lacks of this call'))).toContain(lacking);
    expect(lines.some((text) => told.test(text))).toBe(true);
  });

  it('is about the call that changed what nobody saw, where it is', async () => {
    const { line, outcome } = await undetermined(FUZZ, /how call \d+ went/);
    const about = Number(/call (\d+)/.exec(outcome.missing ?? '')?.[1]);
    expect(about).toBeLessThan(line.seq);
    const { dependsOn } = await explainCall(FUZZ, line.seq, {});
    for (const { seq } of dependsOn.calls) expect(seq).toBe(about);
  });

  it('says where events were lost', async () => {
    const text = corpusText('kernel-7.3.4/ftrace/viommu.ftrace.txt.gz').split('\n');
    text.splice(300, 0, 'CPU:0 [LOST 123456 EVENTS]');
    const path = fileWith('explain-lost.txt', text.join('\n'));
    const { line } = await undetermined(path, /123456 events lost at line 301/);
    const lines = await linesFor(path, line.seq);
    expect(lines).toContain('missing: what 123456 events lost at line 301 did');
    expect(lines.some((one) => one.includes('a larger ring'))).toBe(true);
  });
});

describe('a call among overlapping ones', () => {
  it('is explained in the order that the replay took', async () => {
    const windows: Linearised[] = [];
    const verdicts = new Map<number, CallResult>();
    await replayTrace(
      THREADS,
      {},
      {
        onWindow: (window) => void windows.push(window),
        onCall: (result) => void verdicts.set(result.line.seq, result),
      },
    );
    const moved = windows.filter(({ order }) => order !== undefined).slice(0, 4);
    expect(moved.length).toBe(4);
    for (const { calls } of moved)
      for (const seq of calls) {
        const { verdict, undetermined: missing, difference } = await explainCall(THREADS, seq, {});
        expect([seq, verdict, missing, difference]).toEqual([seq, verdicts.get(seq)?.verdict, null, null]);
      }
  });

  it('is explained by what it saw of a call under way, and by no state that there was not', async () => {
    const explanation = await explainCall(THREADS, 104, {});
    const { rule, because, dependsOn, wouldSucceed } = explanation;
    expect(rule).toMatchObject({ id: 'unmap/locked', says: expect.stringContaining('still making') });
    expect(because).toEqual([expect.stringMatching(/^call 103 was still under way: .*\(area-being-made,/)]);
    expect(dependsOn.calls.map(({ seq }) => seq)).toEqual([103]);
    expect(wouldSucceed).toEqual([]);
    expect(explanationText(explanation)).not.toMatch(/not verified|would have succeeded|HW queue/);
  });

  it('is told of an id that another call had set aside, and still explained by those before', async () => {
    const { because, dependsOn } = await explainCall(THREADS, 110, {});
    expect(because).toEqual([expect.stringMatching(/^call 109 was still under way: .*\(id-set-aside,/)]);
    expect(dependsOn).toMatchObject({ verified: true, minimal: true });
  });
});
