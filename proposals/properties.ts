/** All properties that a proposal is held against, in the order of their numbers. */
import { groupProperties } from './properties/groups.ts';
import { routeProperties } from './properties/routes.ts';
import type { PropertySpec } from './property.ts';

export const PROPERTIES: readonly PropertySpec[] = [...routeProperties, ...groupProperties].sort(
  (one, other) => Number(one.id.slice(1)) - Number(other.id.slice(1)),
);
