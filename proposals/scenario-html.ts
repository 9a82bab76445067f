/** The table of scenarios as one HTML page that needs nothing else. */
import { briefOf, type StepAnswer, type Telling } from './scenario-run.ts';
import { answersOf, type Row, remarkOf, type ScenarioTable } from './scenario-table.ts';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; }
table { border-collapse: collapse; margin-bottom: 2rem; }
th, td { border: 1px solid #8886; padding: .3rem .5rem; text-align: left; vertical-align: top; }
thead th { position: sticky; top: 0; background: Canvas; }
th small { display: block; font-weight: normal; opacity: .75; }
ol, p { margin: .3rem 0; max-width: 34rem; }
.works { background: #2a91; } .fails { background: #d331; } .not-expressible { opacity: .65; }
.other { font-weight: bold; }
`;

const LEGEND =
  'works: every step came as the scenario hopes. 5: EBUSY: step 5 came otherwise. –: it cannot be expressed. ' +
  'Anything else is the answer to what the scenario asks. A platform is named where not all are alike; open a cell for its steps.';

export function tableHtml(table: ScenarioTable): string {
  const themes = table.themes.filter(({ rows }) => rows.length > 0);
  const head = table.proposals
    .map(
      ({ id, title, date }) => `<th>${escapeHtml(id)}<small>${escapeHtml(`${title}, ${date}`)}</small></th>`,
    )
    .join('');
  const tables = themes.map(
    ({ title, rows }) =>
      `<h2>${escapeHtml(title)}</h2>\n<table>\n<thead><tr><th>scenario</th>${head}</tr></thead>\n<tbody>\n` +
      `${rows.map((row) => rowHtml(table, row)).join('\n')}\n</tbody>\n</table>`,
  );
  return (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Scenarios</title>\n' +
    `<style>${STYLE}</style>\n</head>\n<body>\n<h1>Scenarios</h1>\n<p>${escapeHtml(LEGEND)}</p>\n` +
    `${tables.join('\n')}\n</body>\n</html>\n`
  );
}

function rowHtml(table: ScenarioTable, row: Row): string {
  const { id, title, source } = row.scenario;
  const remarks = [title, source, remarkOf(table, row.scenario)].filter((text) => text !== '');
  const small = remarks.map((text) => `<small>${escapeHtml(text)}</small>`).join('');
  const answers = row.cells.map(({ groups }) => {
    const found = answersOf(table, row, groups, ({ brief, why }) => JSON.stringify([brief, why]));
    const verdicts = new Set(found.map(({ cell }) => cell.telling.verdict));
    const verdict = verdicts.size === 1 ? found[0]?.cell.telling.verdict : 'mixed';
    return `<td class="${verdict}">${found.map(({ on, cell }) => cellHtml(on, cell.telling)).join('')}</td>`;
  });
  return `<tr><th id="${escapeHtml(id)}">${escapeHtml(id)}${small}</th>${answers.join('')}</tr>`;
}

function cellHtml(on: string, { brief, why, steps }: Telling): string {
  const reason = why === null ? '' : `<p>${escapeHtml(why)}</p>`;
  const list = steps.length === 0 ? '' : `<ol>${steps.map(stepHtml).join('')}</ol>`;
  return `<details><summary>${escapeHtml(`${on}${brief}`)}</summary>${reason}${list}</details>`;
}

function stepHtml(step: StepAnswer): string {
  const text = escapeHtml(`${step.words} → ${briefOf(step)}`);
  return step.granted ? `<li>${text}</li>` : `<li class="other">${text}</li>`;
}

/** Text that HTML takes for text, in an attribute too. */
export function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => names[character] ?? character);
}
