/** What `ioasis compare --json` prints about proposals. */
import type { ProposalComparison } from './scenario-difference.ts';
import type { Telling } from './scenario-run.ts';
import type { ScenarioTable } from './scenario-table.ts';

/** Two proposals; `first` as for two releases. */
export function differenceJson(comparison: ProposalComparison): object {
  const { differences, ...rest } = comparison;
  return { schema: 'ioasis.compare-proposals/1', ...rest, first: differences[0] ?? null, differences };
}

/** All of them. Steps with their commands and events only where they are asked for: there are many. */
export function tableJson(table: ScenarioTable, withSteps: boolean): object {
  const tellings: object[] = [];
  for (const { rows } of table.themes)
    for (const { cells } of rows)
      for (const { groups } of cells)
        for (const { platforms, telling } of groups)
          for (const platform of platforms) tellings.push(tellingJson({ ...telling, platform }, withSteps));
  return {
    schema: 'ioasis.scenarios/1',
    proposals: table.proposals.map(({ id, title, date }) => ({ id, title, date })),
    platforms: table.platforms,
    scenarios: table.themes.flatMap(({ title: theme, rows }) =>
      rows.map(({ scenario: { id, title, source } }) => ({ id, title, source, theme })),
    ),
    tellings,
  };
}

function tellingJson(telling: Telling, withSteps: boolean): object {
  if (withSteps) return telling;
  const { scenario, proposal, platform, verdict, brief, why, slots } = telling;
  return { scenario, proposal, platform, verdict, brief, why, slots };
}
