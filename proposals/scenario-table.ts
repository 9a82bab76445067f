/** Every scenario with every proposal on every platform. */
import type { Proposal } from './proposal.ts';
import type { Scenario } from './scenario.ts';
import { type Telling, tellScenario } from './scenario-run.ts';
import type { Theme } from './scenarios.ts';
import type { Platform } from './setup.ts';

/** What a proposal answers, on the platforms where it answers so. */
export type Cell = Readonly<{ platforms: readonly Platform[]; telling: Telling }>;

export type Row = Readonly<{
  scenario: Scenario;
  /** By proposal; one cell where all platforms are alike. */
  cells: readonly Readonly<{ proposal: Proposal; groups: readonly Cell[] }>[];
}>;

export type ScenarioTable = Readonly<{
  proposals: readonly Proposal[];
  platforms: readonly Platform[];
  themes: readonly Readonly<{ title: string; rows: readonly Row[] }>[];
}>;

/** Tells the scenarios of all themes; `exactly` groups platforms only where every step is alike. Throws ModelError where a proposal breaks. */
export function scenarioTable(
  proposals: readonly Proposal[],
  platforms: readonly Platform[],
  themes: readonly Theme[],
  exactly = false,
): ScenarioTable {
  const rowOf = (scenario: Scenario): Row => ({
    scenario,
    cells: proposals.map((proposal) => ({
      proposal,
      groups: groupsOf(
        platforms.map((platform) => tellScenario(proposal, platform, scenario)),
        exactly,
      ),
    })),
  });
  return {
    proposals,
    platforms,
    themes: themes.map(({ title, scenarios }) => ({ title, rows: scenarios.map(rowOf) })),
  };
}

function groupsOf(tellings: readonly Telling[], exactly: boolean): Cell[] {
  const groups = new Map<string, Cell>();
  for (const telling of tellings) {
    const { verdict, brief, why, steps, slots } = telling;
    const key = JSON.stringify(exactly ? [verdict, brief, why, steps, slots] : [verdict, brief, why]);
    const known = groups.get(key);
    const platforms = [...(known?.platforms ?? []), telling.platform];
    groups.set(key, { platforms, telling: known?.telling ?? telling });
  }
  return [...groups.values()];
}

/** The platforms on which a scenario can happen at all, of those that were asked for; all of these if on none. */
function stagesOf({ platforms }: ScenarioTable, { only }: Scenario): readonly Platform[] {
  const possible = platforms.filter((platform) => only?.platforms.includes(platform) ?? true);
  return possible.length === 0 ? platforms : possible;
}

/** Where else it cannot happen, and why, as a remark; nothing for most scenarios. */
export function remarkOf(table: ScenarioTable, scenario: Scenario): string {
  const stages = stagesOf(table, scenario);
  const elsewhere = scenario.only !== undefined && stages.length < table.platforms.length;
  return elsewhere ? `only on ${stages.join(', ')}: ${scenario.only?.because}` : '';
}

/** The answers on platforms where it can happen, each after the names of these unless all are alike. */
export function answersOf<A extends string | null>(
  table: ScenarioTable,
  { scenario }: Row,
  groups: readonly Cell[],
  answer: (telling: Telling) => A,
): readonly Readonly<{ on: string; answer: A; cell: Cell }>[] {
  const stages = stagesOf(table, scenario);
  const found = new Map<A, { platforms: Platform[]; cell: Cell }>();
  for (const cell of groups) {
    const platforms = cell.platforms.filter((platform) => stages.includes(platform));
    if (platforms.length === 0) continue;
    const known = found.get(answer(cell.telling)) ?? { platforms: [], cell };
    known.platforms.push(...platforms);
    found.set(answer(cell.telling), known);
  }
  return [...found].map(([text, { platforms, cell }]) => ({
    on: platforms.length === stages.length ? '' : `${platforms.join(', ')}: `,
    answer: text,
    cell,
  }));
}

/** How many pairs of scenario and proposal came out how, on all platforms together. */
export function verdictCounts(table: ScenarioTable): Readonly<Record<Telling['verdict'], number>> {
  const counts = { works: 0, answers: 0, fails: 0, 'not-expressible': 0 };
  for (const { rows } of table.themes)
    for (const { cells } of rows)
      for (const { groups } of cells)
        for (const { platforms, telling } of groups) counts[telling.verdict] += platforms.length;
  return counts;
}
