import { describe, expect, it } from 'vitest';
import { decidePoll } from '../machines/fault.ts';
import { EngineSite } from '../traces/engine-site.ts';
import { readTrace } from '../traces/read-trace.ts';
import type { PollLine } from '../traces/recording.ts';
import { openSession, type Session } from '../traces/replay-trace.ts';
import { corpus } from './support/captures.ts';

/** What poll() returned, and what the model says of it. */
function polled({ engine, kernel, platform }: Session, line: PollLine): [number | undefined, number] {
  const site = new EngineSite(engine.world, kernel, platform);
  const file = site.arrive(line.pid, line.fd);
  return [line.revents, decidePoll(site, file?.kind ?? '', file?.objectId ?? 0, line.events).ret];
}

describe('poll', () => {
  it.each([
    ['kernel-7.3.4/fuzz/fuzz-000001.jsonl.gz', 10],
    ['kernel-7.3.4/deep/deep-005301.jsonl.gz', 300],
    ['kernel-6.12.117/deep/deep-005101.jsonl.gz', 100],
  ])('answers as in %s', async (name, least) => {
    const answers: [number | undefined, number][] = [];
    let session: Session | undefined;
    await readTrace(corpus(name), (line, lineNumber) => {
      if (line.ev === 'trace') session = openSession(line, { file: name, line: lineNumber }, {});
      if (line.ev === 'poll' && session !== undefined) answers.push(polled(session, line));
      else session?.engine.feed(line);
    });
    expect(answers.length).toBeGreaterThanOrEqual(least);
    expect(answers.filter(([recorded, predicted]) => recorded !== predicted)).toEqual([]);
  });
});
