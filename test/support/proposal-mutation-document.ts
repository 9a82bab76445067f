/** docs/MUTATION-PROPOSALS.md: how many broken proposals a property notices, and which are not noticed. */

import { code, groupBy, percent, type Trial } from './mutation-document.ts';
import { SAME_GRAPH } from './proposal-trial.ts';

function folderOf({ mutant }: Trial): string {
  return mutant.file.split('/')[1] ?? '';
}

function row(name: string, trials: readonly Trial[]): string {
  const same = trials.filter(({ by }) => by === SAME_GRAPH).length;
  const survivors = trials.filter(({ by }) => by === undefined).length;
  const noticed = trials.length - same - survivors;
  const byProperty = trials.filter(({ by }) => /^[PG]\d/.test(by ?? '')).length;
  const cells = [trials.length, byProperty, noticed - byProperty, same, survivors];
  return `| ${name} | ${cells.join(' | ')} | ${percent(noticed, trials.length - same)} |`;
}

const HEAD = [
  '| | mutants | changed a verdict | could not be searched | changed nothing | survivors | score |',
  '|---|--:|--:|--:|--:|--:|--:|',
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
    'event, so that it cannot be searched. A mutant that changed nothing reaches as many states by as many transitions in every world: a',
    'check that another one covers, or whose only effect is which errno a refused command gets; it does not count. Written by `test/mutate-proposals.ts`, whose head says how to run it.',
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
