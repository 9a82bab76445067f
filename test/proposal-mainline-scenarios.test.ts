/** Scenarios that the packed mainline answers, told to the full model call by call. */
import { describe, expect, it } from 'vitest';
import { openMainline } from '../proposals/iommufd-mainline/adapter.ts';
import { iommufdMainline } from '../proposals/iommufd-mainline/proposal.ts';
import { type Decision, isRefusal, type Proposal } from '../proposals/proposal.ts';
import { groundOfScenario, type Scenario } from '../proposals/scenario.ts';
import { tellScenario } from '../proposals/scenario-run.ts';
import { SCENARIOS } from '../proposals/scenarios.ts';
import { PLATFORMS, type Platform } from '../proposals/setup.ts';
import type { Args, Verb } from '../proposals/verb.ts';
import { WORLD_COMMANDS } from '../proposals/world-commands.ts';

type Call = Readonly<{ verb: Verb; args: Args; decision: Decision }>;

/** What is said to mainline in a scenario, in order, and what it answers. */
function callsOf(platform: Platform, scenario: Scenario): Call[] {
  const calls: Call[] = [];
  const listening: Proposal = {
    ...iommufdMainline,
    commands: [...WORLD_COMMANDS, ...iommufdMainline.commands].map((command) => ({
      ...command,
      decide: (state, args, ground) => {
        const decision = command.decide(state, args, ground);
        calls.push({ verb: command.verb, args: { ...args }, decision });
        return decision;
      },
    })),
  };
  tellScenario(listening, platform, scenario);
  return calls;
}

/** Where the full model answers otherwise. */
function differences(platform: Platform, scenario: Scenario): string[] {
  const calls = callsOf(platform, scenario);
  const { setup } = groundOfScenario(scenario, platform);
  // Nested HWPTs get a fault queue where page requests are told of.
  const verbs: readonly Verb[] = calls.some(({ verb }) => verb === 'fault') ? ['fault'] : setup.verbs;
  const full = openMainline(platform, { ...setup, verbs });
  return calls.flatMap(({ verb, args, decision }) => {
    const answer = full.perform(verb, args);
    if (answer === undefined) return [];
    const packed = isRefusal(decision) ? (decision.errno ?? 'refused') : 'accepted';
    const said = answer.accepted ? 'accepted' : (answer.errno ?? 'refused');
    return packed === said
      ? []
      : [`${verb} ${JSON.stringify(args)}: ${said} in the full model, ${packed} here`];
  });
}

describe.each(PLATFORMS)('scenarios on %s', (platform) => {
  it.each(SCENARIOS.map((scenario) => [scenario.id, scenario] as const))('%s', (_, scenario) => {
    expect(differences(platform, scenario)).toEqual([]);
  });
});

it('has the full model answer most of what is said', () => {
  const said = PLATFORMS.flatMap((platform) =>
    SCENARIOS.map((scenario) => {
      const full = openMainline(platform, groundOfScenario(scenario, platform).setup);
      return callsOf(platform, scenario).filter(({ verb, args }) => full.perform(verb, args) !== undefined)
        .length;
    }),
  );
  expect(said.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(1500);
});
