/** How a run ends: the exit statuses, and the one line on stderr that says what was wrong. */
import { CommanderError } from 'commander';
import { CheckpointError } from '../explore/checkpoint-bytes.ts';
import { ModelError } from '../explore/model-error.ts';
import { ModelDefect } from '../traces/replay-trace.ts';
import { TraceFormatError } from '../traces/trace-format-error.ts';

/** `found`: a divergence, or a violated property or invariant. */
export const EXIT = { ok: 0, found: 1, usage: 2, interrupted: 130 } as const;

/** The command line asks for something that cannot be: `expected …, found …`. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What is wrong with what was given; all else is wrong with us. */
const BAD_INPUT = [TraceFormatError, UsageError, ModelError, CheckpointError];

/** One line on stderr, whatever the message holds. */
export function complain(message: string): void {
  process.stderr.write(`ioasis: ${message.trim().replace(/\s*[\r\n]+\s*/g, ' ')}\n`);
}

/** Says what went wrong, in one line, and answers the exit status that belongs to it. */
export function fail(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok;
    const noVerb = error.code === 'commander.help';
    complain(noVerb ? 'expected a verb, as ioasis --help lists them' : error.message.replace(/^error: /, ''));
    return EXIT.usage;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (BAD_INPUT.some((kind) => error instanceof kind) || isOfSystem(error)) {
    complain(message);
    return EXIT.usage;
  }
  complain(error instanceof ModelDefect ? message : `internal error: ${message}`);
  return EXIT.found;
}

/** What the system refuses: a file that cannot be written. Of files that cannot be read the readers tell. */
function isOfSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
