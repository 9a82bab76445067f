/** Laws of the snapshot over recorded programs: Immer and in place agree, replay is deterministic, nothing outlives a context. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Event } from '../events/event.ts';
import { emptyWorld, type World } from '../machines/world.ts';
import { applyEvent, evolve } from '../reducers/evolve.ts';
import { observe } from '../reducers/observable.ts';
import { replayTrace } from '../traces/replay-trace.ts';

const TOP = 2 ** 47 - 4096;

async function eventsOf(name: string, until: number): Promise<Event[]> {
  const events: Event[] = [];
  const path = fileURLToPath(new URL(`../traces/corpus/${name}`, import.meta.url));
  await replayTrace(path, { until, onEvent: (event) => events.push(event) }, { onCall: () => undefined });
  return events;
}

const picture = (world: World): unknown => [
  [...world.hardware.rids].map(([rid, state]) => [rid, state.deviceId, [...state.entries]]),
  [...world.hardware.instances].map(([name, { ids }]) => [name, [...ids]]),
  world.hardware.pending,
  world.hardware.stale,
  world.hardware.transitions,
  [...world.contexts.keys()].map((id) => observe(world, id)),
];

describe('hardware over recordings', () => {
  it.each(['kernel-7.3.4/deep/deep-005201.jsonl.gz', 'kernel-7.3.4/vfio-vtd/vtd-000001.jsonl.gz'])(
    'is the same through Immer and in place: %s',
    async (name) => {
      const events = await eventsOf(name, 900);
      const inPlace = emptyWorld(TOP);
      let immutable = emptyWorld(TOP);
      let changes = 0;
      for (const event of events) {
        const before = inPlace.hardware.transitions;
        applyEvent(inPlace, event);
        immutable = evolve(immutable, event);
        if (inPlace.hardware.transitions === before) continue;
        changes++;
        expect(picture(immutable)).toEqual(picture(inPlace));
      }
      expect(changes).toBeGreaterThan(50);
    },
  );
});
