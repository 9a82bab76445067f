/** One file of a replay, in this process or in a worker. */
import { checkAfter } from '../traces/check-after.ts';
import type { TextFormat } from '../traces/import/recognise.ts';
import { ModelDefect, replayTrace } from '../traces/replay-trace.ts';
import { TraceReport } from '../traces/report.ts';
import type { ReportData } from '../traces/report-data.ts';
import { TraceFormatError } from '../traces/trace-format-error.ts';

/** What a worker is told; plain data. */
export type ReplayTask = Readonly<{
  path: string;
  kernel: string | undefined;
  iommu: string | undefined;
  until: number | undefined;
  format: TextFormat | undefined;
  /** Whether the model's own invariants are checked after every call. */
  check: boolean;
  /** Most entries of a list of the report. */
  limit: number;
}>;

/**
 * Replays one file into `report`. Damage and defects end the file and stand in the report; what came before them counts.
 * `onBytes` is told how much of the file was used.
 */
export async function replayFile(
  task: ReplayTask,
  report: TraceReport = new TraceReport(task.path, task.limit),
  onBytes?: (count: number) => void,
): Promise<ReportData> {
  const { path, kernel, iommu, until, format, check } = task;
  try {
    await replayTrace(
      path,
      {
        kernel,
        iommu,
        until,
        format,
        onBytes,
        ...(check
          ? { onApplied: checkAfter((line, violation) => report.addViolation(line, violation)) }
          : {}),
        onInvariant: (line, invariant, context) => report.addBroken(line, invariant, context),
      },
      {
        onSession: (session) => report.begin(session),
        onWindow: (window) => report.addWindow(window),
        onFed: (line) => {
          if (line.ev === 'lost') report.addLoss(line);
        },
        onDma: (result) => report.addDma(result),
        onCall: (result) => report.add(result),
      },
    );
  } catch (error) {
    if (error instanceof TraceFormatError) report.addDamage(error);
    else if (error instanceof ModelDefect) report.addDefect(error);
    else throw error;
  }
  return report.data;
}
