/** A copy of the sources in JavaScript, below node_modules so that packages are found, for runs with mutants in them. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { transformSync } from 'rolldown/utils';

/** The sources of a room, from the root of the project. */
export function filesOf(root: string, room: string): string[] {
  return readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('corpus'))
    .map((name) => `${room}/${name}`);
}

export function clearTree(tree: string): void {
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  writeFileSync(join(tree, 'package.json'), '{"type":"module"}');
}

/** Writes one file; where `shim` is given, it takes the place of vitest. */
export function writeCompiled(tree: string, file: string, source: string, shim?: string): void {
  const { code, errors } = transformSync(file, source, { lang: 'ts' });
  if (errors.length > 0) throw new Error(`${file}: ${JSON.stringify(errors[0])}`);
  const local = code.replace(/(from\s*|import\(?\s*)(["'])([^"']+)\.ts\2/g, '$1$2$3.js$2');
  const target = join(tree, file.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, shim === undefined ? local : local.replace(/(["'])vitest\1/g, JSON.stringify(shim)));
}
