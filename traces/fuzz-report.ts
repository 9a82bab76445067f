/** What a campaign found: chunks merged in the order of their numbers, failures shrunk, each bug once. */
import { Coverage } from '../explore/coverage.ts';
import type { ChunkResult, FuzzOptions, Models, RawFailure } from './fuzz.ts';
import { type RuleCoverage, ruleCoverage } from './fuzz-rules.ts';
import { shrinkFailure, Trier } from './fuzz-shrink.ts';
import type { Program, Step } from './program.ts';
import { stepText, writeSyz } from './syz-write.ts';

export type FuzzFailure = Readonly<{
  seed: number;
  /** Number of the program in the campaign. */
  run: number;
  invariant: string;
  detail: string;
  program: Program;
  /** Programs that shrank to the same one, this one included. */
  times: number;
}>;

/** Failures with one invariant that are shrunk; more of them are the same again as a rule. */
const SHRUNK_EACH = 12;

export class FuzzReport {
  runs = 0;
  commands = 0;
  readonly coverage = new Coverage();
  readonly pioneers: (readonly Step[])[] = [];
  private readonly raw: RawFailure[] = [];
  private readonly options: FuzzOptions;

  constructor(options: FuzzOptions) {
    this.options = options;
  }

  add(chunk: ChunkResult): void {
    this.runs += chunk.runs;
    this.commands += chunk.commands;
    this.coverage.merge(chunk.visits);
    this.pioneers.push(...chunk.pioneers);
    this.raw.push(...chunk.failures);
  }

  rules(): RuleCoverage {
    return ruleCoverage(this.options.target, (rule) => this.coverage.has(rule));
  }

  /** Every bug once, the one met first leading. */
  failures(models: Models = {}): FuzzFailure[] {
    const { target, seed } = this.options;
    const found = new Map<string, FuzzFailure>();
    const tried = new Map<string, number>();
    const trier = new Trier(target, models);
    for (const { run, invariant, detail, steps } of this.raw) {
      const count = tried.get(invariant) ?? 0;
      tried.set(invariant, count + 1);
      if (count >= SHRUNK_EACH) continue;
      const shrunk = shrinkFailure(target, steps, { invariant, detail }, trier);
      const key = `${shrunk.fault.invariant}\n${writeSyz(shrunk.program)}`;
      const known = found.get(key);
      if (known !== undefined) found.set(key, { ...known, times: known.times + 1 });
      else found.set(key, { seed, run, ...shrunk.fault, program: shrunk.program, times: 1 });
    }
    return [...found.values()];
  }
}

/** The JSON that `ioasis fuzz --json` prints. */
export function fuzzJson(
  report: FuzzReport,
  failures: readonly FuzzFailure[],
  seed: number,
  elapsedMs: number,
): Record<string, unknown> {
  const { runs, commands } = report;
  return {
    schema: 'ioasis.fuzz/1',
    seed,
    runs,
    commands,
    commandsPerSecond: elapsedMs > 0 ? Math.round((commands * 1000) / elapsedMs) : 0,
    rules: report.rules(),
    failures: failures.map((failure) => ({
      seed: failure.seed,
      run: failure.run,
      invariant: failure.invariant,
      detail: failure.detail,
      times: failure.times,
      length: failure.program.steps.length,
      program: failure.program.steps.map(stepText),
    })),
    elapsedMs: Math.round(elapsedMs),
  };
}
