/** `ioasis replay`: predict, compare, report. */
import type { Command } from 'commander';
import { findTraces } from '../traces/read-trace.ts';
import type { SourceOptions } from '../traces/replay-trace.ts';
import { isClean, LISTED, reportJson } from '../traces/report.ts';
import type { Damage, ReportData } from '../traces/report-data.ts';
import { reportText } from '../traces/report-text.ts';
import { TraceFormatError } from '../traces/trace-format-error.ts';
import { detailsOf } from './divergence-details.ts';
import { complain, EXIT } from './errors.ts';
import { formatOption, iommuOption, jobsOption, jsonOption, kernelOption, untilOption } from './options.ts';
import { fileSize, startProgress } from './progress.ts';
import { replayFiles } from './replay-files.ts';
import { flush, isWatched, onInterrupt, paint, print } from './terminal.ts';

type Options = SourceOptions &
  Readonly<{
    json?: true;
    all?: true;
    until?: number;
    check?: boolean;
    jobs: number;
  }>;

/** Files that are checked without being asked to, in MiB, as they lie on the disk. */
const CHECKED_MIB = 1;

const EXAMPLES = `
Examples:
  ioasis replay run.jsonl.gz                    one recording
  ioasis replay traces/corpus --jobs 4 --json   every recording in a folder, as JSON
  zcat run.jsonl.gz | ioasis replay - --until 120`;

export function registerReplay(program: Command): void {
  program
    .command('replay')
    .summary('predict every result of a recording, compare, report')
    .description(
      'Replays recordings, predicts the result of every call before looking at it, compares, and reports.\n' +
        'Ends with status 0 where the kernel and the model agree, 1 where they do not, 2 for input that cannot be read.',
    )
    .argument(
      '<trace...>',
      'recordings, captures (tracefs text, trace.dat, perf, bpftrace, strace, QEMU logs), folders, or - for stdin',
    )
    .addOption(jsonOption())
    .option('--all', `list every divergence, not the first ten (of JSON: not the first ${LISTED})`)
    .addOption(untilOption())
    .option(
      '--check',
      `check every invariant after every call; by itself for files of less than ${CHECKED_MIB} MiB in all`,
    )
    .option('--no-check', 'never check invariants')
    .addOption(jobsOption())
    .addOption(formatOption())
    .addOption(kernelOption())
    .addOption(iommuOption())
    .addHelpText('after', EXAMPLES)
    .action(replay);
}

async function replay(paths: readonly string[], options: Options): Promise<void> {
  const started = performance.now();
  const { kernel, iommu, until, format } = options;
  const limit = options.all ? Number.POSITIVE_INFINITY : LISTED;
  const { files, missing } = tracesOf(paths);
  const check = options.check ?? isSmall(files);
  const tasks = files.map((path) => ({ path, kernel, iommu, until, format, limit, check }));
  const progress = startProgress(files, options.json !== true && isWatched());
  const replaying = replayFiles(tasks, options.jobs, limit, progress);

  const whole = (data: ReportData): ReportData => ({ ...data, damaged: [...missing, ...data.damaged] });
  onInterrupt(() => {
    progress.stop();
    printReport(whole(replaying.soFar()), options, performance.now() - started, []);
  });
  const data = whole(await replaying.finished);
  const elapsedMs = performance.now() - started;
  const details = options.json ? [] : await detailsOf(data.divergences, { kernel, iommu, format });
  progress.stop();
  printReport(data, options, elapsedMs, details);
  process.exitCode = statusOf(data);
}

function isSmall(files: readonly string[]): boolean {
  const bytes = files.reduce((sum, path) => sum + fileSize(path), 0);
  return bytes < CHECKED_MIB * 2 ** 20 && !files.includes('-');
}

/** The files that the arguments mean, each argument in its turn; and those that mean none. */
function tracesOf(paths: readonly string[]): { files: string[]; missing: Damage[] } {
  const files: string[] = [];
  const missing: Damage[] = [];
  for (const path of paths) {
    try {
      files.push(...findTraces(path));
    } catch (error) {
      if (!(error instanceof TraceFormatError)) throw error;
      missing.push({ trace: path, detail: error.message });
    }
  }
  return { files, missing };
}

function printReport(
  data: ReportData,
  options: Options,
  elapsedMs: number,
  details: readonly (readonly string[])[],
): void {
  // Where nothing could be read there is nothing to report beside the complaint.
  if (data.traces > 0 && options.json) {
    const callsPerSecond = elapsedMs > 0 ? Math.round((data.totals.calls * 1000) / elapsedMs) : 0;
    print(`${JSON.stringify({ ...reportJson(data), elapsedMs: Math.round(elapsedMs), callsPerSecond })}\n`);
  } else if (data.traces > 0) {
    const all = options.all === true;
    print(`${reportText(data, { paint: paint(), elapsedMs, all, details, again: sourceWords(options) })}\n`);
  }
  flush();
  for (const { detail } of data.defects) complain(detail);
  for (const { detail } of data.damaged) complain(detail);
}

/** The options that say what a trace is taken for, as they were given. */
function sourceWords({ kernel, iommu, format }: Options): string[] {
  return Object.entries({ kernel, iommu, format }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
}

function statusOf(data: ReportData): number {
  if (data.damaged.length > 0) return EXIT.usage;
  return isClean(data) ? EXIT.ok : EXIT.found;
}
