/** Documents rot where nothing reads them: names, links, tables and excerpts of recordings are held to what there is. */
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RULES } from '../events/rules.ts';
import { type KernelProfile, kernelProfiles, type Trait } from '../machines/kernel-profile.ts';
import { IOMMU_NAMES } from '../traces/platform-of.ts';
import {
  type Document,
  documents,
  exists,
  functions,
  isSourceName,
  read,
  words,
} from './support/documents.ts';
import { excerptsOf, untruths } from './support/excerpts.ts';

const NUMBERED = /^docs\/(decisions|discrepancies)\/(\d+)-/;

function documentAt(path: string): Document {
  const found = documents.find((one) => one.path === path);
  if (found === undefined) throw new Error(`there is no ${path}`);
  return found;
}

/** Rows of the tables in a document, cell by cell, without their heads. */
function rowsOf({ text }: Document): string[][] {
  const cells = (line: string) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && line.endsWith('|'))
    .map(cells);
}

function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

function deadLinks({ path, prose }: Document): string[] {
  const links = [...prose.matchAll(/\]\(([^)\s#]*)(?:#([^)\s]+))?\)/g)];
  return links.flatMap(([, target = '', anchor]) => {
    if (/^https?:/.test(target)) return [];
    const file = target === '' ? path : join(dirname(path), target);
    if (!exists(file)) return [`${target}: no such file`];
    return anchor === undefined || anchorsOf(read(file)).includes(anchor) ? [] : [`${target}#${anchor}`];
  });
}

/** A path with a room in front, or the name of a file alone. */
function deadPaths({ text, code }: Document): string[] {
  const room = /\b(?:events|machines|reducers|traces|proposals|explore|cli|bench|test)\/[\w./-]+\.ts\b/g;
  const paths = [...text.matchAll(room)].map(([path]) => path).filter((path) => !exists(path));
  const names = code.filter((one) => /^[\w.-]+\.ts$/.test(one) && !isSourceName(one));
  return [...paths, ...names];
}

/** Kernel functions have an underscore in their names; ours do not. */
function deadFunctions({ code }: Document): string[] {
  const called = code.flatMap((one) => /^(?:\w+\.)*(\w+)\(.*\)$/.exec(one)?.[1] ?? []);
  return called.filter((name) => !name.includes('_') && !functions.has(name));
}

/** Words in camelCase or PascalCase, one by one or with dots between them. */
function deadNames({ code }: Document): string[] {
  const dotted = code.filter(
    (one) => /^[A-Za-z]\w*(\.[A-Za-z]\w*)*$/.test(one) && !/\.(js|md|json|text|ts)$/.test(one),
  );
  const names = dotted.flatMap((one) => one.split('.'));
  return names.filter((name) => /^[a-z]+[A-Z]|^[A-Z][a-z]/.test(name) && !words.has(name));
}

/** `noun/what`: a rule, or else a folder. */
function deadRules({ code }: Document): string[] {
  const ids = code.filter((one) => /^[a-z0-9-]+\/[a-z0-9-]+$/.test(one));
  return ids.filter((id) => !(id in RULES) && !exists(id) && !exists(join('traces/corpus', id)));
}

describe.each(documents.map((one) => [one.path, one] as const))('%s', (_path, document) => {
  it('has one title, and begins with it', () => {
    expect(document.prose.trimStart()).toMatch(/^# \S/);
    expect(document.prose.match(/^# /gm)).toHaveLength(1);
  });

  it('links to what there is', () => expect(deadLinks(document)).toEqual([]));

  it('names files, functions, types and rules that exist', () => {
    const dead = [deadPaths, deadFunctions, deadNames, deadRules].flatMap((find) => find(document));
    expect(dead).toEqual([]);
  });
});

describe.each(['decisions', 'discrepancies'])('docs/%s', (folder) => {
  it('is numbered without gaps', () => {
    const numbers = documents.flatMap(({ path }) => {
      const [, where, number] = NUMBERED.exec(path) ?? [];
      return where === folder ? [Number(number)] : [];
    });
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it('has the number of each record in its title', () => {
    for (const { path, prose } of documents) {
      const [, where, number] = NUMBERED.exec(path) ?? [];
      if (where === folder) expect(prose).toMatch(new RegExp(`^# ${number}: `));
    }
  });
});

describe('excerpts of recordings', () => {
  const excerpts = documents.flatMap(excerptsOf);

  it.each(excerpts.map((one) => [one.document, one.file.split('/').at(-1), one] as const))(
    '%s quotes %s as it is, and the replay as it goes',
    async (_document, _file, excerpt) => expect(await untruths(excerpt)).toEqual([]),
  );

  it('stand in every record of a discrepancy', () => {
    const records = documents.filter(({ path }) => path.startsWith('docs/discrepancies/'));
    expect(records.filter((one) => excerptsOf(one).length === 0).map(({ path }) => path)).toEqual([]);
  });
});

describe('excerpts of sources', () => {
  const quoted = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)].map(([, file = '', code = '']) => ({
      path,
      file,
      code,
    })),
  );

  it.each(quoted)('$path quotes $file as it is', ({ file, code }) => expect(read(file)).toContain(code));

  it('stand where writing a proposal is explained', () =>
    expect(quoted.filter(({ path }) => path === 'docs/WRITING-A-PROPOSAL.md').length).toBeGreaterThan(3));
});

describe('docs/PROFILES.md', () => {
  const rows = rowsOf(documentAt('docs/PROFILES.md'));
  const profiles = [...kernelProfiles.values()];
  const row = (name: string) =>
    rows.find(([first]) => first === `\`${name}\``)?.slice(1, 1 + profiles.length);

  it('has a row for every trait, with the releases that have it', () => {
    const traits = new Set<Trait>(profiles.flatMap(({ has }) => [...has]));
    const expected = [...traits].map((trait) => [
      trait,
      profiles.map(({ has }) => (has.has(trait) ? 'yes' : 'no')),
    ]);
    expect([...traits].map((trait) => [trait, row(trait)])).toEqual(expected);
  });

  it('has the numbers of every profile', () => {
    const numbers = (key: 'lastIoctl' | 'lastTestOp' | 'hugePageSize') => (profile: KernelProfile) =>
      key === 'lastTestOp' ? String(profile[key]) : `0x${profile[key].toString(16)}`;
    for (const key of ['lastIoctl', 'lastTestOp', 'hugePageSize'] as const)
      expect(row(key), key).toEqual(profiles.map(numbers(key)));
  });

  it('has a section for every driver', () => {
    const headings = anchorsOf(documentAt('docs/PROFILES.md').text);
    expect(headings).toEqual(expect.arrayContaining([...new Set(IOMMU_NAMES.values())]));
  });
});

describe('docs/ADDING-AN-IOCTL.md', () => {
  /** File in the second cell, what of the example it holds in the third. */
  const steps = rowsOf(documentAt('docs/ADDING-AN-IOCTL.md')).flatMap(([, file = '', holds = '']) => {
    const path = /^`([^`]+\.ts)`$/.exec(file)?.[1];
    return path === undefined
      ? []
      : [{ path, names: [...holds.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name) }];
  });

  it.each(steps)('finds the example in $path', ({ path, names }) => {
    expect(names.filter((name) => !read(path).includes(name))).toEqual([]);
  });

  it('follows the example through the rooms', () => expect(steps.length).toBeGreaterThan(8));
});
