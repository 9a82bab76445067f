/** `ioasis compare`: two kernel releases on recordings, two design proposals in scenarios, or all of these. */
import { type Command, Option } from 'commander';
import { PLATFORMS } from '../proposals/setup.ts';
import { compareReleases, isRelease, knownReleases, type ReleaseOptions } from './compare-kernels.ts';
import {
  compareTwo,
  findProposal,
  knownProposals,
  type ProposalOptions,
  printScenarios,
  TABLE_FORMATS,
} from './compare-proposals.ts';
import { UsageError } from './errors.ts';
import { iommuOption, jsonOption, TRACES } from './options.ts';

type Options = ReleaseOptions & ProposalOptions;

const EXAMPLES = `
Examples:
  ioasis compare 6.12.117 7.3.4 run.jsonl.gz
  ioasis compare 6.12.117 7.3.4 traces/ --json | jq .first
  ioasis compare ioasid-rfc-v1 iommu-rfc-v2 --platform arm    the first scenario that they answer differently, and a list of all
  ioasis compare iommu-rfc-v2 iommufd-mainline --scenario X4  one scenario, every step with its events
  ioasis compare --all                                        every scenario, proposal and platform
  ioasis compare --all --format html > scenarios.html
  ioasis compare --all --scenario guest-pasid --json | jq '.tellings[].brief'

Exit status: 0 if every call or scenario is answered alike (and for --all alone), 1 if some is not.`;

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .summary('say where two kernel releases, or two design proposals, first differ')
    .description(
      'Two releases: runs each trace through both, without its recorded results, each from the state that its own answers lead to.\n' +
        'Prints the first call that they answer differently, and a table of all such calls by rule.\n' +
        'Two proposals: tells both the same scenarios in neutral words, which each says in commands of its own. Prints the first step\n' +
        'that they answer differently, and a table of all such scenarios. --all alone tells every scenario to every proposal.\n' +
        `Proposals: ${knownProposals()}.`,
    )
    .argument('[a]', `a release (${knownReleases()}) or a proposal`)
    .argument('[b]', 'another')
    .argument('[trace...]', `for releases: ${TRACES}`)
    .addOption(jsonOption())
    .addOption(new Option('--all', 'every row of the table; alone: every scenario with every proposal'))
    .addOption(new Option('--platform <name>', 'proposals on this platform only').choices([...PLATFORMS]))
    .addOption(new Option('--scenario <id>', 'proposals in this scenario only, step by step'))
    .addOption(new Option('--format <name>', 'how to print --all').choices([...TABLE_FORMATS]))
    .addOption(iommuOption())
    .addHelpText('after', EXAMPLES)
    .action(compare);
}

async function compare(
  a: string | undefined,
  b: string | undefined,
  paths: readonly string[],
  options: Options,
): Promise<void> {
  if (a === undefined) {
    if (options.all !== true)
      throw new UsageError(
        `expected two releases, two proposals (${knownProposals()}) or --all, found neither`,
      );
    refuse(options, ['iommu'], 'two releases');
    if (options.json && options.format !== undefined)
      throw new UsageError('expected --json or --format, found both');
    printScenarios(options);
    return;
  }
  if (b === undefined) throw new UsageError(`expected another name after ${a}, found none`);
  refuse(options, ['format'], '--all without names');
  if (isRelease(a) && isRelease(b)) {
    refuse(options, ['platform', 'scenario'], 'proposals');
    await compareReleases(a, b, paths, options);
    return;
  }
  const [one, other] = [findProposal(a), findProposal(b)];
  if (one === undefined || other === undefined) {
    const found = isKnown(a) ? b : a;
    throw new UsageError(
      `expected two of the proposals ${knownProposals()}, or two of the releases ${knownReleases()}, found ${JSON.stringify(found)}`,
    );
  }
  refuse(options, ['iommu'], 'two releases');
  if (paths[0] !== undefined)
    throw new UsageError(`expected no trace after two proposals, found ${paths[0]}`);
  compareTwo(one, other, options);
}

function isKnown(name: string): boolean {
  return isRelease(name) || findProposal(name) !== undefined;
}

/** Options that would do nothing here. */
function refuse(options: Options, names: readonly (keyof Options)[], where: string): void {
  for (const name of names)
    if (options[name] !== undefined) throw new UsageError(`expected --${name} with ${where} only`);
}
