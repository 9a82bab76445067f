/**
 * Seeds defects into the model, one after another, and lets the fuzzer look for each. Prints a table, as it stands in
 * docs/DEFECTS.md. Arguments: names of defects, all without; `--write` puts the table there.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CHUNK_RUNS, fuzzChunk, type Models, type RawFailure } from '../traces/fuzz.ts';
import { type ShrunkFailure, shrinkFailure, Trier } from '../traces/fuzz-shrink.ts';
import { ProgramMachine } from '../traces/program-machine.ts';
import { FUZZ_MEMORY } from '../traces/program-memory.ts';
import { targetOf } from '../traces/program-target.ts';
import { stepText } from '../traces/syz-write.ts';
import { buildDefect, type Defect, importFrom, readDefects } from './fuzz-defect-patch.ts';

/** Programs within which a defect has to be found, and commands that its minimal program may have: calls that do not just open. */
export const RUNS_MAX = 20_000;
export const LENGTH_MAX = 8;
/** Failures that are shrunk; the shortest counts. */
const TRIED = 3;
const COMMANDS = 30;
const WRONG = 0.25;
const SEED = 1;

export type Finding = Readonly<{
  defect: Defect;
  /** Programs until it was found; undefined where it was not. */
  runs: number | undefined;
  shrunk: ShrunkFailure | undefined;
}>;

type MachineModule = Readonly<{ ProgramMachine: typeof ProgramMachine }>;

/** Looks for one defect. */
export async function findDefect(root: string, defect: Defect): Promise<Finding> {
  const { folder, remove } = buildDefect(root, defect);
  try {
    const { ProgramMachine: Patched } = await importFrom<MachineModule>(folder, 'traces/program-machine.js');
    return look(defect, Patched);
  } finally {
    remove();
  }
}

function look(defect: Defect, Patched: typeof ProgramMachine): Finding {
  const target = targetOf('7.3.4', defect.iommu);
  const reference = () => {
    const sound = new ProgramMachine(target);
    return { start: () => sound.start(FUZZ_MEMORY), perform: sound.perform.bind(sound) };
  };
  const models: Models = {
    machine: () => new Patched(target),
    ...(defect.seenBy === 'differential' ? { reference } : {}),
  };
  const options = { target, seed: SEED, commands: COMMANDS, wrong: WRONG };
  // What the sound model does too is not the defect's doing.
  const sound = new Trier(target);
  const isDue = (failure: RawFailure | undefined): failure is RawFailure =>
    failure !== undefined && sound.faultOf(failure.steps) === undefined;
  for (let first = 0; first < RUNS_MAX; first += CHUNK_RUNS) {
    const enough = (found: readonly RawFailure[]) =>
      found.length >= TRIED && found.filter(isDue).length >= TRIED;
    const failures = fuzzChunk(options, first, CHUNK_RUNS, models, enough).failures.filter(isDue);
    const [failure] = failures;
    if (failure === undefined) continue;
    const trier = new Trier(target, models);
    const shrunk = failures.slice(0, TRIED).map((one) => shrinkFailure(target, one.steps, one, trier));
    shrunk.sort((one, other) => one.program.steps.length - other.program.steps.length);
    return { defect, runs: failure.run + 1, shrunk: shrunk[0] };
  }
  return { defect, runs: undefined, shrunk: undefined };
}

/** Commands of a minimal program: its calls without those that only open a descriptor. */
export function commandsOf({ shrunk }: Finding): number {
  return shrunk?.program.steps.filter(({ call }) => call !== 'open').length ?? 0;
}

/** Rows of the table of docs/DEFECTS.md. */
export function tableOf(findings: readonly Finding[]): string {
  const rows = findings.map((finding) => {
    const { defect, runs, shrunk } = finding;
    const found = runs === undefined ? 'not found' : `program ${runs}`;
    const seen =
      shrunk === undefined ? '' : defect.seenBy === 'differential' ? 'differential' : shrunk.fault.invariant;
    return `| ${defect.name} | ${defect.what} | ${seen} | ${found} | ${commandsOf(finding)} | ${shrunk?.program.steps.length ?? ''} |`;
  });
  return [
    '| defect | what the model does wrong | seen by | found in | commands | calls |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** The middle of the lengths of the minimal programs, in commands. */
export function medianLength(findings: readonly Finding[]): number {
  const lengths = findings.filter(({ shrunk }) => shrunk !== undefined).map(commandsOf);
  return lengths.sort((one, other) => one - other)[Math.floor(lengths.length / 2)] ?? 0;
}

const MARK = '<!-- table of seeded defects, written by bench/fuzz-defects.ts -->';

async function main(): Promise<void> {
  const root = process.cwd();
  const names = process.argv.slice(2).filter((one) => !one.startsWith('--'));
  const defects = readDefects(join(root, 'test', 'defects')).filter(
    ({ name }) => names.length === 0 || names.some((one) => name.includes(one)),
  );
  const findings: Finding[] = [];
  for (const defect of defects) {
    const finding = await findDefect(root, defect);
    findings.push(finding);
    const length = finding.shrunk?.program.steps.length;
    process.stderr.write(
      `${defect.name}: ${finding.runs ?? 'not found'}, ${length ?? '-'} calls, ${finding.shrunk?.fault.detail ?? ''}\n`,
    );
    if (names.length > 0) process.stderr.write(`${finding.shrunk?.program.steps.map(stepText).join('\n')}\n`);
  }
  const found = findings.filter(({ runs }) => runs !== undefined);
  const longest = Math.max(0, ...findings.map(commandsOf));
  const summary = `${found.length} of ${findings.length} found within ${RUNS_MAX} programs; ${longest} commands at most, ${medianLength(findings)} in the middle.`;
  process.stdout.write(`${tableOf(findings)}\n\n${summary}\n`);
  if (process.argv.includes('--write')) {
    const path = join(root, 'docs', 'DEFECTS.md');
    const [head = ''] = readFileSync(path, 'utf8').split(MARK);
    writeFileSync(path, `${head}${MARK}\n\n${tableOf(findings)}\n\n${summary}\n`);
  }
  if (found.length < findings.length || longest > LENGTH_MAX) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
