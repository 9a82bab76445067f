/** `ioasis show`: the state after a recording, or after one of its lines. */
import { type Command, Option } from 'commander';
import type { Vendor } from '../reducers/views/field-table.ts';
import { VENDOR_NAMES } from '../reducers/views/vendor-view.ts';
import { shownDot } from '../traces/dot.ts';
import type { SourceOptions } from '../traces/replay-trace.ts';
import { hardwareText } from '../traces/show-hardware.ts';
import { shownText } from '../traces/show-text.ts';
import { showTrace } from '../traces/show-trace.ts';
import { EXIT } from './errors.ts';
import { formatOption, iommuOption, jsonOption, kernelOption, ONE_TRACE, sequenceNumber } from './options.ts';
import { flush, print } from './terminal.ts';

type Options = SourceOptions &
  Readonly<{
    at?: number;
    json?: boolean;
    dot?: boolean;
    areas?: boolean;
    vendor?: Vendor;
  }>;

const EXAMPLES = `
Examples:
  ioasis show run.jsonl.gz --at 36
  ioasis show run.jsonl.gz --vendor intel
  ioasis show run.jsonl.gz --dot | dot -Tsvg > run.svg`;

export function registerShow(program: Command): void {
  program
    .command('show')
    .summary('show the state after a trace, or after one of its lines')
    .description(
      'Shows contexts with their address spaces, areas, page tables, attachments and devices, and what holds what.',
    )
    .argument('<trace>', ONE_TRACE)
    .addOption(
      new Option('--at <seq>', 'after the line with this sequence number, its effects included').argParser(
        sequenceNumber,
      ),
    )
    .addOption(new Option('--areas', 'every area, not only the first few of an address space'))
    .addOption(
      new Option('--vendor <name>', "the hardware's tables in this vendor's words too").choices(VENDOR_NAMES),
    )
    .addOption(jsonOption().conflicts('dot'))
    .addOption(new Option('--dot', 'print a Graphviz graph'))
    .addOption(formatOption())
    .addOption(kernelOption())
    .addOption(iommuOption())
    .addHelpText('after', EXAMPLES)
    .action(show);
}

async function show(path: string, options: Options): Promise<void> {
  const { at, areas, vendor, kernel, iommu, format } = options;
  const shown = await showTrace(path, { at, areas, vendor, kernel, iommu, format });
  if (options.json) print(`${JSON.stringify(shown)}\n`);
  else print(options.dot ? shownDot(shown) : shownText(shown) + hardwareText(shown.hardware));
  flush();
  process.exitCode = EXIT.ok;
}
