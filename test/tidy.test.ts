import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What each room may import, besides itself. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  events: [],
  machines: ['events'],
  reducers: ['events', 'machines'],
  explore: ['events'],
  traces: ['events', 'machines', 'reducers', 'explore'],
  proposals: ['events', 'machines', 'reducers', 'explore'],
  cli: ['events', 'machines', 'reducers', 'traces', 'explore', 'proposals'],
  bench: ['events', 'machines', 'reducers', 'traces', 'explore', 'proposals', 'cli'],
  test: ['events', 'machines', 'reducers', 'traces', 'explore', 'proposals', 'cli', 'bench'],
};

/** Packages that belong to one room. */
const packages: Readonly<Record<string, readonly string[]>> = {
  xstate: ['machines', 'bench', 'test'],
  immer: ['reducers', 'bench', 'test'],
  fzstd: ['traces'],
  commander: ['cli'],
  picocolors: ['cli'],
  piscina: ['cli'],
  'cli-progress': ['cli'],
  vitest: ['test'],
  'fast-check': ['test', 'bench'],
  // Parts of vitest and of the vite below it: the mutation check compiles sources and runs examples on its own.
  'rolldown/utils': ['test'],
  '@vitest/expect': ['test'],
};

/** The rooms of the core have no side effects; files that read files are named for it. */
const pure = ['events', 'machines', 'reducers', 'explore', 'proposals', 'traces'];
const readers = /^traces\/(read-|import\/)/;

const MAX_LINES = 400;

type Source = Readonly<{ path: string; room: string; text: string; lines: readonly string[] }>;

function sourcesOf(room: string): Source[] {
  let names: string[];
  try {
    names = readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => {
      const text = readFileSync(join(ROOT, room, name), 'utf8');
      return { path: `${room}/${name}`, room, text, lines: text.split('\n') };
    });
}

const sources = Object.keys(rooms).flatMap(sourcesOf);

/** What a file imports, statically, for side effects, or dynamically. */
function importsOf({ text }: Source): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'|(?:^|\n)import\s*'([^']+)'/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** The room that a relative import leads to; the own one for files beside or above within it. */
function roomOf(source: Source, imported: string): string {
  const parts = source.path.split('/').slice(0, -1);
  for (const part of imported.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts[0] ?? '';
}

function offending(found: (source: Source) => readonly string[]): string[] {
  return sources.flatMap((source) => found(source).map((what) => `${source.path}: ${what}`));
}

/** Lines that match, with what to write instead. */
function linesWith(source: Source, pattern: RegExp, instead: string): string[] {
  return source.lines.flatMap((line, index) => (pattern.test(line) ? [`line ${index + 1}: ${instead}`] : []));
}

describe('imports', () => {
  it('point to the left: events, machines, reducers, traces, cli', () => {
    const wrong = offending((source) =>
      importsOf(source)
        .filter((name) => name.startsWith('.'))
        .filter((name) => {
          const target = roomOf(source, name);
          return target !== source.room && !rooms[source.room]?.includes(target);
        }),
    );
    expect(wrong).toEqual([]);
  });
  it('are seen by this test: the known ones are found', () => {
    const evolve = sources.find(({ path }) => path === 'reducers/evolve.ts');
    expect(evolve && importsOf(evolve)).toContain('../machines/world.ts');
    expect(sources.length).toBeGreaterThan(150);
  });
  it('name files with their extension', () => {
    expect(
      offending((source) =>
        importsOf(source).filter((name) => name.startsWith('.') && !name.endsWith('.ts')),
      ),
    ).toEqual([]);
  });
  it('keep packages in their rooms', () => {
    const wrong = offending((source) =>
      importsOf(source)
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
        .filter((name) => !packages[name]?.includes(source.room)),
    );
    expect(wrong).toEqual([]);
  });
  it('keep the file system out of the core, but for readers', () => {
    const wrong = offending((source) =>
      pure.includes(source.room) && !readers.test(source.path)
        ? importsOf(source).filter((name) => name.startsWith('node:') && name !== 'node:util')
        : [],
    );
    expect(wrong).toEqual([]);
  });
});

/** What must not stand anywhere, or not in the core, and what to write instead. */
const everywhere: readonly (readonly [RegExp, string])[] = [
  [/\bas any\b|: any\s*[,;)=\]|&>[{]|<any\b/, 'a type, not any'],
  [/\bas unknown as\b/, 'a type guard, not a double cast'],
  [/^\s*(export\s+)?(const\s+)?enum\s+\w/, 'a union of literals, not an enum'],
  [/^\s*(export\s+)?namespace\s+\w/, 'a module, not a namespace'],
  [/\/\/.*\b(FIXME|TODO|XXX)\b|\*.*\b(FIXME|TODO|XXX)\b/, 'the work itself, or an issue'],
  [/^export default/, 'a named export'],
  [/^export \*/, 'imports from the files themselves, no barrel'],
  [/@ts-(ignore|nocheck)/, 'code that type-checks'],
];
const core: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\(|\bnew Date\(|\bperformance\.now\(/, 'time from the recording'],
  [/\bMath\.random\(|\bcrypto\./, 'a seed from the caller'],
  [
    /\bprocess\.(argv|env|exit|exitCode|stdout|stderr|stdin|cwd|on|hrtime|memoryUsage|platform|nextTick|kill|uptime)\b/,
    'an argument',
  ],
  [/\bconsole\./, 'a result'],
  [/\blocaleCompare\(|\btoLocale\w*\(|\bIntl\./, 'an order that no locale changes'],
  [/\bcreateActor\b|\binterpret\(|\bspawnChild\b|\binvoke:/, 'a table compiled from the machine'],
];

describe('words', () => {
  it.each(everywhere)('%s stands nowhere', (pattern, instead) => {
    const wrong = offending((source) =>
      source.path === 'test/tidy.test.ts' ? [] : linesWith(source, pattern, instead),
    );
    expect(wrong).toEqual([]);
  });
  it.each(core)('%s does not stand in the core', (pattern, instead) => {
    const wrong = offending((source) =>
      pure.includes(source.room) && !readers.test(source.path) ? linesWith(source, pattern, instead) : [],
    );
    expect(wrong).toEqual([]);
  });
  it('of this machine stand nowhere', () => {
    const paths = new RegExp(['/work/', '/home/', '/root/', '/Users/', '\\.\\./shared'].join('|'));
    const wrong = offending((source) =>
      source.path === 'test/tidy.test.ts' ? [] : linesWith(source, paths, 'a path within the project'),
    );
    expect(wrong).toEqual([]);
    for (const name of [
      'package.json',
      'tsconfig.json',
      'tsconfig.check.json',
      'vitest.config.ts',
      'biome.json',
      '.ci/run',
    ])
      expect(readFileSync(join(ROOT, name), 'utf8')).not.toMatch(paths);
    const documents = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.md'),
    );
    for (const name of documents)
      expect(readFileSync(join(ROOT, 'docs', name), 'utf8'), name).not.toMatch(paths);
  });
});

describe('files', () => {
  it(`have ${MAX_LINES} lines at most`, () => {
    const long = sources.filter(({ lines }) => lines.length - 1 > MAX_LINES);
    expect(long.map(({ path, lines }) => `${path}: ${lines.length - 1}`)).toEqual([]);
  });
  it('are named for nouns, not for drawers', () => {
    const drawers = /(^|\/)(utils?|common|helpers?|types|index|misc|lib)\.ts$/;
    expect(sources.filter(({ path }) => drawers.test(path)).map(({ path }) => path)).toEqual([]);
  });
  it('of the core open with what they are for, or with a name that says it', () => {
    const opened = sources.filter(
      ({ room, lines }) => pure.includes(room) && /^(\/\*\*|\/\/|\/\*)/.test(lines[0] ?? ''),
    );
    expect(opened.length).toBeGreaterThan(sources.filter(({ room }) => pure.includes(room)).length / 2);
  });
  it('are used: each file of the core is imported somewhere', () => {
    const imported = new Set(
      sources.flatMap((source) =>
        importsOf(source)
          .filter((name) => name.startsWith('.'))
          .map((name) => {
            const parts = source.path.split('/').slice(0, -1);
            for (const part of name.split('/')) {
              if (part === '..') parts.pop();
              else if (part !== '.') parts.push(part);
            }
            return parts.join('/');
          }),
      ),
    );
    const core = sources.filter(({ room }) => pure.includes(room));
    expect(core.filter(({ path }) => !imported.has(path)).map(({ path }) => path)).toEqual([]);
  });
});
