/** docs/RULES.md: the register of refusals with what the corpus says of each. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RULES, type RuleId } from '../../events/rules.ts';
import type { CorpusRun } from './corpus-run.ts';
import { validityOf } from './rule-releases.ts';

const TESTS = fileURLToPath(new URL('..', import.meta.url));

export const ruleIds = Object.keys(RULES) as RuleId[];

/** Test files that name the rule: an expectation there fails when the rule does not answer. */
export function examplesOf(id: RuleId): string[] {
  return testFiles()
    .filter(({ text }) => text.includes(`'${id}'`) || text.includes(` ${id}'`))
    .map(({ name }) => name);
}

let files: readonly { name: string; text: string }[] | undefined;

function testFiles(): readonly { name: string; text: string }[] {
  files ??= readdirSync(TESTS)
    .filter((name) => name.endsWith('.test.ts') && name !== 'rules.test.ts')
    .sort()
    .map((name) => ({ name, text: readFileSync(join(TESTS, name), 'utf8') }));
  return files;
}

function row(id: RuleId, run: CorpusRun): string {
  const { errno, source, says } = RULES[id];
  const hits = run.rules[id];
  const example = hits?.example ?? examplesOf(id)[0] ?? '';
  const cells = [
    `\`${id}\``,
    errno,
    `\`${source}()\``,
    says,
    validityOf(id),
    String(hits?.calls ?? 0),
    `\`${example}\``,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function sections(): Map<string, RuleId[]> {
  const found = new Map<string, RuleId[]>();
  for (const id of ruleIds) {
    const family = id.slice(0, id.indexOf('/'));
    found.set(family, [...(found.get(family) ?? []), id]);
  }
  return new Map([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** The whole document. */
export function rulesDocument(run: CorpusRun): string {
  const hit = ruleIds.filter((id) => run.rules[id] !== undefined).length;
  const lines = [
    '# Rules',
    '',
    'Every errno that the model answers, by the part of the uAPI that refuses. Generated from the register in `events/rules/`',
    'and from a replay of the corpus: `npx vitest run test/rules.test.ts -u` writes it anew, and the same test fails when it is stale.',
    '',
    `${ruleIds.length} rules; ${hit} of them refuse some call of the corpus, and the rest have an example in \`test/\`. *Calls* counts the calls of`,
    'the corpus that the rule refused in agreement with the kernel; *example* is one of them, as recording and sequence number, or a test.',
  ];
  for (const [family, ids] of sections()) {
    lines.push('', `## ${family}`, '');
    lines.push(
      '| rule | errno | kernel function | refused when | releases | calls | example |',
      '|---|---|---|---|---|--:|---|',
    );
    for (const id of ids) lines.push(row(id, run));
  }
  return `${lines.join('\n')}\n`;
}
