/** `ioasis fuzz`: random programs against the model, its invariants looking on. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FuzzOptions } from '../traces/fuzz.ts';
import { coveringPrograms } from '../traces/fuzz-cover.ts';
import { type FuzzFailure, type FuzzReport, fuzzJson } from '../traces/fuzz-report.ts';
import { targetOf } from '../traces/program-target.ts';
import { stepText } from '../traces/syz-write.ts';
import { EXIT, UsageError } from './errors.ts';
import { makeFolder } from './folder.ts';
import { fuzzChunks } from './fuzz-chunks.ts';
import { exportCover, exportFailures } from './fuzz-export.ts';
import { startCounter } from './fuzz-progress.ts';
import { iommuOption, jobsOption, jsonOption, kernelOption, wholeNumber } from './options.ts';
import { flush, isWatched, onInterrupt, print } from './terminal.ts';

type Options = Readonly<{
  seed: number;
  runs: number;
  commands: number;
  wrong: number;
  kernel?: string;
  iommu?: string;
  json?: true;
  export?: string;
  jobs: number;
  cover?: string;
  failNth?: true;
}>;

const EXAMPLES = `
Examples:
  ioasis fuzz --runs 10000 --jobs 2                    look for a broken invariant
  ioasis fuzz --iommu intel-vtd --export found         save minimal programs of what is found
  ioasis fuzz --cover rules --export tests             write programs that reach every rule`;

/** What programs are for, unless told. */
const KERNEL = '7.3.4';
const IOMMU = 'mock';

function share(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+$/.test(text) && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('expected a number from 0 to 1.');
}

export function registerFuzz(program: Command): void {
  program
    .command('fuzz')
    .summary('run random programs, look for broken invariants')
    .description(
      'Generates programs against the live objects of the model, checks every invariant after every call, and shrinks\n' +
        'what fails to a minimal program. Ends with status 0 where nothing failed, 1 where something did.',
    )
    .addOption(
      new Option('--seed <n>', 'the same seed gives the same programs').argParser(wholeNumber(0)).default(1),
    )
    .addOption(new Option('--runs <n>', 'number of programs').argParser(wholeNumber(1)).default(1000))
    .addOption(new Option('--commands <n>', 'calls of one program').argParser(wholeNumber(1)).default(30))
    .addOption(
      new Option('--wrong <share>', 'share of calls that something is wrong with')
        .argParser(share)
        .default(0.25),
    )
    .addOption(kernelOption(`the kernel that programs are for, ${KERNEL} unless told`))
    .addOption(iommuOption(`the IOMMU that programs are for, ${IOMMU} unless told`))
    .addOption(jobsOption('so many threads; the report stays the same'))
    .addOption(jsonOption())
    .addOption(
      new Option('--cover <what>', 'with --export: the fewest programs that reach every rule').choices([
        'rules',
      ]),
    )
    .option('--fail-nth', 'let allocations fail: a call succeeds, or is refused and changes nothing')
    .option('--export <dir>', 'save programs there: as recording, syzkaller text and C test')
    .addHelpText('after', EXAMPLES)
    .action(fuzz);
}

async function fuzz(options: Options): Promise<void> {
  const { seed, runs, commands, wrong } = options;
  if (options.cover !== undefined && options.export === undefined)
    throw new UsageError('expected --export DIR with --cover, found none');
  if (options.export !== undefined) makeFolder('--export', options.export);
  const target = targetOf(options.kernel ?? KERNEL, options.iommu ?? IOMMU);
  const asked: FuzzOptions = { target, seed, commands, wrong, failNth: options.failNth === true };
  const progress = startCounter(runs, options.json !== true && isWatched());
  const started = performance.now();
  const campaign = fuzzChunks(asked, runs, options.jobs, progress.advance);
  const finish = (report: FuzzReport): number => {
    const elapsedMs = performance.now() - started;
    progress.stop();
    const failures = report.failures();
    print(
      options.json
        ? `${JSON.stringify(fuzzJson(report, failures, seed, elapsedMs))}\n`
        : textOf(report, failures, elapsedMs),
    );
    if (options.export !== undefined && options.cover === undefined) exportFailures(options.export, failures);
    if (options.export !== undefined && options.cover !== undefined)
      exportCover(options.export, coveringPrograms(target, report.pioneers));
    return failures.length > 0 ? EXIT.found : EXIT.ok;
  };
  onInterrupt(() => finish(campaign.soFar()));
  process.exitCode = finish(await campaign.finished);
  flush();
}

function textOf(report: FuzzReport, failures: readonly FuzzFailure[], elapsedMs: number): string {
  const { runs, commands } = report;
  const { hit, total, missed, reasons } = report.rules();
  const rate = elapsedMs > 0 ? Math.round((commands * 1000) / elapsedMs) : 0;
  const lines = [
    `${runs} programs, ${commands} calls, ${rate} calls a second`,
    `${hit} of ${total} rules reached`,
    ...missed.map((rule) => `  missed ${rule}: ${reasons[rule]}`),
    ...failures.flatMap(({ invariant, detail, run, times, program }) => [
      '',
      `${invariant}: ${detail}`,
      `  program ${run}, met ${times} times, ${program.steps.length} calls:`,
      ...program.steps.map((step) => `    ${stepText(step)}`),
    ]),
    failures.length === 0 ? 'no invariant broken' : `${failures.length} ways to break an invariant`,
  ];
  return `${lines.join('\n')}\n`;
}
