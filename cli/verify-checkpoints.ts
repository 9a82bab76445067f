/** Searches put away in a folder, one file for each setup. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '../explore/checkpoint.ts';
import { CheckpointError } from '../explore/checkpoint-bytes.ts';
import type { Search } from '../explore/search.ts';
import type { SetupId } from '../proposals/setups.ts';
import { UsageError } from './errors.ts';
import { makeFolder } from './folder.ts';

export type Checkpoints = Readonly<{
  read: (setup: SetupId) => Checkpoint | undefined;
  write: (setup: SetupId, search: Search) => void;
  /** What went wrong; where it is the checkpoint's fault, with the name of its file. */
  blame: (error: unknown) => unknown;
}>;

/** Nothing is kept where no folder is named. A file is replaced at once, so that an interrupt leaves the old or the new one. */
export function openCheckpoints(folder: string | undefined): Checkpoints {
  if (folder === undefined) return { read: () => undefined, write: () => {}, blame: (error) => error };
  makeFolder('--checkpoint', folder);
  const fileOf = (setup: SetupId): string => join(folder, `${setup}.checkpoint`);
  let last = folder;
  return {
    read: (setup) => {
      last = fileOf(setup);
      return existsSync(last) ? readFileSync(last) : undefined;
    },
    write: (setup, search) => {
      const file = fileOf(setup);
      writeFileSync(`${file}.new`, search.checkpoint());
      renameSync(`${file}.new`, file);
    },
    blame: (error) =>
      error instanceof CheckpointError ? new UsageError(error.message.replace('checkpoint', last)) : error,
  };
}
