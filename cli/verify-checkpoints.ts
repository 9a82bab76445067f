/** Searches put away in a folder, one file for each setup. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '../explore/checkpoint.ts';
import type { Search } from '../explore/search.ts';
import type { SetupId } from '../proposals/setups.ts';

export type Checkpoints = Readonly<{
  read: (setup: SetupId) => Checkpoint | undefined;
  write: (setup: SetupId, search: Search) => void;
}>;

/** Nothing is kept where no folder is named. A file is replaced at once, so that an interrupt leaves the old or the new one. */
export function openCheckpoints(folder: string | undefined): Checkpoints {
  if (folder === undefined) return { read: () => undefined, write: () => {} };
  mkdirSync(folder, { recursive: true });
  const fileOf = (setup: SetupId): string => join(folder, `${setup}.checkpoint`);
  return {
    read: (setup) => (existsSync(fileOf(setup)) ? readFileSync(fileOf(setup)) : undefined),
    write: (setup, search) => {
      const file = fileOf(setup);
      writeFileSync(`${file}.new`, search.checkpoint());
      renameSync(`${file}.new`, file);
    },
  };
}
