/** `ioasis compare` of design proposals: where two first differ in a scenario, or all of them in all scenarios. */
import type { Proposal } from '../proposals/proposal.ts';
import { PROPOSALS } from '../proposals/proposals.ts';
import { compareProposals } from '../proposals/scenario-difference.ts';
import { tableHtml } from '../proposals/scenario-html.ts';
import { differenceJson, tableJson } from '../proposals/scenario-json.ts';
import { tableMarkdown } from '../proposals/scenario-markdown.ts';
import { type ScenarioTable, scenarioTable } from '../proposals/scenario-table.ts';
import { differenceText, tableText, tellingText } from '../proposals/scenario-text.ts';
import { SCENARIOS, THEMES, type Theme } from '../proposals/scenarios.ts';
import { PLATFORMS, type Platform } from '../proposals/setup.ts';
import { EXIT, UsageError } from './errors.ts';
import { flush, print } from './terminal.ts';

export const TABLE_FORMATS = ['text', 'markdown', 'html'] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

export type ProposalOptions = Readonly<{
  json?: boolean;
  all?: boolean;
  platform?: Platform;
  scenario?: string;
  format?: TableFormat;
}>;

export function findProposal(name: string): Proposal | undefined {
  return PROPOSALS.find(({ id }) => id === name);
}

/** The proposals that there are, for a message. */
export function knownProposals(): string {
  return PROPOSALS.map(({ id }) => id).join(', ');
}

/** Prints where two proposals first answer a scenario differently; exit status 1 if they do. */
export function compareTwo(a: Proposal, b: Proposal, options: ProposalOptions): void {
  const themes = themesOf(options);
  const platforms = platformsOf(options);
  const scenarios = themes.flatMap((theme) => theme.scenarios);
  const comparison = compareProposals(a, b, scenarios, platforms);
  if (options.json) print(`${JSON.stringify(differenceJson(comparison))}\n`);
  else {
    print(differenceText(comparison, options.all === true));
    if (options.scenario !== undefined) printTellings(scenarioTable([a, b], platforms, themes, true), true);
  }
  flush();
  process.exitCode = comparison.differing === 0 ? EXIT.ok : EXIT.found;
}

/** Prints what every proposal answers to every scenario, or step by step to the one that was asked for. */
export function printScenarios(options: ProposalOptions): void {
  const withSteps = options.scenario !== undefined;
  const table = scenarioTable(PROPOSALS, platformsOf(options), themesOf(options), withSteps);
  if (options.json) print(`${JSON.stringify(tableJson(table, withSteps))}\n`);
  else if (options.format === 'markdown') print(tableMarkdown(table));
  else if (options.format === 'html') print(tableHtml(table));
  else if (withSteps) printTellings(table, false);
  else print(tableText(table));
  flush();
}

function printTellings(table: ScenarioTable, after: boolean): void {
  const texts = table.themes.flatMap(({ rows }) =>
    rows.flatMap(({ scenario, cells }) =>
      cells.flatMap(({ groups }) => groups.map((cell) => tellingText(cell, scenario.title))),
    ),
  );
  print(`${after ? '\n' : ''}${texts.join('\n')}`);
}

function platformsOf({ platform }: ProposalOptions): readonly Platform[] {
  return platform === undefined ? PLATFORMS : [platform];
}

function themesOf({ scenario }: ProposalOptions): readonly Theme[] {
  if (scenario === undefined) return THEMES;
  const wanted = scenario.toLowerCase();
  const themes = THEMES.map(({ title, scenarios }) => ({
    title,
    scenarios: scenarios.filter(({ id }) => id.toLowerCase() === wanted),
  })).filter(({ scenarios }) => scenarios.length > 0);
  if (themes.length > 0) return themes;
  const known = SCENARIOS.map(({ id }) => id).join(', ');
  throw new UsageError(`expected one of the scenarios ${known}, found ${scenario}`);
}
