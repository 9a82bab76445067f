/** How a call may have gone that a missing fact leaves open, and which of it a recorded result leaves. */
import { isDeepStrictEqual } from 'node:util';
import type { Command } from '../events/command.ts';
import { DONE, leaving, type Outcome, refusedBy } from '../events/outcome.ts';
import { decide } from '../machines/decide.ts';
import type { Site, Supposition } from '../machines/site.ts';
import type { Comparison } from './compare.ts';

/** No way is open. */
export const CLOSED: readonly Outcome[] = [];

const SUPPOSITIONS: readonly Supposition[] = ['granted', 'otherwise', 'refused'];

/** Different outcomes only; where the fact cannot be supposed, there are none. A refusal comes last. */
export function waysOf(site: Site, command: Command): Outcome[] {
  const ways: Outcome[] = [];
  for (const supposition of SUPPOSITIONS) {
    site.supposing = supposition;
    const outcome = decide(site, command);
    if (outcome.missing === undefined) ways.push(outcome);
  }
  site.supposing = undefined;
  return different(ways).sort(
    (one, other) => Number(one.rule !== undefined) - Number(other.rule !== undefined),
  );
}

/** What a recorded answer leaves of the ways in which a missing fact can be. */
export type Held = Readonly<{
  /**
   * What differs between the recorded answer and every one that the fact allows; undefined where one of them fits, or where the
   * ways cannot all be told: a fact that no decider supposes, or several of them at once.
   */
  contradiction: Comparison | undefined;
  /** Ways to succeed that fit and leave different worlds. */
  open: readonly Outcome[];
}>;

/** The likeliest way to fail first: one is enough. */
const TO_FAIL: readonly Supposition[] = ['refused', 'granted', 'otherwise'];

/** Holds a recorded answer (`ret`) against every way; `compare` as for a prediction. */
export function heldAgainst(
  site: Site,
  command: Command,
  ret: number,
  compare: (outcome: Outcome) => Comparison | undefined,
): Held {
  const supposed = new Set<string>();
  const differences: Comparison[] = [];
  const open: Outcome[] = [];
  let complete = true;
  let fits = false;
  const test = (way: Outcome): void => {
    const difference = compare(way);
    if (difference !== undefined) differences.push(difference);
    else fits = true;
    if (difference === undefined && way.rule === undefined) open.push(way);
  };
  site.supposed = supposed;
  site.checking = true;
  for (const supposition of ret < 0 ? TO_FAIL : SUPPOSITIONS) {
    if (fits && ret < 0) break;
    site.supposing = supposition;
    const way = decide(site, command);
    if (way.missing !== undefined || supposed.size > 1) complete = false;
    if (way.missing !== undefined) continue;
    test(way);
    for (const rule of way.others ?? []) test(refusedBy(way, rule));
  }
  site.supposing = undefined;
  site.supposed = undefined;
  site.checking = false;
  return { contradiction: complete && !fits ? together(differences) : undefined, open: different(open) };
}

/** What differs in the field that comes nearest: the errno fits before anything else can. */
function together(found: readonly Comparison[]): Comparison | undefined {
  const nearest = found.find(({ field }) => field !== 'errno') ?? found[0];
  if (nearest === undefined) return undefined;
  const alike = found.filter(({ field }) => field === nearest.field);
  return { ...nearest, predicted: [...new Set(alike.map(({ predicted }) => predicted))].join(' or ') };
}

/** What a call leaves that the kernel refused and that could not be told; without further knowledge, `outcome` says. */
export function denied(site: Site, command: Command, outcome: Outcome): Outcome {
  if (outcome.missing === undefined) return outcome;
  site.supposing = 'denied';
  const refused = decide(site, command);
  site.supposing = undefined;
  return refused.missing === undefined ? leaving(outcome, refused.events) : outcome;
}

/** The kernel accepted what the model refused or could not tell. */
export function misses(outcome: Outcome, ret: number): boolean {
  return ret >= 0 && (outcome.rule !== undefined || outcome.missing !== undefined);
}

/**
 * What the world follows: the prediction where it fits. What the kernel did differently is adopted where it can: a call that
 * failed there leaves only what failing leaves; for one that succeeded there, `trusted` was decided with every unknown fact
 * taken as given. Where several ways are `open`, or where trust leads nowhere, it is the first of them.
 */
export function adopted(
  ret: number,
  outcome: Outcome,
  trusted: Outcome,
  open: readonly Outcome[] = CLOSED,
): Outcome {
  const [first] = open;
  const refused = trusted.rule !== undefined || trusted.missing !== undefined;
  if (first !== undefined && (open.length > 1 || refused)) return first;
  if (misses(outcome, ret)) return trusted.missing === undefined ? trusted : outcome;
  if (outcome.missing !== undefined) return trusted;
  return ret < 0 && outcome.rule === undefined ? DONE : outcome;
}

function different(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(
    (outcome, index) => !outcomes.slice(0, index).some((other) => alike(outcome, other)),
  );
}

function alike(one: Outcome, other: Outcome): boolean {
  return one.ret === other.ret && one.rule === other.rule && isDeepStrictEqual(one.events, other.events);
}
