/** Folders that are written to, made before the work begins whose results they are for. */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from './errors.ts';

/** Makes `path` and what is above it. Throws UsageError, naming `option`, where nothing can be written there. */
export function makeFolder(option: string, path: string): void {
  try {
    make(path);
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${option} ${path}: expected a folder that can be written to, found ${found}`);
  }
}

/** Step by step: with `recursive`, mkdirSync() of Node 20 never ends where a file system refuses with ENOENT, as /proc does. */
function make(path: string): void {
  if (path !== '' && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const above = dirname(path);
  if (above !== path) make(above);
  mkdirSync(path);
}
