/** The state of a recording as values by name, as traces of searches have them: to be written down and compared. */
import type { Snapshot, Value } from '../explore/model-snapshot.ts';
import { forEachArea } from '../machines/area-tree.ts';
import type { Ioas } from '../machines/objects.ts';
import { pinnedCount } from '../machines/pages.ts';
import type { Context, World } from '../machines/world.ts';

type Entry = readonly [key: Value, value: Value];

/** The variables of a snapshot, in their order. */
export const SNAPSHOT_FIELDS = ['descriptors', 'objects', 'users', 'areas', 'attached', 'pinned'] as const;

/** What can be seen of the world. Keys: (process, descriptor), (context, id), (context, group, PASID), a context. */
export function worldSnapshot(world: World): Snapshot {
  const contexts = [...world.contexts.values()];
  const values: Readonly<Record<(typeof SNAPSHOT_FIELDS)[number], Entry[]>> = {
    descriptors: descriptorsOf(world),
    objects: contexts.flatMap((context) => objectsOf(context, ({ kind }) => kind)),
    users: contexts.flatMap((context) => objectsOf(context, ({ users }) => users)),
    areas: contexts.flatMap(({ id, objects }) =>
      objects.flatMap((one): Entry[] => (one?.kind === 'ioas' ? [[pair(id, one.id), areasOf(one)]] : [])),
    ),
    attached: contexts.flatMap(attachedIn),
    pinned: contexts.map(({ id, pages }): Entry => {
      const counts = [...pages.values()].map(pinnedCount);
      return [id, counts.reduce((sum, count) => sum + count, 0)];
    }),
  };
  return Object.fromEntries(SNAPSHOT_FIELDS.map((name) => [name, { map: values[name] }]));
}

function pair(one: number, other: number): Value {
  return { tuple: [one, other] };
}

function descriptorsOf(world: World): Entry[] {
  return [...world.processes.values()].flatMap(({ pid, fds }) =>
    [...fds]
      .sort(([one], [other]) => one - other)
      .flatMap(([fd, id]): Entry[] => {
        const file = world.files.get(id);
        if (file === undefined) return [];
        return [[pair(pid, fd), { tuple: [file.kind, file.contextId, file.objectId] }]];
      }),
  );
}

function objectsOf(
  { id, objects }: Context,
  value: (object: NonNullable<Context['objects'][number]>) => Value,
): Entry[] {
  return objects.flatMap((one): Entry[] => (one === undefined ? [] : [[pair(id, one.id), value(one)]]));
}

/** First and last IOVA of each area. */
function areasOf(ioas: Ioas): Value {
  const map: Entry[] = [];
  forEachArea(ioas.areas, ({ iova, last }) => {
    map.push([iova, last]);
    return true;
  });
  return { map };
}

function attachedIn({ id, groups }: Context): Entry[] {
  return [...groups.values()].flatMap(({ key, slots }) =>
    [...slots]
      .sort(([one], [other]) => one - other)
      .map(([pasid, { hwptId }]): Entry => [{ tuple: [id, key, pasid] }, hwptId]),
  );
}
