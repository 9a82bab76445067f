/** How properties of any design are declared. */
import type { Look, PropertySpec, StateProperty } from '../property.ts';
import type { SetupId } from '../setups.ts';
import type { Verb } from '../verb.ts';

/** What such a property consists of. */
type Parts = Readonly<{
  id: StateProperty['id'];
  says: string;
  setups: readonly SetupId[];
  needs?: readonly (readonly Verb[])[];
  arises: (look: Look) => boolean;
  holds: (look: Look) => boolean;
}>;

/** A property that nobody has to claim. */
export function general({ needs = [], ...parts }: Parts): PropertySpec {
  return {
    ...parts,
    needs,
    kind: 'state',
    source: 'any design',
    standing: 'mainline',
    outcome: 'holds',
  };
}
