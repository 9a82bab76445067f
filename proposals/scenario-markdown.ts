/** The table of scenarios as Markdown: a matrix for each theme, and below it the reasons. */
import { platformPrefix, type Row, type ScenarioTable } from './scenario-table.ts';

export function tableMarkdown(table: ScenarioTable): string {
  const lines = ['# Scenarios', '', LEGEND, ''];
  for (const { title, rows } of table.themes) {
    if (rows.length === 0) continue;
    lines.push(`## ${title}`, '', `| scenario | ${table.proposals.map(({ id }) => id).join(' | ')} |`);
    lines.push(`|---|${table.proposals.map(() => '---').join('|')}|`);
    for (const row of rows) lines.push(matrixLine(table, row));
    lines.push('', ...rows.flatMap((row) => reasonLines(table, row)), '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

const LEGEND =
  '`works`: every step came as the scenario hopes. `5: EBUSY`: step 5 came otherwise. `–`: it cannot be expressed. ' +
  'Anything else is the answer to what the scenario asks. A platform is named where not all are alike.';

function matrixLine(table: ScenarioTable, { scenario, cells }: Row): string {
  const answers = cells.map(({ groups }) =>
    groups.map((cell) => escapeMarkdown(`${platformPrefix(table, cell)}${cell.telling.brief}`)).join('<br>'),
  );
  return `| **${escapeMarkdown(scenario.id)}** ${escapeMarkdown(scenario.title)} | ${answers.join(' | ')} |`;
}

function reasonLines(table: ScenarioTable, { scenario, cells }: Row): string[] {
  const reasons = cells.flatMap(({ proposal, groups }) =>
    groups.flatMap((cell) => {
      const { why } = cell.telling;
      const text = `${platformPrefix(table, cell)}${why}`;
      return why === null ? [] : [`  - ${proposal.id}: ${escapeMarkdown(text)}`];
    }),
  );
  return [`- **${escapeMarkdown(scenario.id)}** (${escapeMarkdown(scenario.source)})`, ...reasons];
}

/** Text that Markdown takes for text, in a table too. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>|]/g, (character) => `\\${character}`);
}
