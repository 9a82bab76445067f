/** The object table of a context: publishing, references, removal. */
import { type CacheDoubt, UNKNOWN_VALUE, valuesOf } from '../machines/cached-value.ts';
import { advance } from '../machines/lifecycle.ts';
import { tables } from '../machines/lifecycles.ts';
import { type IommuObject, mustBe, type ObjectKind, objectAt } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';

export function contextOf(world: World, id: number): Context {
  const context = world.contexts.get(id);
  if (context === undefined) throw new Error(`invariant: no context ${id}`);
  return context;
}

/** Makes the object visible under its id, which must be free. */
export function publish(context: Context, object: IommuObject): void {
  const { id } = object;
  if (context.objects[id] !== undefined) throw new Error(`invariant: id ${id} is taken`);
  while (context.objects.length < id) context.objects.push(undefined);
  context.objects[id] = object;
  context.live++;
  if (id === context.lowestFree) context.lowestFree = id + 1;
}

/** Takes the object out; its id is free at once. */
export function remove(context: Context, id: number): void {
  if (context.objects[id] === undefined) throw new Error(`invariant: id ${id} is not taken`);
  context.objects[id] = undefined;
  context.live--;
  if (id < context.lowestFree) context.lowestFree = id;
}

/** One more or one less reference on the object at `id`; 0 stands for no object. */
export function use(context: Context, id: number, change: number): void {
  if (id === 0) return;
  const object = objectAt(context, id);
  if (object === undefined) throw new Error(`invariant: reference to missing object ${id}`);
  object.users += change;
}

/** Moves the object through its lifecycle; the machine refuses what must not happen. */
export function step<K extends Exclude<ObjectKind, 'tombstone'>>(
  context: Context,
  id: number,
  kind: K,
  event: string,
) {
  const object = mustBe(context, id, kind);
  const held: { phase: string } = object;
  held.phase = advance(tables[kind], held.phase, event);
  return object;
}

/** Keeps what is known of an object's cached values, as long as something is not; answers the values. */
export function doubted(object: { doubt: CacheDoubt | undefined }, doubt: CacheDoubt): number[] {
  const values = valuesOf(doubt);
  object.doubt = values.includes(UNKNOWN_VALUE) ? doubt : undefined;
  return values;
}

export function initialPhase(kind: keyof typeof tables): string {
  return tables[kind].initial;
}
