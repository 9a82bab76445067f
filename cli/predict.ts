/** `ioasis predict`: what every call returns, told without looking at what it returned. */
import type { Command } from 'commander';
import { dmaJson } from '../traces/dma-result.ts';
import { predictionOf } from '../traces/prediction-line.ts';
import { findTraces } from '../traces/read-trace.ts';
import { replayTrace, type SourceOptions } from '../traces/replay-trace.ts';
import { EXIT } from './errors.ts';
import { formatOption, iommuOption, kernelOption, TRACES, untilOption } from './options.ts';
import { flush, onInterrupt, print } from './terminal.ts';

type Options = SourceOptions & Readonly<{ until?: number }>;

const EXAMPLES = `
Examples:
  ioasis predict run.jsonl.gz
  ioasis predict - < asked.jsonl | jq -c 'select(.errno)'`;

export function registerPredict(program: Command): void {
  program
    .command('predict')
    .summary('print what every call returns, without reading results')
    .description(
      'Prints one line of JSON a call: its return value, errno and the bytes that the kernel writes back;\n' +
        'for DMA what it reaches, where it faults, and the page request.\n' +
        'Results in the file are not read, and may be absent; calls that hand out a descriptor then carry nextFd.',
    )
    .argument('<trace...>', TRACES)
    .addOption(untilOption())
    .addOption(formatOption())
    .addOption(kernelOption())
    .addOption(iommuOption())
    .addHelpText('after', EXAMPLES)
    .action(predict);
}

async function predict(paths: readonly string[], options: Options): Promise<void> {
  const { until, kernel, iommu, format } = options;
  onInterrupt(() => {});
  try {
    for (const path of paths.flatMap(findTraces)) {
      await replayTrace(
        path,
        { until, kernel, iommu, format, blind: true },
        {
          onDma: (result) => print(`${JSON.stringify(dmaJson(path, result))}\n`),
          onCall: (result) => print(`${JSON.stringify(predictionOf(path, result))}\n`),
        },
      );
    }
  } finally {
    flush();
  }
  process.exitCode = EXIT.ok;
}
