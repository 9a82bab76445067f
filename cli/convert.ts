/** `ioasis convert`: recordings and syzkaller programs, each as the other, as a C test, or as a recording with the model's answers. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { writeC } from '../traces/c-export.ts';
import { writeJsonl } from '../traces/jsonl-export.ts';
import type { Program } from '../traces/program.ts';
import { ProgramCutter } from '../traces/program-cut.ts';
import { targetOf } from '../traces/program-target.ts';
import { findTraces, readTrace } from '../traces/read-trace.ts';
import type { RecordedLine } from '../traces/recording.ts';
import type { SourceOptions } from '../traces/replay-trace.ts';
import { looksLikeSyz, readSyzPrograms } from '../traces/syz-read.ts';
import { writeSyz } from '../traces/syz-write.ts';
import { convertShown, isShownFormat, SHOWN_FORMATS, type ShownFormat } from './convert-shown.ts';
import { complain, EXIT, UsageError } from './errors.ts';
import { formatOption, iommuOption, kernelOption, TRACES, untilOption } from './options.ts';
import { flush, print } from './terminal.ts';

const PROGRAM_FORMATS = ['syz', 'c', 'jsonl'] as const;
type Options = SourceOptions &
  Readonly<{ to: (typeof PROGRAM_FORMATS)[number] | ShownFormat; until?: number }>;

/** Bytes of a file that tell what it is. */
const HEAD_BYTES = 64 * 1024;

const EXAMPLES = `
Examples:
  ioasis convert run.jsonl.gz --to syz > run.syz      calls as syzkaller text
  ioasis convert repro.syz --to c > repro.c           a test with the expected errno of every call
  ioasis convert repro.syz --to jsonl | ioasis replay -
  ioasis convert run.trace --to perfetto > run.json   for ui.perfetto.dev: threads, objects, attachments, divergences
  ioasis convert run.jsonl.gz --to sequence --until 36    a Mermaid diagram of the first calls
  ioasis convert run.jsonl.gz --to dot --until 36 | dot -Tsvg > run.svg
  ioasis convert run.jsonl.gz --to itf > run.itf.json     the state after each call`;

export function registerConvert(program: Command): void {
  program
    .command('convert')
    .summary('turn recordings and syzkaller programs into one another, C tests, time lines, graphs')
    .description(
      'syz, c, jsonl: cuts recordings into programs, or reads syzkaller programs, and prints them in another form;\n' +
        'results in the output are those that the model predicts. perfetto, itf, sequence: what happened in one recording;\n' +
        'dot, mermaid: the objects that it leaves.',
    )
    .argument('<trace...>', `syzkaller programs, ${TRACES}`)
    .addOption(
      new Option('--to <format>', 'what to print')
        .choices([...PROGRAM_FORMATS, ...SHOWN_FORMATS])
        .makeOptionMandatory(),
    )
    .addOption(untilOption())
    .addOption(formatOption())
    .addOption(kernelOption())
    .addOption(iommuOption())
    .addHelpText('after', EXAMPLES)
    .action(convert);
}

async function convert(paths: readonly string[], options: Options): Promise<void> {
  const { to, ...source } = options;
  if (isShownFormat(to)) {
    await convertShown(paths, to, source);
    process.exitCode = EXIT.ok;
    return;
  }
  const programs: Program[] = [];
  const onProgram = (program: Program) => {
    const told = { ...program, target: targetFor(program, options) };
    // C is one file for all; the others are printed as they come.
    if (options.to === 'c') programs.push(told);
    else print(options.to === 'syz' ? writeSyz(told) : writeJsonl(told));
  };
  for (const path of paths) {
    const { format = 'syzkaller' } = options;
    const text = format === 'syzkaller' ? syzText(path) : undefined;
    if (text !== undefined && options.until !== undefined)
      throw new UsageError(`expected a recording with --until, found a program in ${path}`);
    if (text !== undefined) readPrograms(text, path, options, onProgram);
    else for (const file of findTraces(path)) await cut(file, options, onProgram);
  }
  if (options.to === 'c' && programs.length === 0)
    throw new UsageError(`${paths.join(' ')}: expected calls to make a test of, found none`);
  if (options.to === 'c') print(writeC(programs, paths.join(' ')));
  flush();
  process.exitCode = EXIT.ok;
}

function targetFor(program: Program, { kernel, iommu }: Options): Program['target'] {
  if (iommu !== undefined) return targetOf(kernel ?? program.target.kernel, iommu);
  return kernel === undefined ? program.target : { ...program.target, kernel };
}

function readPrograms(
  text: string,
  path: string,
  options: Options,
  onProgram: (program: Program) => void,
): void {
  const target = targetOf(options.kernel ?? '7.3.4', options.iommu ?? 'mock');
  for (const { program, skipped } of readSyzPrograms(text, path, target)) {
    if (skipped > 0) complain(`${path}: ${skipped} calls of other subsystems skipped`);
    onProgram(program);
  }
}

async function cut(
  path: string,
  { format, until }: Options,
  onProgram: (program: Program) => void,
): Promise<void> {
  const cutter = new ProgramCutter(onProgram);
  const last = until ?? Number.POSITIVE_INFINITY;
  const onLine = (line: RecordedLine): 'stop' | undefined => {
    if ('seq' in line && line.seq > last) return 'stop';
    cutter.feed(line);
    return undefined;
  };
  await readTrace(path, onLine, { format });
  cutter.end();
}

/** The text of a syzkaller program; undefined for anything else. */
function syzText(path: string): string | undefined {
  if (path === '-') return undefined;
  try {
    const file = openSync(path, 'r');
    const head = Buffer.alloc(HEAD_BYTES);
    const length = readSync(file, head, 0, HEAD_BYTES, 0);
    closeSync(file);
    return looksLikeSyz(head.toString('latin1', 0, length)) ? readFileSync(path, 'utf8') : undefined;
  } catch {
    // A folder, or a file that cannot be read: the reader of recordings says so.
    return undefined;
  }
}
