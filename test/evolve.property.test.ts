import { join } from 'node:path';
import fc from 'fast-check';
import { freeze } from 'immer';
import { describe, expect, it } from 'vitest';
import type { Event } from '../events/event.ts';
import { USER_TOP } from '../machines/address-space.ts';
import { decide } from '../machines/decide.ts';
import { emptyWorld, type World } from '../machines/world.ts';
import { applyEvent, evolve } from '../reducers/evolve.ts';
import { copyWorld } from '../traces/copy-world.ts';
import { predictionOf } from '../traces/prediction-line.ts';
import { findTraces } from '../traces/read-trace.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import { commandOf, programs, secondOf } from './support/arbitraries.ts';
import { listOf } from './support/areas.ts';
import { CORPUS } from './support/corpus-run.ts';
import { finish, run, type Tally, take } from './support/random-program.ts';

const SEED = 20_260_907;

/** A world as plain data: area trees as lists. */
function plain(world: World): unknown {
  const contexts = [...copyWorld(world).contexts.values()].map((context) => ({
    ...context,
    objects: context.objects.map((object) =>
      object?.kind === 'ioas' ? { ...object, areas: listOf(object.areas) } : object,
    ),
  }));
  return { ...world, contexts };
}

function inPlace(events: readonly Event[], userTop: number): World {
  const world = emptyWorld(userTop);
  for (const event of events) applyEvent(world, event);
  return world;
}

/** Both ways to run the reducers, on the same events. */
function expectEqualWays(events: readonly Event[], userTop: number): void {
  const immutable = events.reduce(evolve, emptyWorld(userTop));
  expect(plain(immutable)).toEqual(plain(inPlace(events, userTop)));
}

describe('random programs', () => {
  const tally: Tally = new Map();

  it('keep every count right, and leave nothing when everything is closed', () => {
    fc.assert(
      fc.property(programs(60), fc.constantFrom('7.3.4', '6.12.117'), (program, release) => {
        const world = run(program, { release }, tally);
        finish(world);
        expect(world.world.contexts.size).toBe(0);
        expect([...world.world.charged.values()].filter((count) => count !== 0)).toEqual([]);
        expect(world.world.files.size).toBe(0);
        expect(world.world.groupOwners.size).toBe(0);
      }),
      { seed: SEED, numRuns: 400 },
    );
  });

  it('keep accounts right for a process that may lock little', () => {
    fc.assert(
      fc.property(programs(60), (program) => {
        const world = run(program, { capabilities: 1n << 24n, memlock: 0x5000n }, tally);
        for (const count of world.world.charged.values()) expect(count).toBeLessThanOrEqual(5);
        finish(world);
        expect([...world.world.charged.values()].filter((count) => count !== 0)).toEqual([]);
      }),
      { seed: SEED + 1, numRuns: 100 },
    );
  });

  it('reach what they should: successes of every command, and many errnos', () => {
    const met = [...tally.keys()];
    const succeeded = met.filter((key) => key.endsWith(' success')).map((key) => key.split(' ')[0]);
    for (const type of [
      'IoasMap',
      'IoasCopy',
      'HwptAlloc',
      'TestPasidAttach',
      'VdeviceAlloc',
      'HwQueueAlloc',
      'TestAccessPages',
      'TestDirty',
      'VfioIommuUnmapDma',
      'Destroy',
      'HwptInvalidate',
      'TestMockDomainReplace',
    ])
      expect(succeeded).toContain(type);
    expect(met.filter((key) => !key.includes(' ')).length).toBeGreaterThan(15);
  });

  it('are the same a second time', () => {
    fc.assert(
      fc.property(programs(40), (program) => {
        const [one, other] = [run(program), run(program)];
        expect(one.log).toEqual(other.log);
        expect(one.world).toEqual(other.world);
      }),
      { seed: SEED + 2, numRuns: 40 },
    );
  });

  it('change nothing while they are decided, refused or not', () => {
    fc.assert(
      fc.property(programs(30), (program) => {
        const world = run(program.slice(0, 10));
        for (const step of program) {
          if (world.context().broken !== '') return;
          const before = copyWorld(world.world);
          const command = commandOf(world, step);
          const second = secondOf(command, step);
          const outcome = decide(world.site(second === undefined ? {} : { second }), command);
          expect(world.world).toEqual(before);
          if (outcome.rule === undefined && outcome.missing === undefined)
            expect(outcome.ret).toBeGreaterThanOrEqual(0);
          else
            expect([outcome.ret, outcome.missing !== undefined]).toEqual(
              outcome.rule ? [-1, false] : [0, true],
            );
          take(world, step, new Map());
        }
      }),
      { seed: SEED + 3, numRuns: 30 },
    );
  });
});

describe('evolve() and applyEvent()', () => {
  it('leave the same world after random programs', () => {
    fc.assert(
      fc.property(programs(40), (program) => {
        const { log, world } = run(program);
        expectEqualWays(log, world.userTop);
      }),
      { seed: SEED + 4, numRuns: 40 },
    );
  });

  it('keep the world before each event as it was', () => {
    fc.assert(
      fc.property(programs(25), (program) => {
        const { log, world } = run(program);
        let before = freeze(emptyWorld(world.userTop), true);
        for (const event of log) {
          const copy = plain(before);
          const after = evolve(before, event);
          expect(plain(before)).toEqual(copy);
          expect(Object.isFrozen(after)).toBe(true);
          before = after;
        }
        expect(plain(before)).toEqual(plain(world));
      }),
      { seed: SEED + 5, numRuns: 12 },
    );
  });

  it.each(['kernel-7.3.4/selftest', 'kernel-7.3.4/vfio-smmuv3', 'kernel-6.12.117/selftest'])(
    'leave the same world after recordings of %s',
    async (folder) => {
      const paths = findTraces(join(CORPUS, folder)).filter((_path, index) => index % 12 === 0);
      for (const path of paths) {
        const events: Event[] = [];
        let world: World | undefined;
        let userTop = 0;
        await replayTrace(
          path,
          { onEvent: (event) => events.push(event), until: 900 },
          {
            onSession: ({ engine, header }) => {
              world = engine.world;
              userTop = USER_TOP[header.arch] ?? 0;
            },
            onCall: () => undefined,
          },
        );
        if (world === undefined) throw new Error(`${path} has no header`);
        const short = events.slice(0, 400);
        expectEqualWays(short, userTop);
      }
    },
  );
});

describe('replay', () => {
  it('is the same a second time, call by call', async () => {
    const path = join(CORPUS, 'kernel-7.3.4/deep/deep-005101.jsonl.gz');
    const replay = async () => {
      const predictions: string[] = [];
      let world: World | undefined;
      await replayTrace(
        path,
        { until: 6000 },
        {
          onSession: ({ engine }) => {
            world = engine.world;
          },
          onCall: (result) => {
            predictions.push(JSON.stringify(predictionOf('', result)));
          },
        },
      );
      return { predictions, world };
    };
    const [one, other] = [await replay(), await replay()];
    expect(one.predictions.length).toBeGreaterThan(4000);
    expect(one.predictions).toEqual(other.predictions);
    expect(one.world).toEqual(other.world);
  });
});
