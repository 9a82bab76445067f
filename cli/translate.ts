/** `ioasis translate`: what DMA meets at an IOVA, and why. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SourceOptions } from '../traces/replay-trace.ts';
import { translateTrace, translationJson, translationText, UnknownRid } from '../traces/translate-trace.ts';
import { EXIT, UsageError } from './errors.ts';
import { formatOption, iommuOption, jsonOption, kernelOption, ONE_TRACE, sequenceNumber } from './options.ts';
import { flush, print } from './terminal.ts';

type Options = SourceOptions &
  Readonly<{
    rid: string;
    pasid: number;
    iova: bigint;
    at?: number;
    json?: boolean;
  }>;

const EXAMPLES = `
Examples:
  ioasis translate run.jsonl.gz --rid 0000:01:00.0 --iova 0x100000
  ioasis translate run.jsonl.gz --rid mock:1/3 --pasid 5 --iova 0x1000000 --at 36`;

const PASID_MAX = (1 << 20) - 1;

function address(text: string): bigint {
  if (/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text) && BigInt(text) < 1n << 64n) return BigInt(text);
  throw new InvalidArgumentError('expected an address of at most 64 bits, such as 0x1000.');
}

function pasid(text: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) <= PASID_MAX) return Number(text);
  throw new InvalidArgumentError(`expected a PASID from 0 to ${PASID_MAX}.`);
}

export function registerTranslate(program: Command): void {
  program
    .command('translate')
    .summary('say what DMA meets at an IOVA, and why')
    .description(
      'Walks the tables as they are programmed after a line of a recording: from the device and its PASID through the page\n' +
        'tables to the memory of a process or file, or to the fault.',
    )
    .argument('<trace>', ONE_TRACE)
    .requiredOption('--rid <rid>', 'the device: a PCI address, or mock:CONTEXT/HANDLE')
    .addOption(
      new Option('--pasid <n>', 'the process address space; 0 for DMA without PASID')
        .argParser(pasid)
        .default(0),
    )
    .addOption(
      new Option('--iova <address>', 'the address of the DMA').argParser(address).makeOptionMandatory(),
    )
    .addOption(
      new Option('--at <seq>', 'after the line with this sequence number, its effects included').argParser(
        sequenceNumber,
      ),
    )
    .addOption(jsonOption())
    .addOption(formatOption())
    .addOption(kernelOption())
    .addOption(iommuOption())
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const { json, ...question } = options;
  try {
    const answer = await translateTrace(path, question);
    print(json ? `${JSON.stringify(translationJson(answer))}\n` : translationText(answer));
  } catch (error) {
    throw error instanceof UnknownRid ? new UsageError(error.message) : error;
  }
  flush();
  process.exitCode = EXIT.ok;
}
