/** The table of scenarios as Markdown: a matrix for each theme, and below it the reasons. */
import { answersOf, type Row, remarkOf, type ScenarioTable } from './scenario-table.ts';

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
  'Neutral sequences, told to every proposal in its own words: `ioasis compare --all --format markdown`. Step by step: ' +
  '`ioasis compare --all --scenario ID`.\n\n' +
  '`works`: every step came as the scenario hopes. `5: EBUSY`: step 5 came otherwise. `–`: it cannot be expressed. ' +
  'Anything else is the answer to what the scenario asks. A platform is named where not all are alike.';

function matrixLine(table: ScenarioTable, row: Row): string {
  const { id, title } = row.scenario;
  const answers = row.cells.map(({ groups }) =>
    answersOf(table, row, groups, ({ brief }) => brief)
      .map(({ on, answer }) => escapeMarkdown(`${on}${answer}`))
      .join('<br>'),
  );
  return `| **${escapeMarkdown(id)}** ${escapeMarkdown(title)} | ${answers.join(' | ')} |`;
}

function reasonLines(table: ScenarioTable, row: Row): string[] {
  const { id, source } = row.scenario;
  const reasons = row.cells.flatMap(({ proposal, groups }) =>
    answersOf(table, row, groups, ({ why }) => why).flatMap(({ on, answer }) =>
      answer === null ? [] : [`  - ${proposal.id}: ${escapeMarkdown(`${on}${answer}`)}`],
    ),
  );
  const remark = remarkOf(table, row.scenario);
  const told = remark === '' ? source : `${source}; ${remark}`;
  return [`- **${escapeMarkdown(id)}** (${escapeMarkdown(told)})`, ...reasons];
}

/** Text that Markdown takes for text, in a table too. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>|]/g, (character) => `\\${character}`);
}
