/** Verifies a proposal with a mutant in it, and says which property notices. */
import { ModelError } from '../../explore/model-error.ts';
import { PROPERTIES } from '../../proposals/properties.ts';
import type { Proposal } from '../../proposals/proposal.ts';
import { PROPOSALS } from '../../proposals/proposals.ts';
import { PLATFORMS, type Platform } from '../../proposals/setup.ts';
import { type Verification, verify } from '../../proposals/verify.ts';

declare global {
  var __mutant: number;
}
globalThis.__mutant = 0;

/** Verdicts by property, and how large each search was. */
type Findings = Readonly<{ verdicts: ReadonlyMap<string, string>; sizes: string }>;
const clean = new Map<string, Findings>();

function findingsOf({ verdicts, searches }: Verification): Findings {
  return {
    verdicts: new Map(verdicts.map(({ property, verdict }) => [property.id, verdict])),
    sizes: searches
      .map(({ setup, result }) => `${setup} ${result.states} ${result.transitions} ${result.depth}`)
      .join(),
  };
}

function baseline(proposal: Proposal, platform: Platform): Findings {
  const key = `${proposal.id} ${platform}`;
  const known = clean.get(key);
  if (known !== undefined) return known;
  const found = findingsOf(verify(proposal, platform));
  clean.set(key, found);
  return found;
}

/** That nothing was accepted or refused otherwise: at most the reason of a refusal is another one. */
export const SAME_GRAPH = 'same graph';

/**
 * The first property whose verdict is another one, or the error that the mutated proposal makes; SAME_GRAPH where as many states
 * and transitions are reached as without the mutant; undefined for a survivor.
 */
function difference(proposal: Proposal, platform: Platform, id: number): string | undefined {
  const expected = baseline(proposal, platform);
  globalThis.__mutant = id;
  try {
    const found = findingsOf(verify(proposal, platform));
    const noticed = PROPERTIES.find(
      (property) => found.verdicts.get(property.id) !== expected.verdicts.get(property.id),
    );
    if (noticed === undefined) return found.sizes === expected.sizes ? SAME_GRAPH : undefined;
    return `${noticed.id} on ${platform}`;
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
