/** Many files of a replay: one after another, or in a pool of threads; their reports are merged in the order of the files. */
import { TraceReport } from '../traces/report.ts';
import { emptyReport, mergeReport, type ReportData } from '../traces/report-data.ts';
import { inPool } from './pool.ts';
import { fileSize, type Progress } from './progress.ts';
import { type ReplayTask, replayFile } from './replay-file.ts';

/** A replay under way: what is known so far may be asked for at any time. */
export type Replay = Readonly<{ soFar: () => ReportData; finished: Promise<ReportData> }>;

/** Replays `tasks`; `jobs` files at a time. Lists of the report keep at most `limit` entries. */
export function replayFiles(
  tasks: readonly ReplayTask[],
  jobs: number,
  limit: number,
  progress: Progress,
): Replay {
  const reports: (ReportData | undefined)[] = tasks.map(() => undefined);
  const soFar = () => {
    const merged = emptyReport();
    for (const report of reports) if (report !== undefined) mergeReport(merged, report, limit);
    return merged;
  };
  const threads = Math.min(jobs, tasks.length);
  const alone = threads < 2 || tasks.some(({ path }) => path === '-');
  const onResult = (index: number, { path }: ReplayTask, report: ReportData): void => {
    reports[index] = report;
    progress.advance(fileSize(path));
  };
  const run = alone ? inTurn(tasks, reports, progress) : inPool('./worker.js', tasks, threads, onResult);
  return { soFar, finished: run.then(soFar) };
}

async function inTurn(
  tasks: readonly ReplayTask[],
  reports: (ReportData | undefined)[],
  progress: Progress,
): Promise<void> {
  for (const [index, task] of tasks.entries()) {
    const report = new TraceReport(task.path, task.limit);
    reports[index] = report.data;
    await replayFile(task, report, progress.advance);
  }
}
