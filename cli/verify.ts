/** `ioasis verify`: a design proposal against the known properties, exhaustively, on one platform. */
import { setImmediate } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PROPERTIES } from '../proposals/properties.ts';
import type { PropertyId } from '../proposals/property.ts';
import type { Proposal } from '../proposals/proposal.ts';
import { PROPOSALS } from '../proposals/proposals.ts';
import { PLATFORMS, type Platform } from '../proposals/setup.ts';
import { type Verification, type VerifyOptions, verifying } from '../proposals/verify.ts';
import { verificationJson, verificationText } from '../proposals/verify-report.ts';
import { EXIT, UsageError } from './errors.ts';
import { makeFolder } from './folder.ts';
import { jsonOption, wholeNumber } from './options.ts';
import { flush, isWatched, onInterrupt, paint, print } from './terminal.ts';
import { openCheckpoints } from './verify-checkpoints.ts';
import { exportTraces } from './verify-export.ts';
import { startSearchBar } from './verify-progress.ts';

type Options = Readonly<{
  platform: Platform;
  devices?: number;
  depth?: number;
  states?: number;
  memory: number;
  property?: PropertyId[];
  symmetry: boolean;
  compaction?: true;
  checkpoint?: string;
  export?: string;
  json?: true;
}>;

const EXAMPLES = `
Proposals:
${PROPOSALS.map(({ id, date, title }) => `  ${id.padEnd(22)} ${date.padEnd(10)} ${title}`).join('\n')}

Examples:
  ioasis verify iommu-rfc-v2 --platform intel          every property, with counterexamples
  ioasis verify iommufd-rfc-2021-09 --property P24     one property
  ioasis verify iommufd-mainline --export found        counterexamples as Mermaid diagrams and ITF JSON
  ioasis verify iommu-rfc-v2 --devices 3 --checkpoint run   a larger search that Ctrl-C does not lose`;

export function registerVerify(program: Command): void {
  program
    .command('verify')
    .summary('search a design proposal for violated properties')
    .description(
      'Searches all states that a proposal can reach in a few small worlds, and says of each known property whether it holds,\n' +
        'is violated (with a shortest run that shows it) or cannot be expressed. Ends with status 1 where one is violated.',
    )
    .argument('<proposal>', 'the name of a proposal, as listed below')
    .addOption(
      new Option('--platform <name>', 'whose IOMMU is below it').choices([...PLATFORMS]).default('intel'),
    )
    .addOption(
      new Option('--devices <n>', 'devices that are alike, where their number is open').argParser(
        wholeNumber(1),
      ),
    )
    .addOption(new Option('--depth <n>', 'go no further than so many steps').argParser(wholeNumber(1)))
    .addOption(new Option('--states <n>', 'stop after so many states of a world').argParser(wholeNumber(1)))
    .addOption(
      new Option('--memory <MiB>', 'stop a search that needs more').argParser(wholeNumber(1)).default(2048),
    )
    .addOption(
      new Option('--property <id>', 'only this one; may be given several times').argParser(properties),
    )
    .addOption(new Option('--no-symmetry', 'tell devices, spaces and PASIDs apart that are alike'))
    .addOption(new Option('--compaction', 'remember 64 bits of each state'))
    .addOption(
      new Option('--checkpoint <dir>', 'keep there what is left of a search, and go on from what is there'),
    )
    .addOption(new Option('--export <dir>', 'write each counterexample there: Mermaid diagram, ITF JSON'))
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(verifyProposal);
}

function properties(id: string, before: PropertyId[] | undefined): PropertyId[] {
  const known = PROPERTIES.find((property) => property.id === id.toUpperCase());
  if (known === undefined)
    throw new InvalidArgumentError(
      'expected a property such as P01 or G01, as docs/PROPOSALS.md lists them.',
    );
  return [...(before ?? []), known.id];
}

/** The proposal of this name. Throws UsageError that lists the known ones. */
function proposalNamed(name: string): Proposal {
  const found = PROPOSALS.find(({ id }) => id === name);
  if (found !== undefined) return found;
  const known = PROPOSALS.map(({ id }) => id).join(', ');
  throw new UsageError(`expected one of the proposals ${known}, found ${name}`);
}

async function verifyProposal(name: string, options: Options): Promise<void> {
  const proposal = proposalNamed(name);
  if (options.export !== undefined) makeFolder('--export', options.export);
  const checkpoints = openCheckpoints(options.checkpoint);
  const asked: VerifyOptions = {
    ...(options.property === undefined ? {} : { properties: options.property }),
    ...(options.devices === undefined ? {} : { devices: options.devices }),
    search: {
      symmetry: options.symmetry,
      compaction: options.compaction === true,
      memory: options.memory * 2 ** 20,
      ...(options.depth === undefined ? {} : { depth: options.depth }),
      ...(options.states === undefined ? {} : { states: options.states }),
    },
    resume: checkpoints.read,
  };
  const started = performance.now();
  const bar = startSearchBar(options.json !== true && isWatched());
  const run = verifying(proposal, options.platform, asked);
  const finish = (verification: Verification): number => {
    bar.stop();
    const elapsedMs = performance.now() - started;
    print(
      options.json
        ? `${JSON.stringify(verificationJson(verification, elapsedMs))}\n`
        : verificationText(verification, elapsedMs, paint()),
    );
    if (options.export !== undefined) exportTraces(options.export, verification);
    return verification.verdicts.some(({ verdict }) => verdict === 'violated') ? EXIT.found : EXIT.ok;
  };
  const take = (goOn: boolean): Verification | undefined => {
    try {
      const step = run.next(goOn);
      if (step.done === true) return step.value;
      bar.show(step.value);
      if (step.value.over) checkpoints.write(step.value.setup, step.value.search);
      return undefined;
    } catch (error) {
      bar.stop();
      throw checkpoints.blame(error);
    }
  };
  onInterrupt(() => {
    let verification = take(false);
    while (verification === undefined) verification = take(false);
    finish(verification);
  });
  let verification = take(true);
  while (verification === undefined) {
    await setImmediate();
    verification = take(true);
  }
  process.exitCode = finish(verification);
  flush();
}
