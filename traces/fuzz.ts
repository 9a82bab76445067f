/** A fuzzing campaign: programs generated, run and checked in chunks that depend on nothing but the seed and their number. */
import { Coverage } from '../explore/coverage.ts';
import { Energy } from '../explore/energy.ts';
import { Random } from '../explore/random.ts';
import { walk } from '../explore/walk.ts';
import { FuzzSystem, type Reference } from './fuzz-system.ts';
import type { Step, Target } from './program.ts';
import type { ProgramMachine } from './program-machine.ts';

export type FuzzOptions = Readonly<{
  target: Target;
  seed: number;
  /** Steps of one program. */
  commands: number;
  /** Share of calls with something wrong, 0 to 1. */
  wrong: number;
  /** Allocations fail in some calls. */
  failNth?: boolean;
}>;

/** A program after which something did not hold. */
export type RawFailure = Readonly<{ run: number; invariant: string; detail: string; steps: readonly Step[] }>;

export type ChunkResult = Readonly<{
  runs: number;
  commands: number;
  /** Rules and events reached, with how often. */
  visits: [string, number][];
  failures: RawFailure[];
  /** Programs that reached something that no program of the chunk had reached before. */
  pioneers: (readonly Step[])[];
}>;

/** Programs of a chunk: what one learns serves the next, and chunks can run anywhere. */
export const CHUNK_RUNS = 2000;
/** Share of programs that begin as one that found something new. */
const RESUMED = 0.25;
const POOL_MAX = 64;
/** Equal invariants are reported this often in a chunk; the rest is the same again as a rule. */
const FAILURES_MAX = 8;

/** Models to run on instead of this one: the one under test, and one that it has to agree with. */
export type Models = Readonly<{ machine?: () => ProgramMachine; reference?: () => Reference }>;

/** A chunk after one of its programs. */
export type ChunkUnderway = Readonly<{ failures: readonly RawFailure[]; soFar: () => ChunkResult }>;

/** Runs programs `first` to `first + count - 1` of the campaign, all of one chunk. `stop` may end it after any program. */
export function fuzzChunk(
  options: FuzzOptions,
  first: number,
  count: number,
  models: Models = {},
  stop: (failures: readonly RawFailure[]) => boolean = () => false,
): ChunkResult {
  const chunk = fuzzing(options, first, count, models);
  for (;;) {
    const { done, value } = chunk.next();
    if (done === true) return value;
    if (stop(value.failures)) return value.soFar();
  }
}

/** fuzzChunk() with a pause after each program. */
export function* fuzzing(
  options: FuzzOptions,
  first: number,
  count: number,
  models: Models = {},
): Generator<ChunkUnderway, ChunkResult> {
  const system = new FuzzSystem(options.target, options.wrong, models.reference?.(), models.machine?.());
  const coverage = new Coverage();
  const energy = new Energy(system.generator.choices.map(({ weight }) => weight));
  const random = new Random(options.seed, Math.floor(first / CHUNK_RUNS));
  const pool: (readonly Step[])[] = [];
  const pioneers: (readonly Step[])[] = [];
  const failures: RawFailure[] = [];
  let commands = 0;
  let runs = 0;
  const soFar = (): ChunkResult => ({ runs, commands, visits: coverage.entries(), failures, pioneers });
  while (runs < count) {
    const prefix = prefixFrom(pool, random);
    system.failNth = options.failNth === true;
    const { steps, news } = walk(system, { random, energy, coverage }, options.commands, prefix);
    const fault = system.faultFound ?? endOf(system);
    commands += steps.length;
    if (news > 0) {
      pioneers.push(steps);
      pool.push(steps);
      if (pool.length > POOL_MAX) pool.shift();
    }
    if (fault !== undefined && failures.length < FAILURES_MAX)
      failures.push({ run: first + runs, ...fault, steps });
    runs++;
    yield { failures, soFar };
  }
  return soFar();
}

/** The beginning of a program that found something new, cut anywhere. */
function prefixFrom(pool: readonly (readonly Step[])[], random: Random): readonly Step[] {
  if (pool.length === 0 || !random.chance(RESUMED)) return [];
  const chosen = random.pick(pool);
  return chosen.slice(0, 1 + random.below(chosen.length));
}

/** The process ends: whatever it had is given back, which has to add up too. */
function endOf(system: FuzzSystem): FuzzSystem['faultFound'] {
  system.finish();
  return system.faultFound;
}
