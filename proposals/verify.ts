/** Searches a proposal in every setup that its properties need, and puts the verdicts together. */
import { type Search, type SearchOptions, search } from '../explore/search.ts';
import type { PropertyVerdict, SearchResult } from '../explore/search-result.ts';
import type { Trace } from '../explore/search-trace.ts';
import { arisesName, type Design, designOf, modelOf } from './model-of.ts';
import { PROPERTIES } from './properties.ts';
import type { PropertyId, PropertySpec, StateProperty } from './property.ts';
import type { Proposal } from './proposal.ts';
import type { Platform } from './setup.ts';
import { type SetupId, setupsFor } from './setups.ts';
import type { Verb } from './verb.ts';

export type DesignVerdict = Readonly<{
  property: PropertySpec;
  verdict: 'holds' | 'violated' | 'not-expressible' | 'undecided';
  /** Why it cannot be said, or is not decided; for `violated` what the last state shows. */
  why: string | undefined;
  /** The setup in which it was decided. */
  setup: SetupId | undefined;
  /** A shortest run that violates it. */
  trace: Trace | undefined;
}>;

export type Verification = Readonly<{
  proposal: Proposal;
  platform: Platform;
  states: number;
  transitions: number;
  depth: number;
  /** Every setup was searched to its end. */
  complete: boolean;
  searches: ReadonlyMap<SetupId, SearchResult>;
  verdicts: readonly DesignVerdict[];
}>;

export type VerifyOptions = Readonly<{
  properties?: readonly PropertyId[];
  /** Devices that are alike, in setups that leave their number open. */
  devices?: number;
  search?: SearchOptions;
  /** Called now and then during the search of a setup; false ends it. */
  watch?: (setup: SetupId, search: Search) => boolean;
}>;

/** Verifies one proposal on one platform. Throws ModelError for a proposal that cannot be searched. */
export function verify(proposal: Proposal, platform: Platform, options: VerifyOptions = {}): Verification {
  const asked = PROPERTIES.filter(({ id }) => options.properties?.includes(id) ?? true);
  const searches = new Map<SetupId, SearchResult>();
  for (const [id, setup] of setupsFor(platform, options.devices)) {
    const design = designOf(proposal, platform, setup);
    const here = asked.filter((one): one is StateProperty => isLookedAt(one, id, design));
    if (here.length === 0) continue;
    const watch = options.watch;
    const result = search(
      modelOf(design, here),
      options.search,
      watch === undefined ? undefined : (running) => watch(id, running),
    );
    searches.set(id, result);
  }
  const results = [...searches.values()];
  return {
    proposal,
    platform,
    states: total(results, ({ states }) => states),
    transitions: total(results, ({ transitions }) => transitions),
    depth: Math.max(0, ...results.map(({ depth }) => depth)),
    complete: results.every(({ complete }) => complete),
    searches,
    verdicts: asked.map((property) => judge(proposal, platform, property, searches)),
  };
}

function total(results: readonly SearchResult[], of: (result: SearchResult) => number): number {
  return results.reduce((sum, result) => sum + of(result), 0);
}

/** Whether the words that a property needs are there. */
function isLookedAt(property: PropertySpec, setup: SetupId, { proposal }: Design): boolean {
  if (property.kind !== 'state' || !property.setups.includes(setup)) return false;
  return missingWords(proposal, property).length === 0;
}

function missingWords(proposal: Proposal, { needs }: StateProperty): readonly (readonly Verb[])[] {
  return needs.filter((any) => !any.some((verb) => proposal.commands.some((one) => one.verb === verb)));
}

function judge(
  proposal: Proposal,
  platform: Platform,
  property: PropertySpec,
  searches: ReadonlyMap<SetupId, SearchResult>,
): DesignVerdict {
  const base = { property, setup: undefined, trace: undefined };
  if (property.kind === 'shape') return { ...base, ...property.judge(proposal) };
  const own = proposal.lacks[property.id];
  const [missing] = missingWords(proposal, property);
  if (missing !== undefined) {
    const why = own ?? missing.map((verb) => proposal.lacks[verb]).find((reason) => reason !== undefined);
    return {
      ...base,
      verdict: 'not-expressible',
      why: why ?? `it has no command to ${missing.join(' or ')}`,
    };
  }
  const found = property.setups.flatMap((setup) => {
    const verdicts = searches.get(setup)?.verdicts;
    return verdicts === undefined ? [] : [{ setup, ...verdictsOf(verdicts, property.id) }];
  });
  const violated = found
    .filter(({ holds }) => holds?.verdict === 'violated')
    .sort((one, other) => lengthOf(one.holds) - lengthOf(other.holds))[0];
  if (violated !== undefined) {
    const { setup, holds } = violated;
    return { ...base, verdict: 'violated', why: undefined, setup, trace: holds?.trace };
  }
  const met = found.find(({ arises }) => arises?.verdict === 'holds');
  const open = found.find(({ holds }) => holds?.verdict === 'undecided');
  if (open !== undefined)
    return { ...base, verdict: 'undecided', why: 'there is more beyond the bound', setup: open.setup };
  if (met !== undefined) return { ...base, verdict: 'holds', why: undefined, setup: met.setup };
  return {
    ...base,
    verdict: 'not-expressible',
    why: own ?? `on ${platform} no sequence of its commands leads to such a situation`,
  };
}

function verdictsOf(verdicts: readonly PropertyVerdict[], id: PropertyId) {
  return {
    holds: verdicts.find(({ property }) => property === id),
    arises: verdicts.find(({ property }) => property === arisesName(id)),
  };
}

function lengthOf(verdict: PropertyVerdict | undefined): number {
  return verdict?.trace?.steps.length ?? Number.POSITIVE_INFINITY;
}
