/** Seeded defects: patches to the model, each with what it breaks and which oracle has to see it. */

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export type Defect = Readonly<{
  name: string;
  /** What the patch makes the model do. */
  what: string;
  /** `invariants`: the model itself notices; `differential`: only the model without the patch tells. */
  seenBy: 'invariants' | 'differential';
  iommu: string;
  file: string;
  hunks: readonly Readonly<{ before: string; after: string }>[];
}>;

/** The rooms that the model is made of. */
const ROOMS = ['events', 'machines', 'reducers', 'traces', 'explore'];

export function readDefects(folder: string): Defect[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.patch'));
  return files
    .sort()
    .map((file) => parseDefect(basename(file, '.patch'), readFileSync(join(folder, file), 'utf8')));
}

/** A sentence, `key: value` lines, a unified diff of one file. */
export function parseDefect(name: string, text: string): Defect {
  const value = (key: string): string => new RegExp(`^${key}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  const seenBy = value('seen-by');
  if (seenBy !== 'invariants' && seenBy !== 'differential')
    throw new Error(`${name}: expected seen-by to be invariants or differential, found ${seenBy}`);
  const file = /^\+\+\+ b\/(.*)$/m.exec(text)?.[1] ?? '';
  const [, ...hunks] = text.split(/^@@ .*$\n/m);
  return {
    name,
    what: text.slice(0, text.indexOf('\n')),
    seenBy,
    iommu: value('iommu'),
    file,
    hunks: hunks.map((hunk) => ({ before: linesOf(hunk, ' -'), after: linesOf(hunk, ' +') })),
  };
}

function linesOf(hunk: string, signs: string): string {
  return hunk
    .split('\n')
    .filter((line) => line !== '' && signs.includes(line[0] as string))
    .map((line) => line.slice(1))
    .join('\n');
}

/** Applies the hunks wherever their lines stand now, which has to be one place. */
export function applyDefect(source: string, { name, file, hunks }: Defect): string {
  let text = source;
  for (const { before, after } of hunks) {
    const places = text.split(before).length - 1;
    if (places !== 1)
      throw new Error(`${name}: expected one place for its lines in ${file}, found ${places}`);
    text = text.replace(before, () => after);
  }
  return text;
}

/** A copy of the model with the defect in it, compiled; answers the folder of the compiled rooms. */
export function buildDefect(root: string, defect: Defect): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'ioasis-defect-'));
  for (const room of ROOMS)
    cpSync(join(root, room), join(folder, room), {
      recursive: true,
      filter: (path) => !path.includes('corpus'),
    });
  for (const file of ['tsconfig.json', 'package.json']) cpSync(join(root, file), join(folder, file));
  mkdirSync(join(folder, 'bench'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const path = join(folder, defect.file);
  writeFileSync(path, applyDefect(readFileSync(path, 'utf8'), defect));
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = ['-p', join(folder, 'tsconfig.json'), '--outDir', join(folder, 'dist')];
  spawnSync(process.execPath, [compiler, ...options, '--noCheck', '--noUnusedLocals', 'false'], {
    cwd: folder,
  });
  return { folder: join(folder, 'dist'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A module of a compiled copy. */
export async function importFrom<T>(folder: string, module: string): Promise<T> {
  return (await import(pathToFileURL(join(folder, module)).href)) as T;
}
