/** A progress bar on stderr for work that takes long. */
import { statSync } from 'node:fs';
import { SingleBar } from 'cli-progress';

export type Progress = Readonly<{ advance: (bytes: number) => void; stop: () => void }>;

const SILENT: Progress = { advance: () => {}, stop: () => {} };

/** Work below this size is done before a bar can be read. Bytes as they stand on the disk. */
const WORTH_A_BAR = 256 * 1024;

/** Bytes of a file; 0 for standard input and for what cannot be looked at. */
export function fileSize(path: string): number {
  return path === '-' ? 0 : (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
}

/** A bar over the bytes of `paths`, or nothing where it is not wanted or the end is not known. */
export function startProgress(paths: readonly string[], wanted: boolean): Progress {
  const total = paths.reduce((sum, path) => sum + fileSize(path), 0);
  if (!wanted || total < WORTH_A_BAR || paths.includes('-')) return SILENT;
  const bar = new SingleBar({
    stream: process.stderr,
    format: '{bar} {percentage}% {duration_formatted}, {eta_formatted} to go',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(total, 0);
  return { advance: (bytes) => bar.increment(bytes), stop: () => bar.stop() };
}
