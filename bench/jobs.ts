/**
 * What a second thread brings: the same work with `--jobs 1`, with `--jobs 2`, and in two processes side by side that know nothing of
 * each other. Two processors of a virtual machine are often less than two: no pool of threads can beat those two processes.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SELFTEST } from './corpus.ts';
import { milliseconds, ratio, takeTurns } from './measure.ts';

const ROUNDS = 3;
const RUNS = 40_000;
const CLI = fileURLToPath(new URL('../cli/ioasis.js', import.meta.url));

function ioasis(...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve, reject) =>
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`ioasis ${args[0]} ended with ${code}`)),
    ),
  );
}

type Contenders = Readonly<Record<'one' | 'two' | 'apart', () => Promise<unknown>>>;

async function measure(what: string, contenders: Contenders): Promise<void> {
  const { one, two, apart } = await takeTurns(ROUNDS, contenders);
  console.log(what);
  console.log(`  --jobs 1       ${milliseconds(one)}`);
  console.log(`  --jobs 2       ${milliseconds(two)}, faster by ${ratio(one, two)}`);
  console.log(
    `  two processes  ${milliseconds(apart)}, faster by ${ratio(one, apart)}: the most that is to be had here`,
  );
}

const fuzz = (runs: number, seed: number, jobs: number) =>
  ioasis('fuzz', '--runs', String(runs), '--seed', String(seed), '--jobs', String(jobs));
const replay = (jobs: number) => ioasis('replay', SELFTEST, '--jobs', String(jobs));

await measure(`${RUNS} programs of 30 calls`, {
  one: () => fuzz(RUNS, 1, 1),
  two: () => fuzz(RUNS, 1, 2),
  apart: () => Promise.all([fuzz(RUNS / 2, 1, 1), fuzz(RUNS / 2, 2, 1)]),
});
await measure(`twice all of ${SELFTEST}`, {
  one: () => ioasis('replay', SELFTEST, SELFTEST, '--jobs', '1'),
  two: () => ioasis('replay', SELFTEST, SELFTEST, '--jobs', '2'),
  apart: () => Promise.all([replay(1), replay(1)]),
});
