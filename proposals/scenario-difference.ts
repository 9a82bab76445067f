/** Where two proposals first answer a scenario differently. */
import type { Proposal } from './proposal.ts';
import type { Scenario } from './scenario.ts';
import { briefOf, type StepAnswer, type Telling, tellScenario } from './scenario-run.ts';
import type { Platform } from './setup.ts';

/** The first step of one scenario with two answers, on the platforms where it is this step and these answers. */
export type Difference = Readonly<{
  scenario: string;
  title: string;
  source: string;
  platforms: readonly Platform[];
  step: number;
  words: string;
  a: StepAnswer;
  b: StepAnswer;
}>;

export type ProposalComparison = Readonly<{
  a: string;
  b: string;
  platforms: readonly Platform[];
  scenarios: number;
  /** How many of them are answered differently on some platform. */
  differing: number;
  /** In the order of the scenarios. */
  differences: readonly Difference[];
}>;

/** Tells the scenarios to both proposals. Throws ModelError where one of them breaks. */
export function compareProposals(
  a: Proposal,
  b: Proposal,
  scenarios: readonly Scenario[],
  platforms: readonly Platform[],
): ProposalComparison {
  const differences = scenarios.flatMap((scenario) => differencesIn(a, b, scenario, platforms));
  return {
    a: a.id,
    b: b.id,
    platforms,
    scenarios: scenarios.length,
    differing: new Set(differences.map(({ scenario }) => scenario)).size,
    differences,
  };
}

function differencesIn(
  a: Proposal,
  b: Proposal,
  scenario: Scenario,
  platforms: readonly Platform[],
): Difference[] {
  const found: Difference[] = [];
  for (const platform of platforms) {
    const pair = firstDifference(tellScenario(a, platform, scenario), tellScenario(b, platform, scenario));
    if (pair === undefined) continue;
    const same = found.findIndex((one) => isSameAnswer(one.a, pair.a) && isSameAnswer(one.b, pair.b));
    const known = found[same];
    if (known !== undefined) found[same] = { ...known, platforms: [...known.platforms, platform] };
    else {
      const { id, title, source } = scenario;
      const { step, words } = pair.a;
      found.push({ scenario: id, title, source, platforms: [platform], step, words, ...pair });
    }
  }
  return found;
}

/** Two refusals differ if both texts name an errno, and not the same. */
function firstDifference(
  one: Telling,
  other: Telling,
): Readonly<{ a: StepAnswer; b: StepAnswer }> | undefined {
  for (const [index, a] of one.steps.entries()) {
    const b = other.steps[index];
    if (b === undefined) return undefined;
    const errnos = a.errno !== null && b.errno !== null && a.errno !== b.errno;
    if (a.answer !== b.answer || errnos) return { a, b };
  }
  return undefined;
}

function isSameAnswer(one: StepAnswer, other: StepAnswer): boolean {
  return one.step === other.step && briefOf(one) === briefOf(other) && one.says === other.says;
}
