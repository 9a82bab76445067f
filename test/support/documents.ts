/** The documents of the project and the names in its sources, for docs.test.ts. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ROOMS = ['events', 'machines', 'reducers', 'traces', 'proposals', 'explore', 'cli', 'bench', 'test'];
/** It names what must not exist. */
const OURSELVES = 'test/docs.test.ts';

export type Document = Readonly<{
  /** From the root of the project. */
  path: string;
  text: string;
  /** Without fenced blocks. */
  prose: string;
  /** `code` within the prose. */
  code: readonly string[];
}>;

function filesBelow(folder: string, suffix: string): string[] {
  const path = join(ROOT, folder);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

export function exists(path: string): boolean {
  return statSync(join(ROOT, path), { throwIfNoEntry: false }) !== undefined;
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function documentAt(path: string): Document {
  const text = read(path);
  const prose = text.replace(/^```[^\n]*\n[\s\S]*?^```$/gm, '');
  return { path, text, prose, code: [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string) };
}

export const documents: readonly Document[] = [
  'README.md',
  'traces/corpus/README.md',
  ...filesBelow('docs', '.md'),
].map(documentAt);

export const sourceFiles: readonly string[] = ROOMS.flatMap((room) => filesBelow(room, '.ts'));

const sources = sourceFiles.filter((path) => path !== OURSELVES).map(read);
const fileNames = new Set(sourceFiles.map((path) => path.split('/').at(-1)));

/** Every word of the sources. */
export const words: ReadonlySet<string> = new Set(
  sources.flatMap((text) => text.match(/[A-Za-z_]\w*/g) ?? []),
);

/** Every word that is defined or called in the sources. */
export const functions: ReadonlySet<string> = new Set(
  sources.flatMap((text) =>
    [...text.matchAll(/(?:function|class|const|get|set)\s+(\w+)|(\w+)\s*(?:<[^<>()]*>)?\(/g)].map(
      ([, defined, called]) => (defined ?? called) as string,
    ),
  ),
);

export function isSourceName(name: string): boolean {
  return fileNames.has(name);
}
