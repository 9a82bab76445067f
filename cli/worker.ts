/** What a thread of the pool runs: one file, answered by its report. */
import type { ReportData } from '../traces/report-data.ts';
import { type ReplayTask, replayFile } from './replay-file.ts';

export function work(task: ReplayTask): Promise<ReportData> {
  return replayFile(task);
}
