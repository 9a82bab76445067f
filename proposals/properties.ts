/** All properties that a proposal is held against: those of the mails in the order of their numbers, then those of any design. */

import { capabilityProperties } from './properties/capabilities.ts';
import { enqcmdProperties } from './properties/enqcmd.ts';
import { faultProperties, promiseProperties } from './properties/faults.ts';
import { generalProperties } from './properties/general.ts';
import { generalMemoryProperties } from './properties/general-memory.ts';
import { groupProperties } from './properties/groups.ts';
import { kindProperties } from './properties/kinds.ts';
import { mediatedProperties } from './properties/mediated.ts';
import { memoryProperties } from './properties/memory.ts';
import { numberProperties } from './properties/numbers.ts';
import { pasidProperties } from './properties/pasid.ts';
import { processProperties } from './properties/processes.ts';
import { routeProperties } from './properties/routes.ts';
import type { PropertySpec } from './property.ts';

/** In the order of their numbers. */
function sorted(properties: readonly PropertySpec[]): PropertySpec[] {
  return properties.toSorted((one, other) => Number(one.id.slice(1)) - Number(other.id.slice(1)));
}

export const PROPERTIES: readonly PropertySpec[] = [
  ...sorted([
    ...routeProperties,
    ...kindProperties,
    ...memoryProperties,
    ...faultProperties,
    ...groupProperties,
    ...capabilityProperties,
    ...processProperties,
    ...pasidProperties,
    ...mediatedProperties,
    ...enqcmdProperties,
  ]),
  ...sorted([...generalProperties, ...generalMemoryProperties, ...numberProperties, ...promiseProperties]),
];
