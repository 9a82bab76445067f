/** docs/MUTATION-PROPOSALS.md: how many broken proposals a property notices, and which are not noticed. */
import { code, groupBy, percent, type Trial } from './mutation-document.ts';

function folderOf({ mutant }: Trial): string {
  return mutant.file.split('/')[1] ?? '';
}

function row(name: string, trials: readonly Trial[]): string {
  const noticed = trials.filter(({ by }) => by !== undefined);
  const byProperty = noticed.filter(({ by }) => by?.startsWith('P'));
  const left = trials.length - noticed.length;
  return `| ${name} | ${trials.length} | ${byProperty.length} | ${noticed.length - byProperty.length} | ${left} | ${percent(noticed.length, trials.length)} |`;
}

const HEAD = [
  '| | mutants | changed a verdict | could not be searched | survivors | score |',
  '|---|--:|--:|--:|--:|--:|',
];

/** The whole document. */
export function proposalMutationDocument(
  trials: readonly Trial[],
  { every, total }: Readonly<{ every: number; total: number }>,
): string {
  const survivors = trials.filter(({ by }) => by === undefined);
  const lines = [
    '# Breaking the proposals on purpose',
    '',
    'Each mutant is one small change to the commands of a proposal: a check dropped or turned round, two checks swapped, an event',
    'forgotten. It is noticed when the verdict of a property changes on some platform, or when the proposal’s own machines refuse an',
    'event, so that it cannot be searched. Written by `test/mutate-proposals.ts`, whose head says how to run it.',
    '',
    `${trials.length} of ${total} mutants were tried${every === 1 ? '' : ` (every ${every}.)`}.`,
    '',
    ...HEAD,
    ...[...groupBy(trials, folderOf)].map(([name, group]) => row(name, group)),
    row('all', trials),
    '',
    ...HEAD,
    ...[...groupBy(trials, ({ mutant }) => mutant.kind)].map(([name, group]) => row(name, group)),
    '',
    '## Not noticed',
    '',
    ...(survivors.length === 0 ? ['None.'] : []),
    ...[...groupBy(survivors, ({ mutant }) => mutant.file)].flatMap(([file, group]) => [
      `- ${file}`,
      ...group.map(({ mutant }) => `  - ${mutant.kind}: ${code(mutant.text)}`),
    ]),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}
