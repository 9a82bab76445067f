/** Scenarios for people at a terminal: the first difference of two proposals, one telling in full, the whole table. */
import type { Difference, ProposalComparison } from './scenario-difference.ts';
import { briefOf, type CommandAnswer, type StepAnswer } from './scenario-run.ts';
import {
  answersOf,
  type Cell,
  type Row,
  remarkOf,
  type ScenarioTable,
  verdictCounts,
} from './scenario-table.ts';

const ROWS = 40;

/** The first difference with both answers, then a table of the others; `all` shows every row. */
export function differenceText(comparison: ProposalComparison, all: boolean): string {
  const { a, b, platforms, scenarios, differing, differences } = comparison;
  const lines = [
    `${a} and ${b} on ${platforms.join(', ')}: ${differing} of ${scenarios} scenarios are answered differently`,
  ];
  const [first] = differences;
  if (first !== undefined) lines.push(...firstText(first, a, b));
  const shown = all ? differences : differences.slice(0, ROWS);
  const rows = shown.map((one) => [
    one.scenario,
    one.platforms.join(', '),
    `${one.step}: ${one.words}`,
    briefOf(one.a),
    briefOf(one.b),
  ]);
  if (rows.length > 0)
    lines.push('', ...columns([['scenario', 'platforms', 'first at step', a, b], ...rows]));
  if (differences.length > shown.length)
    lines.push(`and ${differences.length - shown.length} more; see --all`);
  return `${lines.join('\n')}\n`;
}

function firstText(
  { scenario, title, source, platforms, step, words, ...of }: Difference,
  a: string,
  b: string,
) {
  return [
    '',
    `${scenario}: ${title} (${source})`,
    `on ${platforms.join(', ')}, first at step ${step}: ${words}`,
    `  ${a}: ${reasonText(of.a)}`,
    `  ${b}: ${reasonText(of.b)}`,
  ];
}

/** The answer with its rule, sentence and source. */
function reasonText(step: StepAnswer): string {
  if (step.answer === 'missing') return `not expressible: ${step.says}`;
  const last = step.commands.at(-1);
  const by = last === undefined ? '' : `${last.name} `;
  if (step.answer !== 'refused') return `${by}${by === '' ? '' : 'is '}${step.answer}`;
  return `${by}is refused${step.errno === null ? '' : ` with ${step.errno}`}: ${step.says} (${step.rule}; ${last?.source})`;
}

/** One scenario step by step, as one proposal answers it. */
export function tellingText({ platforms, telling }: Cell, title: string): string {
  const { proposal, scenario, verdict, why, steps, slots } = telling;
  const lines = [
    `${scenario}: ${title}`,
    `${proposal} on ${platforms.join(', ')}: ${verdict}${why === null ? '' : `; ${why}`}`,
  ];
  for (const step of steps) {
    const missed = step.granted || step.answer === 'missing' ? '' : `   (hoped for: ${step.wish})`;
    lines.push(`${String(step.step).padStart(4)}  ${step.words} → ${stepText(step)}${missed}`);
    for (const command of step.commands) lines.push(...commandLines(command));
  }
  if (slots.length > 0) lines.push('      then', ...slots.map((slot) => `        ${slot}`));
  return `${lines.join('\n')}\n`;
}

function stepText(step: StepAnswer): string {
  if (step.answer === 'missing') return `not expressible: ${step.says}`;
  return step.answer === 'refused' ? `refused${step.errno === null ? '' : `, ${step.errno}`}` : step.answer;
}

function commandLines({ words, name, answer, rule, says, source, events }: CommandAnswer): string[] {
  const label = name === words.split('(')[0] ? words : `${name}: ${words}`;
  if (answer === 'refused') return [`        ${label}: ${says} (${rule}; ${source})`];
  return [`        ${label}${events.length === 0 ? '' : `: ${events.join('; ')}`}`];
}

/** The whole table: each scenario with a line for each proposal, or several where platforms differ. */
export function tableText(table: ScenarioTable): string {
  const width = Math.max(...table.proposals.map(({ id }) => id.length));
  const lines = table.themes
    .filter(({ rows }) => rows.length > 0)
    .flatMap(({ title, rows }) => [
      title.toUpperCase(),
      '',
      ...rows.flatMap((row) => rowLines(table, row, width)),
    ]);
  lines.push(sizeText(table));
  return `${lines.join('\n')}\n`;
}

function sizeText(table: ScenarioTable): string {
  const { works, answers, fails, 'not-expressible': lacking } = verdictCounts(table);
  const size = [
    counted(
      table.themes.reduce((sum, { rows }) => sum + rows.length, 0),
      'scenario',
    ),
    counted(table.proposals.length, 'proposal'),
    counted(table.platforms.length, 'platform'),
  ];
  const verdicts = `${works} work, ${answers} answer what is asked, ${fails} fail, ${lacking} cannot be expressed`;
  return `${size.join(' × ')}: ${verdicts}`;
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function rowLines(table: ScenarioTable, row: Row, width: number): string[] {
  const { scenario, cells } = row;
  const lines = cells.flatMap(({ proposal, groups }) =>
    answersOf(table, row, groups, ({ brief, why }) => (why === null ? brief : `${brief}  ${why}`)).map(
      ({ on, answer }, index) => `  ${(index === 0 ? proposal.id : '').padEnd(width)}  ${on}${answer}`,
    ),
  );
  const remark = remarkOf(table, scenario);
  return [`${scenario.id}: ${scenario.title}`, ...(remark === '' ? [] : [`  (${remark})`]), ...lines, ''];
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
