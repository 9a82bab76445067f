/** `ioasis capture`: prints a shell script that records iommufd on a stock kernel. */
import { type Command, Option } from 'commander';
import { captureScript } from '../traces/capture-script.ts';
import { wholeNumber } from './options.ts';
import { flush, print } from './terminal.ts';

type Options = Readonly<{ traceCmd?: true; bpftrace?: true; buffer: number }>;

const EXAMPLES = `
Examples:
  ioasis capture > capture.sh               then, as root: sh capture.sh -p $(pidof qemu-system-x86_64) -o run.trace
  ioasis replay run.trace
  ioasis capture --trace-cmd > capture.sh   sh capture.sh -o run.dat
  sh capture.sh -n                          prints the probes and changes nothing`;

/** KiB of the ring of each CPU. */
const BUFFER_KIB = 16384;

export function registerCapture(program: Command): void {
  program
    .command('capture')
    .summary('print a shell script that records iommufd on a stock kernel')
    .description(
      'Prints a POSIX shell script that records every iommufd and VFIO device call of a process or of the whole system,\n' +
        'with the bytes of its struct before and after, through tracefs. What it sees and misses: docs/CAPTURE.md.',
    )
    .addOption(new Option('--trace-cmd', 'let trace-cmd record').conflicts('bpftrace'))
    .addOption(new Option('--bpftrace', 'let bpftrace record'))
    .addOption(
      new Option('--buffer <kib>', 'size of the ring of each CPU')
        .argParser(wholeNumber(1))
        .default(BUFFER_KIB),
    )
    .addHelpText('after', EXAMPLES)
    .action(capture);
}

function capture({ traceCmd, bpftrace, buffer }: Options): void {
  const variant = traceCmd ? 'trace-cmd' : bpftrace ? 'bpftrace' : 'tracefs';
  print(captureScript({ variant, bufferKiB: buffer }));
  flush();
}
