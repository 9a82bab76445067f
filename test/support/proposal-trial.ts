/** Verifies a proposal with a mutant in it, and says which property notices. */
import { ModelError } from '../../explore/model-error.ts';
import type { Proposal } from '../../proposals/proposal.ts';
import { PROPOSALS } from '../../proposals/proposals.ts';
import { PLATFORMS, type Platform } from '../../proposals/setup.ts';
import { verifying } from '../../proposals/verify.ts';

declare global {
  var __mutant: number;
}
globalThis.__mutant = 0;

/** Verdicts by setup and property, those of the whole, and how large each search was. */
type Findings = Readonly<{ verdicts: ReadonlyMap<string, string>; sizes: readonly string[] }>;
const clean = new Map<string, Findings>();

/** Several times what the largest setup has; a mutant that makes more is judged by what was met until then. */
const MOST_STATES = 40_000;

/** That nothing was accepted or refused otherwise: at most the reason of a refusal is another one. */
export const SAME_GRAPH = 'same graph';

/** Verifies; `compare` is told each verdict as soon as it is known, and ends it by answering true. */
function findingsOf(
  proposal: Proposal,
  platform: Platform,
  compare: (key: string, verdict: string) => boolean = () => false,
): Findings | undefined {
  const verdicts = new Map<string, string>();
  const sizes: string[] = [];
  const note = (key: string, verdict: string): boolean => {
    verdicts.set(key, verdict);
    return compare(key, verdict);
  };
  const steps = verifying(proposal, platform, { search: { states: MOST_STATES } });
  for (let step = steps.next(true); ; step = steps.next(true)) {
    if (step.done === true) {
      const noticed = step.value.verdicts.some(
        ({ property, verdict, bounded }) => !bounded && note(property.id, verdict),
      );
      return noticed ? undefined : { verdicts, sizes };
    }
    const { setup, search, over } = step.value;
    if (!over) continue;
    const result = search.result();
    sizes.push(`${setup} ${result.states} ${result.transitions} ${result.depth}`);
    const decided = result.verdicts.filter(
      ({ kind, verdict }) => kind !== 'sometimes' && verdict !== 'undecided',
    );
    if (decided.some(({ property, verdict }) => note(`${property} in ${setup}`, verdict))) return undefined;
  }
}

function baseline(proposal: Proposal, platform: Platform): Findings {
  const key = `${proposal.id} ${platform}`;
  const found = clean.get(key) ?? findingsOf(proposal, platform);
  if (found === undefined) throw new Error('nothing was compared, and yet something differs');
  clean.set(key, found);
  return found;
}

/**
 * The first property whose verdict is another one, in some setup or on the whole, or the error that the mutated proposal makes;
 * SAME_GRAPH where as many states and transitions are reached as without the mutant; undefined for a survivor.
 */
function difference(proposal: Proposal, platform: Platform, id: number): string | undefined {
  const expected = baseline(proposal, platform);
  let noticed: string | undefined;
  globalThis.__mutant = id;
  try {
    const found = findingsOf(proposal, platform, (key, verdict) => {
      if (expected.verdicts.get(key) === verdict) return false;
      noticed = `${key} on ${platform}`;
      return true;
    });
    return noticed ?? (found?.sizes.join() === expected.sizes.join() ? SAME_GRAPH : undefined);
  } catch (thrown) {
    return thrown instanceof ModelError ? `${thrown.code} on ${platform}` : `error on ${platform}`;
  } finally {
    globalThis.__mutant = 0;
  }
}

/** Who notices this mutant in the folder of a proposal. */
export function noticedBy(folder: string, id: number): string | undefined {
  const proposal = PROPOSALS.find((one) => one.id === folder);
  if (proposal === undefined) throw new Error(`no proposal in ${folder}`);
  const found = new Set<string | undefined>();
  for (const platform of PLATFORMS) {
    const by = difference(proposal, platform, id);
    if (by !== undefined && by !== SAME_GRAPH) return by;
    found.add(by);
  }
  return found.has(undefined) ? undefined : SAME_GRAPH;
}
