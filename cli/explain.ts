/** `ioasis explain`: why one call returned what it did. */
import type { Command } from 'commander';
import { explainCall } from '../traces/explain.ts';
import { explanationText } from '../traces/explain-text.ts';
import type { SourceOptions } from '../traces/replay-trace.ts';
import { EXIT } from './errors.ts';
import { formatOption, iommuOption, jsonOption, kernelOption, ONE_TRACE, sequenceNumber } from './options.ts';
import { flush, print } from './terminal.ts';

type Options = SourceOptions & Readonly<{ json?: boolean }>;

const EXAMPLES = `
Examples:
  ioasis explain run.jsonl.gz 36
  ioasis explain run.jsonl.gz 36 --json | jq .wouldSucceed`;

export function registerExplain(program: Command): void {
  program
    .command('explain')
    .summary('say why one call returned what it did')
    .description(
      'Names the rule that decided the call, the objects and the earlier calls that it rests on (the fewest for which\n' +
        'a replay of them alone gives the same answer), and what would have made it succeed, each tried on the model.',
    )
    .argument('<trace>', ONE_TRACE)
    .argument('<seq>', 'sequence number of the call', sequenceNumber)
    .addOption(jsonOption())
    .addOption(formatOption())
    .addOption(kernelOption())
    .addOption(iommuOption())
    .addHelpText('after', EXAMPLES)
    .action(explain);
}

async function explain(path: string, seq: number, options: Options): Promise<void> {
  const { kernel, iommu, format } = options;
  const explanation = await explainCall(path, seq, { kernel, iommu, format });
  print(options.json ? `${JSON.stringify(explanation)}\n` : explanationText(explanation));
  flush();
  process.exitCode = EXIT.ok;
}
