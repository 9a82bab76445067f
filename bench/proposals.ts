/** Every proposal at its default bound, as a whole process: time and memory, beside the same search with symmetry off. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PROPOSALS } from '../proposals/proposals.ts';
import { PLATFORMS } from '../proposals/setup.ts';

const SECONDS_WANTED = 60;
const MIB_WANTED = 2048;
const CLI = fileURLToPath(new URL('../cli/ioasis.js', import.meta.url));

/** Runs `ioasis verify` and says what the kernel counted of its memory when it ended. */
const MEASURED =
  'process.on("exit", () => process.stderr.write(String(process.resourceUsage().maxRSS)));' +
  `await import(${JSON.stringify(`file://${CLI}`)});`;

type Measure = Readonly<{ seconds: number; mib: number; states: number; transitions: number }>;

function measure(args: readonly string[]): Measure {
  const start = performance.now();
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', MEASURED, 'verify', ...args, '--json'],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  const seconds = (performance.now() - start) / 1000;
  const { states, transitions }: { states: number; transitions: number } = JSON.parse(stdout);
  return { seconds, mib: Number(stderr) / 1024, states, transitions };
}

let [slowest, largest] = [0, 0];
console.log('whole processes of ioasis verify, every property, default bound:');
for (const { id } of PROPOSALS) {
  for (const platform of PLATFORMS) {
    const { seconds, mib, states, transitions } = measure([id, '--platform', platform]);
    const plain = measure([id, '--platform', platform, '--no-symmetry']);
    slowest = Math.max(slowest, seconds);
    largest = Math.max(largest, mib);
    console.log(
      `  ${id.padEnd(20)} ${platform.padEnd(5)} ${String(states).padStart(6)} states, ${String(transitions).padStart(7)} transitions, ` +
        `${seconds.toFixed(1).padStart(5)} s, ${mib.toFixed(0).padStart(4)} MiB; ` +
        `without symmetry ${plain.states} states, ${(plain.seconds / seconds).toFixed(2)} times as long`,
    );
  }
}
console.log(
  `  at most ${slowest.toFixed(1)} s and ${largest.toFixed(0)} MiB; ${SECONDS_WANTED} s and ${MIB_WANTED} MiB are wanted`,
);
