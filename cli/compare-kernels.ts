/** `ioasis compare`: two kernel releases on the same recordings. */
import { type Command, Option } from 'commander';
import { kernelProfiles } from '../machines/kernel-profile.ts';
import { compareKernels } from '../traces/compare-kernels.ts';
import { comparisonText } from '../traces/compare-text.ts';
import { findTraces } from '../traces/read-trace.ts';
import { EXIT, UsageError } from './errors.ts';
import { iommuOption, jsonOption } from './options.ts';
import { flush, print } from './terminal.ts';

type Options = Readonly<{ json?: boolean; all?: boolean; iommu?: string }>;

const EXAMPLES = `
Examples:
  ioasis compare 6.12.117 7.3.4 run.jsonl.gz
  ioasis compare 6.12.117 7.3.4 traces/ --json | jq .first

Exit status: 0 if every call is answered alike, 1 if some call is not.`;

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .summary('say where two kernel releases first differ on the same calls')
    .description(
      'Runs each trace through two releases, without its recorded results, each from the state that its own answers lead to.\n' +
        'Prints the first call that they answer differently, and a table of all such calls by rule.',
    )
    .argument('<a>', `a release: ${[...kernelProfiles.keys()].join(', ')}`)
    .argument('<b>', 'another')
    .argument('[trace...]', 'recorder files, folders of them, or - for standard input')
    .addOption(jsonOption())
    .addOption(new Option('--all', 'every row of the table'))
    .addOption(iommuOption())
    .addHelpText('after', EXAMPLES)
    .action(compare);
}

/** Whether both names are those of kernel releases. */
export function areReleases(a: string, b: string): boolean {
  return kernelProfiles.has(a) && kernelProfiles.has(b);
}

async function compare(a: string, b: string, paths: readonly string[], options: Options): Promise<void> {
  if (!areReleases(a, b)) {
    const found = kernelProfiles.has(a) ? b : a;
    const known = [...kernelProfiles.keys()].join(', ');
    throw new UsageError(`expected two of the releases ${known}, found ${JSON.stringify(found)}`);
  }
  if (paths.length === 0) throw new UsageError('expected a trace after the two releases, found none');
  const comparison = await compareKernels({ a, b }, paths.flatMap(findTraces), { iommu: options.iommu });
  print(options.json ? `${JSON.stringify(comparison)}\n` : comparisonText(comparison, options.all === true));
  flush();
  process.exitCode = comparison.differing === 0 ? EXIT.ok : EXIT.found;
}
