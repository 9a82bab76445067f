/** All scenarios, in the order in which they are told. */
import type { Scenario } from './scenario.ts';
import { assignmentScenarios } from './scenarios/assignment.ts';
import { differentialScenarios } from './scenarios/differential.ts';
import { faultScenarios } from './scenarios/faults.ts';
import { laterFlows } from './scenarios/flows-later.ts';
import { flowsOfV1 } from './scenarios/flows-v1.ts';
import { flowsOfV2 } from './scenarios/flows-v2.ts';
import { groupScenarios } from './scenarios/groups.ts';
import { nestingScenarios } from './scenarios/nesting.ts';
import { pasidScenarios } from './scenarios/pasids.ts';
import { seedScenarios } from './scenarios/seeds.ts';

/** Scenarios under a heading. */
export type Theme = Readonly<{ title: string; scenarios: readonly Scenario[] }>;

export const THEMES: readonly Theme[] = [
  { title: 'Devices of a virtual machine', scenarios: assignmentScenarios },
  { title: 'PASIDs', scenarios: pasidScenarios },
  { title: 'Spaces over spaces', scenarios: nestingScenarios },
  { title: 'Page faults', scenarios: faultScenarios },
  { title: 'Groups', scenarios: groupScenarios },
  { title: 'Flows of the first proposal', scenarios: flowsOfV1 },
  { title: 'Flows of the second proposal', scenarios: flowsOfV2 },
  { title: 'Flows before and after', scenarios: laterFlows },
  { title: 'Where proposals differ', scenarios: differentialScenarios },
  { title: 'What the first mails ask', scenarios: seedScenarios },
];

export const SCENARIOS: readonly Scenario[] = THEMES.flatMap(({ scenarios }) => scenarios);
