#!/usr/bin/env node
/** The command line: `ioasis VERB …`. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerCapture } from './capture.ts';
import { registerCompare } from './compare.ts';
import { registerConvert } from './convert.ts';
import { fail } from './errors.ts';
import { registerExplain } from './explain.ts';
import { registerFuzz } from './fuzz.ts';
import { registerPredict } from './predict.ts';
import { registerReplay } from './replay.ts';
import { registerShow } from './show.ts';
import { endQuietlyWithReader } from './terminal.ts';
import { registerTranslate } from './translate.ts';
import { registerVerify } from './verify.ts';

function version(): string {
  const manifest: { version?: unknown } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return String(manifest.version);
}

const EXAMPLES = `
Examples:
  ioasis capture > capture.sh          a script that records what a VMM asks of iommufd, on a stock kernel;
  sudo sh capture.sh -p PID -o run.trace    run it until Ctrl-C,
  ioasis replay run.trace              see where the kernel answers otherwise than the model,
  ioasis explain run.trace 36          and why call 36 returned what it did`;

function createProgram(): Command {
  const program = new Command('ioasis')
    .description(
      'An executable model of the Linux iommufd uAPI: replays recorded calls and predicts every result.',
    )
    .version(version())
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError(true)
    .addHelpText('after', EXAMPLES);
  registerReplay(program);
  registerPredict(program);
  registerExplain(program);
  registerShow(program);
  registerTranslate(program);
  registerCompare(program);
  registerConvert(program);
  registerFuzz(program);
  registerVerify(program);
  registerCapture(program);
  return program;
}

endQuietlyWithReader();
try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = fail(error);
}
