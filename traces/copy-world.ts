/** A copy of the world that can be changed without the original noticing: for trying what a call would do. */
import { emptyWorld, type World } from '../machines/world.ts';

/**
 * Copies maps, sets, arrays and plain objects in depth. Instances of classes (area trees) are values that are never
 * changed in place, so copy and original share them; so do address spaces, which are replaced as a whole.
 */
export function copyWorld(world: World): World {
  const { spaces, ...rest } = world;
  return Object.assign(emptyWorld(world.userTop), copyOf(rest), { spaces: new Map(spaces) });
}

function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  if (value instanceof Map) return copyMap(value);
  if (value instanceof Set) return new Set(value);
  return Object.getPrototypeOf(value) === Object.prototype ? copierOf(value)(value, copyOf) : value;
}

function copyMap(map: ReadonlyMap<unknown, unknown>): Map<unknown, unknown> {
  const copy = new Map<unknown, unknown>();
  for (const [key, value] of map) copy.set(key, copyOf(value));
  return copy;
}

type Copier = (value: object, copyOf: (value: unknown) => unknown) => object;

/** By the first of their names: those that begin with it. */
const copiers = new Map<string | undefined, { names: readonly string[]; copy: Copier }[]>();

/**
 * Copies objects with these fields, by an object literal: V8 gives the copy the hidden class of the original then. Copies of other
 * classes would make every look at a field slower for good, since the engine may go on in the copy.
 */
function copierOf(value: object): Copier {
  const names = Object.keys(value);
  const begun = copiers.get(names[0]) ?? [];
  for (const known of begun) if (isSame(known.names, names)) return known.copy;
  const fields = names.map((name) => `${JSON.stringify(name)}:copyOf(value[${JSON.stringify(name)}])`);
  // Generated from the names of our own fields, never from input; see decoder().
  const copy = new Function('value', 'copyOf', `return {${fields.join()}};`) as Copier;
  copiers.set(names[0], [...begun, { names, copy }]);
  return copy;
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at++) if (some[at] !== others[at]) return false;
  return true;
}
