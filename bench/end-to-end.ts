/** A whole replay against the least that any reader of these files does: gunzip, and JSON.parse() of every line. */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { gunzipSync } from 'node:zlib';
import { findTraces } from '../traces/read-trace.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import { LISTED, TraceReport } from '../traces/report.ts';
import { largestRecording, SELFTEST } from './corpus.ts';
import { milliseconds, rate, ratio, takeTurns } from './measure.ts';

function gunzipAndParse(files: readonly string[]): number {
  let lines = 0;
  for (const file of files) {
    const text = gunzipSync(readFileSync(file)).toString('utf8');
    for (const line of text.split('\n')) {
      if (line === '') continue;
      JSON.parse(line);
      lines++;
    }
  }
  return lines;
}

async function replay(files: readonly string[]): Promise<number> {
  let calls = 0;
  for (const file of files) {
    const report = new TraceReport(file, LISTED);
    await replayTrace(
      file,
      {},
      { onSession: (session) => report.begin(session), onCall: (result) => report.add(result) },
    );
    calls += report.data.totals.calls;
  }
  return calls;
}

async function measure(
  name: string,
  path: string,
  { rounds, warmUp, target }: Readonly<{ rounds: number; warmUp: number; target: number }>,
): Promise<void> {
  const files = findTraces(path);
  const start = performance.now();
  const calls = await replay(files);
  const first = performance.now() - start;
  const contenders = { parse: () => gunzipAndParse(files), whole: () => replay(files) };
  const { parse, whole } = await takeTurns(rounds, contenders, warmUp);
  console.log(`${name}: ${calls} calls`);
  console.log(`  gunzip and JSON.parse  ${milliseconds(parse)}`);
  console.log(
    `  replay                 ${milliseconds(whole)}, ${rate(calls, whole.median)}; the first took ${first.toFixed(0)} ms`,
  );
  console.log(`  ratio                  ${ratio(whole, parse)}, to be at most ${target}`);
}

export async function benchEndToEnd(): Promise<void> {
  const largest = largestRecording();
  await measure(`largest recording, ${largest}`, largest, { rounds: 25, warmUp: 30, target: 3 });
  await measure(`all of ${SELFTEST}`, SELFTEST, { rounds: 7, warmUp: 2, target: 2 });
}
