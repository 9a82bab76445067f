/** The chunks of a campaign: one after another, or in a pool of threads; what they found is merged in the order of the chunks. */
import { setImmediate } from 'node:timers/promises';
import { CHUNK_RUNS, type ChunkResult, type FuzzOptions, fuzzing } from '../traces/fuzz.ts';
import { FuzzReport } from '../traces/fuzz-report.ts';
import type { FuzzTask } from './fuzz-worker.ts';
import { inPool } from './pool.ts';

/** How long a chunk goes on before an interrupt is heard. */
const LISTEN_MS = 100;

/** A campaign under way: what is known so far may be asked for at any time. */
export type Campaign = Readonly<{ soFar: () => FuzzReport; finished: Promise<FuzzReport> }>;

/** `onRuns` is told of programs that are done. Reports do not depend on `jobs`. */
export function fuzzChunks(
  options: FuzzOptions,
  runs: number,
  jobs: number,
  onRuns: (count: number) => void,
): Campaign {
  const tasks: FuzzTask[] = [];
  for (let first = 0; first < runs; first += CHUNK_RUNS)
    tasks.push({ options, first, count: Math.min(CHUNK_RUNS, runs - first) });
  const results: (ChunkResult | undefined)[] = tasks.map(() => undefined);
  const soFar = () => {
    const report = new FuzzReport(options);
    for (const result of results) if (result !== undefined) report.add(result);
    return report;
  };
  const threads = Math.min(jobs, tasks.length);
  const onResult = (index: number, { count }: FuzzTask, result: ChunkResult): void => {
    results[index] = result;
    onRuns(count);
  };
  const run =
    threads < 2 ? inTurn(tasks, results, onRuns) : inPool('./fuzz-worker.js', tasks, threads, onResult);
  return { soFar, finished: run.then(soFar) };
}

async function inTurn(
  tasks: readonly FuzzTask[],
  results: (ChunkResult | undefined)[],
  onRuns: (count: number) => void,
): Promise<void> {
  for (const [index, task] of tasks.entries()) {
    results[index] = await chunkInTurn(task, onRuns, (soFar) => {
      results[index] = soFar;
    });
  }
}

/** A chunk that stops now and then, so that an interrupt is heard and finds what there is. */
async function chunkInTurn(
  { options, first, count }: FuzzTask,
  onRuns: (count: number) => void,
  onPause: (soFar: ChunkResult) => void,
): Promise<ChunkResult> {
  const chunk = fuzzing(options, first, count);
  let told = 0;
  let listened = performance.now();
  for (;;) {
    const { done, value } = chunk.next();
    if (done !== true && performance.now() - listened < LISTEN_MS) continue;
    const soFar = done === true ? value : value.soFar();
    onRuns(soFar.runs - told);
    told = soFar.runs;
    if (done === true) return soFar;
    onPause(soFar);
    await setImmediate();
    listened = performance.now();
  }
}
