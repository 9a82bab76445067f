/** Decide and fold alone: compiled tables and recipes in place, against an actor per object and an Immer draft per event. */
import type { Event } from '../events/event.ts';
import { USER_TOP } from '../machines/address-space.ts';
import { decide } from '../machines/decide.ts';
import type { KernelProfile } from '../machines/kernel-profile.ts';
import type { Platform } from '../machines/platform.ts';
import type { Site } from '../machines/site.ts';
import { emptyWorld, type World } from '../machines/world.ts';
import { applyEvent, evolve } from '../reducers/evolve.ts';
import { openSession } from '../traces/replay-trace.ts';
import { ActorPool } from './actor-pool.ts';
import { type CallStep, recordSteps, type Steps } from './core-steps.ts';
import { largestRecording, SELFTEST } from './corpus.ts';
import { milliseconds, rate, ratio, takeTurns } from './measure.ts';

const ROUNDS = 3;
/** A recording of one long context. */
const LONG = `${SELFTEST}/037-iommufd_ioas.no_domain.ioas_iova_alloc.jsonl.gz`;

/** Answers the world after `event`: the same, changed, or another. */
type Follow = (world: World, event: Event) => World;

type Place = Readonly<{ kernel: KernelProfile; platform: Platform }>;

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`invariant: no ${what}`);
  return value;
}

/** The site of a call, as the engine fills it. */
function siteOf(world: World, place: Place, call: CallStep): Site {
  const process = found(world.processes.get(call.pid), `process ${call.pid}`);
  const fileId = found(process.fds.get(call.fd), `descriptor ${call.fd}`);
  const file = found(world.files.get(fileId), `file ${fileId}`);
  const { arg, structLength, second, descriptor, newFd } = call;
  return {
    world,
    kernel: place.kernel,
    platform: place.platform,
    process,
    space: world.spaces.get(process.spaceId),
    context: world.contexts.get(file.contextId) ?? call.context,
    file,
    arg,
    structLength,
    second,
    descriptor,
    newFd,
    trusting: false,
    adoptedIova: undefined,
    reissued: () => false,
  };
}

/** What both contenders do alike: only how they follow events differs. */
function run({ header, steps }: Steps, follow: Follow): World {
  const place = openSession(header, { file: 'bench', line: 1 }, {});
  let world = emptyWorld(USER_TOP[header.arch] ?? 0);
  for (const { facts, call } of steps) {
    for (const event of facts) world = follow(world, event);
    if (call === undefined) continue;
    const { events } = decide(siteOf(world, place, call), call.command);
    for (const event of events) world = follow(world, event);
  }
  return world;
}

const inPlace: Follow = (world, event) => {
  applyEvent(world, event);
  return world;
};

function withActors(): Follow {
  const actors = new ActorPool();
  return (world, event) => {
    const next = evolve(world, event);
    actors.tell(next, event);
    return next;
  };
}

async function measure(path: string): Promise<void> {
  const steps = await recordSteps(path);
  const { tables, actors } = await takeTurns(ROUNDS, {
    tables: () => run(steps, inPlace),
    actors: () => run(steps, withActors()),
  });
  const { calls, events } = steps;
  console.log(`core alone, ${path}: ${calls} calls, ${events} events`);
  console.log(
    `  tables, recipes in place              ${milliseconds(tables)}, ${rate(calls, tables.median)}`,
  );
  console.log(
    `  an actor per object, a draft an event ${milliseconds(actors)}, ${rate(calls, actors.median)}`,
  );
  console.log(`  ratio                                 ${ratio(actors, tables)}`);
}

export async function benchCore(): Promise<void> {
  await measure(largestRecording());
  await measure(LONG);
}
