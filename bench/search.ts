/**
 * Exhaustive search beside Spin and Rumur, where they are installed: the same model, whole processes that take turns. The engines
 * have to agree on the numbers of states and transitions, or nothing is measured.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { milliseconds, ratio, type Times, takeTurns } from './measure.ts';
import { PEER_SIZES } from './search-model.ts';
import { toMurphi, toPromela } from './search-peers.ts';

const ROUNDS = 5;
const STATES = 283_265;
const TRANSITIONS = 4_942_515;

/** Runs a search and returns what it wrote. */
type Contender = () => string;

function run(folder: string, command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
  return stdout;
}

function isInstalled(command: string, option: string): boolean {
  return spawnSync(command, [option], { encoding: 'utf8' }).error === undefined;
}

function spin(folder: string): Contender {
  writeFileSync(join(folder, 'small.pml'), toPromela(PEER_SIZES));
  run(folder, 'spin', ['-a', 'small.pml']);
  run(folder, 'gcc', ['-O3', '-DSAFETY', '-DNOREDUCE', '-DBFS', '-o', 'pan', 'pan.c']);
  return () => run(folder, './pan', ['-m10000000']);
}

function rumur(folder: string, symmetry: 'off' | 'heuristic' | 'exhaustive'): Contender {
  writeFileSync(join(folder, 'small.m'), toMurphi(PEER_SIZES));
  const options = ['--symmetry-reduction', symmetry, '--threads', '1', '--deadlock-detection', 'off'];
  run(folder, 'rumur', [...options, '--output', `${symmetry}.c`, 'small.m']);
  run(folder, 'gcc', ['-O3', '-march=native', '-mcx16', '-o', symmetry, `${symmetry}.c`, '-lpthread']);
  return () => run(folder, `./${symmetry}`, []);
}

function ours(symmetry: 'plain' | 'symmetry'): Contender {
  const script = fileURLToPath(new URL('./search-once.js', import.meta.url));
  return () => run(tmpdir(), process.execPath, [script, symmetry]);
}

/** The contenders that can run here. */
function contenders(folder: string): Record<string, Contender> {
  const all: Record<string, Contender> = { plain: ours('plain'), symmetry: ours('symmetry') };
  const compiler = isInstalled('gcc', '--version');
  if (compiler && isInstalled('spin', '-V')) all['spin'] = spin(folder);
  else console.log('spin: not measured, for spin or gcc is not installed here');
  if (compiler && isInstalled('rumur', '--version')) {
    for (const kind of ['off', 'heuristic', 'exhaustive'] as const)
      all[`rumur ${kind}`] = rumur(folder, kind);
  } else console.log('rumur: not measured, for rumur or gcc is not installed here');
  return all;
}

/** Throws unless what a search wrote has these numbers in it. */
function expectNumbers(name: string, text: string | undefined, numbers: readonly number[]): void {
  const missing = numbers.find((number) => text !== undefined && !text.includes(String(number)));
  if (missing !== undefined) throw new Error(`${name}: expected ${missing} in: ${text}`);
}

export async function benchSearch(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ioasis-search-'));
  try {
    const all = contenders(folder);
    expectNumbers('ours', all['plain']?.(), [STATES, TRANSITIONS]);
    expectNumbers('ours with symmetry', all['symmetry']?.(), [1485]);
    // Spin counts the initial state as a transition.
    expectNumbers('spin', all['spin']?.(), [STATES, TRANSITIONS + 1]);
    expectNumbers('rumur', all['rumur off']?.(), [STATES, TRANSITIONS]);
    expectNumbers('rumur with symmetry', all['rumur exhaustive']?.(), [1485]);
    print(await takeTurns(ROUNDS, all));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function print(times: Readonly<Record<string, Times>>): void {
  console.log(
    `${TRANSITIONS} transitions, whole processes in turns, ${ROUNDS} rounds, ${cpus().length} cores:`,
  );
  for (const [name, time] of Object.entries(times)) {
    const rate = (TRANSITIONS / time.median / 1000).toFixed(2);
    const moves =
      name === 'symmetry' || name === 'rumur heuristic' || name === 'rumur exhaustive'
        ? ''
        : `, ${rate}M transitions/s`;
    console.log(`  ${name.padEnd(18)} ${milliseconds(time)}${moves}`);
  }
  const { plain, symmetry, spin: other, 'rumur exhaustive': reduced } = times;
  if (plain !== undefined && other !== undefined) {
    console.log(`  our share of Spin's transitions/s: ${ratio(other, plain)}; at least 0.25 is wanted`);
  }
  if (symmetry !== undefined && other !== undefined) {
    console.log(`  Spin's time over ours with symmetry: ${ratio(other, symmetry)}; more than 1 is wanted`);
  }
  if (symmetry !== undefined && reduced !== undefined) {
    console.log(`  Rumur's time with exhaustive symmetry over ours: ${ratio(reduced, symmetry)}`);
  }
}

await benchSearch();
