/** How a call may have gone that a missing fact leaves open, and which of it a recorded result leaves. */
import type { Command } from '../events/command.ts';
import { DONE, type Outcome } from '../events/outcome.ts';
import { decide } from '../machines/decide.ts';
import type { Site, Supposition } from '../machines/site.ts';

const SUPPOSITIONS: readonly Supposition[] = ['granted', 'otherwise', 'refused'];

/** Different outcomes only; where the fact cannot be supposed, there are none. A refusal comes last. */
export function waysOf(site: Site, command: Command): Outcome[] {
  const ways = new Map<string, Outcome>();
  for (const supposition of SUPPOSITIONS) {
    site.supposing = supposition;
    const outcome = decide(site, command);
    if (outcome.missing === undefined) ways.set(keyOf(outcome), outcome);
  }
  site.supposing = undefined;
  return [...ways.values()].sort(
    (one, other) => Number(one.rule !== undefined) - Number(other.rule !== undefined),
  );
}

/** What a call leaves that the kernel refused and that could not be told; without further knowledge, `outcome` says. */
export function denied(site: Site, command: Command, outcome: Outcome): Outcome {
  if (outcome.missing === undefined) return outcome;
  site.supposing = 'denied';
  const refused = decide(site, command);
  site.supposing = undefined;
  return refused.missing === undefined ? { ...outcome, events: refused.events } : outcome;
}

/** The kernel accepted what the model refused or could not tell. */
export function misses(outcome: Outcome, ret: number): boolean {
  return ret >= 0 && (outcome.rule !== undefined || outcome.missing !== undefined);
}

/**
 * What the world follows: the prediction where it fits. What the kernel did differently is adopted where it can: a call that
 * failed there leaves only what failing leaves; for one that succeeded there, `trusted` was decided with every unknown fact
 * taken as given.
 */
export function adopted(ret: number, outcome: Outcome, trusted: Outcome): Outcome {
  if (misses(outcome, ret)) return trusted.missing === undefined ? trusted : outcome;
  if (outcome.missing !== undefined) return trusted;
  return ret < 0 && outcome.rule === undefined ? DONE : outcome;
}

function keyOf({ ret, rule, events }: Outcome): string {
  return JSON.stringify([ret, rule, events], (_name, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}
