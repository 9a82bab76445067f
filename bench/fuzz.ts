/**
 * Calls a second of the fuzzer, invariants on, beside the usual way to do this: fc.commands() over a model that Immer keeps
 * immutable, checked by the same invariants. Both take turns on one core, so the ratio means something on a busy machine, too.
 */
import fc from 'fast-check';
import { produce } from 'immer';
import type { Command } from '../events/command.ts';
import { decide } from '../machines/decide.ts';
import { kernelProfiles } from '../machines/kernel-profile.ts';
import type { ObjectKind } from '../machines/objects.ts';
import type { Site } from '../machines/site.ts';
import { emptyWorld, type World } from '../machines/world.ts';
import { applyEvent, evolve } from '../reducers/evolve.ts';
import { checkInvariants } from '../reducers/invariants.ts';
import { CHUNK_RUNS, fuzzChunk } from '../traces/fuzz.ts';
import { platformOf } from '../traces/platform-of.ts';
import { headerOf, targetOf } from '../traces/program-target.ts';
import { ratio, shareOf, takeTurns } from './measure.ts';

const ROUNDS = 9;
const WARM_UP = 3;
const COMMANDS = 30;
const BASELINE_RUNS = 40;
const PID = 1;
const FD = 3;

const target = targetOf('7.3.4', 'mock');
const platform = platformOf(headerOf(target), undefined);
const kernel = kernelProfiles.get(target.kernel);
if (kernel === undefined) throw new Error(`invariant: no profile of ${target.kernel}`);
const profile = kernel;

/** The model and the system under test are the same here: what is measured is the way of running commands. */
type Model = { world: World };

const opened = evolve(emptyWorld(2 ** 47 - 4096), {
  type: 'ContextOpened',
  pid: PID,
  fd: FD,
  path: '/dev/iommu',
  kind: 'iommufd',
});

function siteOf(world: World): Site {
  const process = world.processes.get(PID);
  const file = world.files.get(process?.fds.get(FD) ?? 0);
  const context = world.contexts.get(file?.contextId ?? 0);
  if (process === undefined || file === undefined || context === undefined)
    throw new Error('invariant: the baseline has lost its descriptor');
  return {
    world,
    kernel: profile,
    platform,
    process,
    space: world.spaces.get(process.spaceId),
    context,
    file,
    arg: 0x2000_0000,
    structLength: 72,
    second: undefined,
    descriptor: undefined,
    newFd: -1,
    trusting: false,
    reissued: () => false,
    adoptedIova: undefined,
  };
}

let ran = 0;

/** A command on the `nth` live object of a kind, as fc.commands() has it: checked against the model, then run. */
class PlainCommand implements fc.Command<Model, Model> {
  readonly kinds: readonly ObjectKind[];
  readonly nth: readonly number[];
  readonly make: (ids: readonly number[]) => Command;

  constructor(
    kinds: readonly ObjectKind[],
    nth: readonly number[],
    make: (ids: readonly number[]) => Command,
  ) {
    this.kinds = kinds;
    this.nth = nth;
    this.make = make;
  }

  check(model: Readonly<Model>): boolean {
    return this.idsIn(model) !== undefined;
  }

  run(model: Model): void {
    ran++;
    const command = this.make(this.idsIn(model) ?? []);
    model.world = produce(model.world, (draft: World) => {
      for (const event of decide(siteOf(draft), command).events) applyEvent(draft, event);
    });
    const [violation] = checkInvariants(model.world);
    if (violation !== undefined) throw new Error(violation.detail);
  }

  private idsIn(model: Readonly<Model>): number[] | undefined {
    const { objects } = siteOf(model.world).context;
    const ids: number[] = [];
    for (const [index, kind] of this.kinds.entries()) {
      const found = objects.filter((object) => object?.kind === kind);
      const chosen = found[(this.nth[index] ?? 0) % Math.max(1, found.length)];
      if (chosen === undefined) return undefined;
      ids.push(chosen.id);
    }
    return ids;
  }
}

const page = fc.integer({ min: 0, max: 15 }).map((at) => BigInt(at) * 0x1000n);
const pages = fc.integer({ min: 1, max: 8 }).map((count) => BigInt(count) * 0x1000n);
const nth = fc.array(fc.nat({ max: 7 }), { minLength: 2, maxLength: 2 });
const test = { size: 72, id: 0 };
const made = { outStdevId: 0, outHwptId: 0, outIdevId: 0 };
const noData = { reserved: 0, dataType: 0, dataLen: 0, dataUptr: 0n, faultId: 0, reserved2: 0 };

const commands: fc.Arbitrary<PlainCommand>[] = [
  fc.constant(new PlainCommand([], [], () => ({ type: 'IoasAlloc', size: 12, flags: 0, outIoasId: 0 }))),
  fc.tuple(nth, page, pages).map(([at, iova, length]) => {
    const map = { size: 40, flags: 7, reserved: 0, userVa: 0x2020_0000n, length, iova: 0x100_0000n + iova };
    return new PlainCommand(['ioas'], at, ([ioasId = 0]) => ({ type: 'IoasMap', ioasId, ...map }));
  }),
  fc.tuple(nth, page, pages).map(([at, iova, length]) => {
    const unmap = { size: 24, iova: 0x100_0000n + iova, length };
    return new PlainCommand(['ioas'], at, ([ioasId = 0]) => ({ type: 'IoasUnmap', ioasId, ...unmap }));
  }),
  nth.map(
    (at) =>
      new PlainCommand(['ioas'], at, ([id = 0]) => ({ ...test, ...made, type: 'TestMockDomain', op: 2, id })),
  ),
  nth.map(
    (at) =>
      new PlainCommand(['selftest', 'ioas'], at, ([id = 0, ptId = 0]) => {
        return { ...test, type: 'TestMockDomainReplace', op: 10, id, ptId };
      }),
  ),
  fc.tuple(nth, fc.nat({ max: 15 })).map(
    ([at, flags]) =>
      new PlainCommand(['device', 'ioas'], at, ([devId = 0, ptId = 0]) => {
        return { type: 'HwptAlloc', size: 48, flags, devId, ptId, outHwptId: 0, ...noData };
      }),
  ),
  nth.map((at) => new PlainCommand(['hwpt-paging'], at, ([id = 0]) => ({ type: 'Destroy', size: 8, id }))),
];

function baseline(): void {
  const steps = fc.commands(commands, { size: 'max', maxCommands: COMMANDS });
  const property = fc.property(steps, (list) => {
    const model = { world: opened };
    fc.modelRun(() => ({ model, real: model }), list);
  });
  fc.assert(property, { numRuns: BASELINE_RUNS, seed: 1 });
}

let chunk = 0;
let fuzzed = 0;

function fuzzer(): void {
  const options = { target, seed: 1, commands: COMMANDS, wrong: 0.25 };
  fuzzed += fuzzChunk(options, chunk++ * CHUNK_RUNS, CHUNK_RUNS).commands;
}

const times = await takeTurns(ROUNDS, { baseline, fuzzer }, WARM_UP);
const turns = ROUNDS + WARM_UP;
const one = shareOf(times.baseline, ran / turns);
const other = shareOf(times.fuzzer, fuzzed / turns);
const perSecond = (ms: number) => `${Math.round(1000 / ms)} calls/s`;

console.log(`fc.commands and Immer  ${perSecond(one.median)} (at best ${perSecond(one.least)})`);
console.log(`ioasis fuzz            ${perSecond(other.median)} (at best ${perSecond(other.least)})`);
console.log(`the fuzzer is faster by ${ratio(one, other)}`);
