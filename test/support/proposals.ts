/** Verdicts on proposals in a few words, and proposals that are broken on purpose. */
import { openState } from '../../explore/model-state.ts';
import type { SearchOptions } from '../../explore/search.ts';
import type { DesignEvent } from '../../proposals/design-event.ts';
import { type DesignState, declareDesign } from '../../proposals/design-state.ts';
import { applyDecision, decideDesign, designOf, prepare } from '../../proposals/model-of.ts';
import type { PropertyId } from '../../proposals/property.ts';
import { type Decision, isRefusal, type Proposal } from '../../proposals/proposal.ts';
import type { Platform } from '../../proposals/setup.ts';
import { type SetupId, setupsFor } from '../../proposals/setups.ts';
import { type Args, VERBS, type Verb } from '../../proposals/verb.ts';
import { verify } from '../../proposals/verify.ts';

/** `holds`, `violated in 3` steps, `not-expressible`. */
export function verdictsOn(
  proposal: Proposal,
  platform: Platform,
  properties: readonly PropertyId[],
  search: SearchOptions = {},
): Record<string, string> {
  const { verdicts } = verify(proposal, platform, { properties, search });
  return Object.fromEntries(
    verdicts.map(({ property, verdict, trace }) => [
      property.id,
      trace === undefined ? verdict : `${verdict} in ${trace.steps.length}`,
    ]),
  );
}

type Change = (decision: Decision, args: Args) => Decision;

/** The proposal with another answer to one word. */
export function broken(proposal: Proposal, verb: Verb, change: Change): Proposal {
  return {
    ...proposal,
    commands: proposal.commands.map((one) =>
      one.verb === verb
        ? { ...one, decide: (state, args, ground) => change(one.decide(state, args, ground), args) }
        : one,
    ),
  };
}

/** Without one rule: where it would have refused, these events happen. */
export function refusing(rule: string, instead: readonly DesignEvent[]): Change {
  return (decision) => (isRefusal(decision) && decision.rule === rule ? instead : decision);
}

/** What is accepted leaves out events of one type. */
export function withoutEvents(type: DesignEvent['type']): Change {
  return (decision) => (isRefusal(decision) ? decision : decision.filter((event) => event.type !== type));
}

/** A proposal in one of its small worlds, to which words can be said one after the other. */
export function stageOf(proposal: Proposal, platform: Platform, setup: SetupId) {
  const found = setupsFor(platform).get(setup);
  if (found === undefined) throw new Error(`no setup ${setup} on ${platform}`);
  const design = designOf(proposal, platform, found);
  const state = openState(declareDesign(proposal.file, design.ground).layout).view as DesignState;
  prepare(design, state);
  const decide = (verb: Verb, numbers: readonly number[]) => {
    const args = Object.fromEntries(VERBS[verb].map((param, index) => [param, numbers[index]]));
    return decideDesign(design, state, verb, args);
  };
  return {
    state,
    accepts: (verb: Verb, ...numbers: readonly number[]): boolean => {
      const decision = decide(verb, numbers);
      return decision !== undefined && !isRefusal(decision);
    },
    /** Says a word that must be accepted. */
    say: (verb: Verb, ...numbers: readonly number[]): void => {
      const decision = decide(verb, numbers);
      if (decision === undefined || isRefusal(decision))
        throw new Error(`${verb}(${numbers.join()}): ${decision?.says ?? 'no such word'}`);
      applyDecision(design, state, decision);
    },
  };
}
