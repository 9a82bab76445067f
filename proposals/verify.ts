/** Searches a proposal in every setup that its properties need, and puts the verdicts together. */
import type { Checkpoint } from '../explore/checkpoint.ts';
import type { Model } from '../explore/model.ts';
import { openSearch, type Search, type SearchOptions } from '../explore/search.ts';
import type { PropertyVerdict, SearchResult } from '../explore/search-result.ts';
import type { Trace } from '../explore/search-trace.ts';
import { arisesName, type Design, designOf, modelOf, searchName } from './model-of.ts';
import { PROPERTIES } from './properties.ts';
import type { PropertyId, PropertySpec, SearchedProperty } from './property.ts';
import type { Proposal } from './proposal.ts';
import type { Platform } from './setup.ts';
import { type SetupId, setupsFor } from './setups.ts';
import type { Verb } from './verb.ts';

export type DesignVerdict = Readonly<{
  property: PropertySpec;
  verdict: 'holds' | 'violated' | 'not-expressible';
  /** A search that it rests on ended at a bound: there may be more beyond it. */
  bounded: boolean;
  /** Why it cannot be said. */
  why: string | undefined;
  /** The setup in which it was decided. */
  setup: SetupId | undefined;
  /** A shortest run that violates it. */
  trace: Trace | undefined;
}>;

/** One search of a verification, in the setup that it was made in. */
export type SetupSearch = Readonly<{ setup: SetupId; model: Model; result: SearchResult }>;

export type Verification = Readonly<{
  proposal: Proposal;
  platform: Platform;
  states: number;
  transitions: number;
  depth: number;
  /** Every setup was searched to its end. */
  complete: boolean;
  searches: readonly SetupSearch[];
  verdicts: readonly DesignVerdict[];
  /** Commands of the proposal that no state of any setup accepted. Empty unless all was searched. */
  dead: readonly string[];
}>;

export type VerifyOptions = Readonly<{
  properties?: readonly PropertyId[];
  /** Devices that are alike, in setups that leave their number open. */
  devices?: number;
  search?: Omit<SearchOptions, 'resume' | 'properties'>;
  /** What an earlier search in this setup left. */
  resume?: (setup: SetupId) => Checkpoint | undefined;
}>;

/** A search that is under way. Whoever drives a verification answers whether it is to go on. */
export type Underway = Readonly<{
  setup: SetupId;
  number: number;
  of: number;
  search: Search;
  over: boolean;
}>;

/** States between two pauses. */
const PORTION = 512;

/**
 * Verifies one proposal on one platform, with a pause now and then, and one at the end of each setup. Throws ModelError for a
 * proposal that cannot be searched, CheckpointError for a checkpoint that is not of this search.
 */
export function* verifying(
  proposal: Proposal,
  platform: Platform,
  options: VerifyOptions = {},
): Generator<Underway, Verification, boolean> {
  const asked = PROPERTIES.filter(({ id }) => options.properties?.includes(id) ?? true);
  const plans = plansFor(proposal, platform, asked, options.devices);
  const searches: SetupSearch[] = [];
  let going = true;
  for (const [number, { setup, model }] of plans.entries()) {
    if (!going) break;
    const resume = options.resume?.(setup);
    const running = openSearch(model, { ...options.search, ...(resume === undefined ? {} : { resume }) });
    const underway = { setup, number, of: plans.length, search: running };
    while (going && running.advance(PORTION) === undefined) going = yield { ...underway, over: false };
    going = (yield { ...underway, over: true }) && going;
    searches.push({ setup, model, result: running.result() });
  }
  const results = searches.map(({ result }) => result);
  const complete = results.length === plans.length && results.every((result) => result.complete);
  return {
    proposal,
    platform,
    states: total(results, ({ states }) => states),
    transitions: total(results, ({ transitions }) => transitions),
    depth: Math.max(0, ...results.map(({ depth }) => depth)),
    complete,
    searches,
    verdicts: asked.map((property) => judge(proposal, platform, property, plans, searches)),
    dead: complete ? deadIn(proposal, searches) : [],
  };
}

/** verifying() without pauses. */
export function verify(proposal: Proposal, platform: Platform, options?: VerifyOptions): Verification {
  const steps = verifying(proposal, platform, options);
  for (;;) {
    const { done, value } = steps.next(true);
    if (done === true) return value;
  }
}

type Plan = Readonly<{ setup: SetupId; model: Model }>;

/** The setups that these properties need, as models. */
function plansFor(
  proposal: Proposal,
  platform: Platform,
  asked: readonly PropertySpec[],
  devices: number | undefined,
): Plan[] {
  return [...setupsFor(platform, devices)].flatMap(([id, setup]) => {
    const design = designOf(proposal, platform, setup);
    const here = asked.filter((one): one is SearchedProperty => isLookedAt(one, id, design));
    return here.length === 0 ? [] : [{ setup: id, model: modelOf(design, here) }];
  });
}

function deadIn(proposal: Proposal, searches: readonly SetupSearch[]): string[] {
  const own = new Set(proposal.commands.map(searchName));
  const said = new Set(searches.flatMap(({ model }) => model.commands.map(({ name }) => name)));
  return [...said].filter(
    (name) =>
      own.has(name) &&
      searches.every(
        ({ model, result }) => result.dead.includes(name) || !model.commands.some((one) => one.name === name),
      ),
  );
}

function total(results: readonly SearchResult[], of: (result: SearchResult) => number): number {
  return results.reduce((sum, result) => sum + of(result), 0);
}

/** Whether the words that a property needs are there. */
function isLookedAt(property: PropertySpec, setup: SetupId, { proposal }: Design): boolean {
  if (property.kind === 'shape' || !property.setups.includes(setup)) return false;
  return missingWords(proposal, property).length === 0;
}

function missingWords(proposal: Proposal, { needs }: SearchedProperty): readonly (readonly Verb[])[] {
  return needs.filter((any) => !any.some((verb) => proposal.commands.some((one) => one.verb === verb)));
}

function judge(
  proposal: Proposal,
  platform: Platform,
  property: PropertySpec,
  plans: readonly Plan[],
  searches: readonly SetupSearch[],
): DesignVerdict {
  const base = { property, bounded: false, why: undefined, setup: undefined, trace: undefined };
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
  const found = searches
    .filter(({ setup }) => property.setups.includes(setup))
    .map(({ setup, result }) => ({ setup, ...verdictsOf(result.verdicts, property.id) }));
  const [violated] = found
    .filter(({ holds }) => holds?.verdict === 'violated')
    .sort((one, other) => lengthOf(one.holds) - lengthOf(other.holds));
  if (violated !== undefined)
    return { ...base, verdict: 'violated', setup: violated.setup, trace: violated.holds?.trace };
  const planned = plans.filter(({ setup }) => property.setups.includes(setup)).length;
  const bounded = found.length < planned || found.some(({ holds }) => holds?.verdict === 'undecided');
  const met = found.find(({ arises }) => arises?.verdict === 'holds');
  if (met !== undefined) return { ...base, verdict: 'holds', bounded, setup: met.setup };
  const reason = own ?? property.unreached?.[platform];
  const never = `on ${platform} no sequence of its commands leads to such a situation`;
  const why = reason ?? (bounded ? `${never}, within the bound` : never);
  return { ...base, verdict: 'not-expressible', bounded, why };
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
