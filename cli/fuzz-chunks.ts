/** The chunks of a campaign: one after another, or in a pool of threads; what they found is merged in the order of the chunks. */
import { CHUNK_RUNS, type ChunkResult, type FuzzOptions } from '../traces/fuzz.ts';
import { FuzzReport } from '../traces/fuzz-report.ts';
import { type FuzzTask, work } from './fuzz-worker.ts';
import { inPool } from './pool.ts';

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
    results[index] = work(task);
    onRuns(task.count);
    // An interrupt is heard between chunks.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
