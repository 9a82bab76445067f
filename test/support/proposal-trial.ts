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

type Verdicts = ReadonlyMap<string, string>;
const clean = new Map<string, Verdicts>();

function verdictsOf({ verdicts }: Verification): Verdicts {
  return new Map(verdicts.map(({ property, verdict }) => [property.id, verdict]));
}

function baseline(proposal: Proposal, platform: Platform): Verdicts {
  const key = `${proposal.id} ${platform}`;
  const known = clean.get(key);
  if (known !== undefined) return known;
  const found = verdictsOf(verify(proposal, platform));
  clean.set(key, found);
  return found;
}

/** The first property whose verdict is another one, or the error that the mutated proposal makes; undefined for a survivor. */
function difference(proposal: Proposal, platform: Platform, id: number): string | undefined {
  const expected = baseline(proposal, platform);
  globalThis.__mutant = id;
  try {
    const found = verdictsOf(verify(proposal, platform));
    const noticed = PROPERTIES.find((property) => found.get(property.id) !== expected.get(property.id));
    return noticed && `${noticed.id} on ${platform}`;
  } catch (thrown) {
    return thrown instanceof ModelError ? `${thrown.code} on ${platform}` : `error on ${platform}`;
  } finally {
    globalThis.__mutant = 0;
  }
}

/** Who notices this mutant in the folder of a proposal. */
export function noticedBy(folder: string, id: number): string | undefined {
  for (const proposal of PROPOSALS.filter((one) => one.id === folder)) {
    for (const platform of PLATFORMS) {
      const by = difference(proposal, platform, id);
      if (by !== undefined) return by;
    }
  }
  return undefined;
}
