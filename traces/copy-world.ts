/** A copy of the world that can be changed without the original noticing: for trying what a call would do. */
import type { World } from '../machines/world.ts';

/**
 * Copies maps, sets, arrays and plain objects in depth. Instances of classes (area trees) are values that are never
 * changed in place, so copy and original share them; so do address spaces, which are replaced as a whole.
 */
export function copyWorld(world: World): World {
  const { spaces, ...rest } = world;
  return { ...copyOf(rest), spaces: new Map(spaces) };
}

function copyOf<T>(value: T): T {
  return copyValue(value) as T;
}

function copyValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyValue);
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, copyValue(one)]));
  if (value instanceof Set) return new Set(value);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const copy: Record<string, unknown> = {};
  for (const name in value) copy[name] = copyValue((value as Record<string, unknown>)[name]);
  return copy;
}
