/** docs/MUTATION.md: how many of the mutants were noticed, file by file, and which were not. */

import { EQUIVALENT } from './mutation-equivalents.ts';
import type { Mutant } from './mutation-points.ts';

/** `by`: who noticed, undefined for a survivor. */
export type Trial = Readonly<{ mutant: Mutant; by: string | undefined }>;

export type RunFacts = Readonly<{ every: number; total: number; seconds: number }>;

/** Why a survivor is no change at all, if it is listed as such. */
export function equivalenceOf({ file, kind, text }: Mutant): string | undefined {
  return EQUIVALENT.find((one) => one.file === file && one.kind === kind && text.startsWith(one.text))
    ?.reason;
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}

export function groupBy<T>(values: readonly T[], key: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) groups.set(key(value), [...(groups.get(key(value)) ?? []), value]);
  return new Map([...groups].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function scoreRows(trials: readonly Trial[], key: (trial: Trial) => string): string[] {
  return [...groupBy(trials, key)].map(([name, group]) => {
    const noticed = group.filter(({ by }) => by !== undefined).length;
    const equivalent = group.filter(
      ({ mutant, by }) => by === undefined && equivalenceOf(mutant) !== undefined,
    ).length;
    return `| ${name} | ${group.length} | ${noticed} | ${equivalent} | ${group.length - noticed - equivalent} | ${percent(noticed, group.length - equivalent)} |`;
  });
}

const HEAD = ['| | mutants | noticed | equivalent | survivors | score |', '|---|--:|--:|--:|--:|--:|'];

export function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

function survivorLines(trials: readonly Trial[], equivalent: boolean): string[] {
  const left = trials.filter(
    ({ mutant, by }) => by === undefined && (equivalenceOf(mutant) !== undefined) === equivalent,
  );
  const lines: string[] = [];
  for (const [file, group] of groupBy(left, ({ mutant }) => mutant.file)) {
    lines.push(`- ${file}`);
    for (const { mutant } of group) {
      const reason = equivalenceOf(mutant);
      lines.push(`  - ${mutant.kind}: ${code(mutant.text)}${reason === undefined ? '' : `: ${reason}`}`);
    }
  }
  return lines.length === 0 ? ['None.'] : lines;
}

/** The whole document. */
export function mutationDocument(trials: readonly Trial[], { every, total, seconds }: RunFacts): string {
  const noticed = trials.filter(({ by }) => by !== undefined);
  const equivalent = trials.filter(
    ({ mutant, by }) => by === undefined && equivalenceOf(mutant) !== undefined,
  ).length;
  const byExamples = noticed.filter(({ by }) => by?.includes(' > ')).length;
  const byRecordings = noticed.filter(({ by }) => by?.includes('/') && !by.includes(' > ')).length;
  const sampled =
    every === 1 ? `all ${total} mutants` : `${trials.length} of ${total} mutants, every ${every}th`;
  return `${[
    '# Mutation check',
    '',
    'The deciders in `machines/` are broken on purpose, one small change at a time: a check dropped, a condition negated, a border moved, two',
    'checks in a row swapped, an event forgotten, an errno of the register changed. A mutant is noticed when an example of `test/` fails, when a verdict of a',
    'recording changes, or when a random program ends in a world that does not add up. Written by `test/mutate.ts`, whose head says how to run it;',
    'it is not part of `npm test`. Left out: the area tree and the search for IOVAs, whose properties hold them to plain scans, and the hardware',
    'snapshot, which decides nothing. Constants and the values of replies are not mutated. That a survivor is equivalent was judged by reading.',
    '',
    `This run tried ${sampled}, in ${seconds} seconds with two processes: **${percent(noticed.length, trials.length - equivalent)}** noticed, of ${trials.length - equivalent} that are`,
    `changes at all; ${byExamples} of them by examples, ${byRecordings} by recordings only, ${noticed.length - byExamples - byRecordings} by random programs, crash or time.`,
    '',
    '## By kind',
    '',
    ...HEAD,
    ...scoreRows(trials, ({ mutant }) => mutant.kind),
    '',
    '## By file',
    '',
    ...HEAD,
    ...scoreRows(trials, ({ mutant }) => mutant.file.replace(/ \(.*/, '')),
    '',
    '## Survivors',
    '',
    ...survivorLines(trials, false),
    '',
    '## Equivalent mutants',
    '',
    'Changes that change no answer, each with the reason.',
    '',
    ...survivorLines(trials, true),
  ].join('\n')}\n`;
}
