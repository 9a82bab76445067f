/** The register of refusals: every errno that the model answers has one entry here. */
import { ERRNO, type ErrnoName } from './errno.ts';
import type { Rule } from './rule.ts';
import { deviceRules } from './rules/device.ts';
import { dispatchRules } from './rules/dispatch.ts';
import { hwptRules } from './rules/hwpt.ts';
import { ioasRules } from './rules/ioas.ts';
import { memoryRules } from './rules/memory.ts';
import { viommuRules } from './rules/viommu.ts';

export const RULES = {
  ...dispatchRules,
  ...ioasRules,
  ...memoryRules,
  ...deviceRules,
  ...hwptRules,
  ...viommuRules,
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleId = keyof typeof RULES;

export function errnoOf(id: RuleId): ErrnoName {
  return RULES[id].errno;
}

const numbers: ReadonlyMap<RuleId, number> = new Map(
  Object.entries(RULES).map(([id, { errno }]) => [id as RuleId, ERRNO[errno]]),
);

/** The number that a rule answers with. */
export function errnoNumberOf(id: RuleId): number {
  return numbers.get(id) as number;
}
