/** Memory of a long replay: a recording repeated into the program's standard input until so many calls have gone by. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { SELFTEST } from './corpus.ts';

const PROGRAM = fileURLToPath(new URL('../cli/ioasis.js', import.meta.url));
/** Two processes, dup and close, pins and copies: what it opens it closes. */
const RECORDING = `${SELFTEST}/032-iommufd_ioas.no_domain.access_rw.jsonl.gz`;
const MARKS = 10;
const MB = 1e6;
const KIB = 1024;

/** Peak resident memory of a process so far, in bytes. */
function peakMemory(pid: number): number {
  const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? 0) * KIB;
}

/** Feeds `ioasis replay -` at least `calls` calls; prints the peak after each tenth. */
export async function benchMemory(calls: number): Promise<void> {
  const text = gunzipSync(readFileSync(RECORDING)).toString('latin1');
  const body = text.indexOf('\n') + 1;
  const repeated = Buffer.from(text.slice(body), 'latin1');
  const callsEach = text.match(/"ev":"(ioctl|read|write|mmap)"/g)?.length ?? 1;
  const repetitions = Math.ceil(calls / callsEach);
  const start = performance.now();
  const child = spawn(process.execPath, [PROGRAM, 'replay', '--json', '-'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const pid = child.pid ?? 0;
  let report = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    report += chunk;
  });
  const ended = once(child, 'close');
  console.log(`memory: ${RECORDING}, ${repetitions} times: ${repetitions * callsEach} calls`);
  child.stdin.write(text.slice(0, body));
  const peaks: string[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    if (!child.stdin.write(repeated)) await once(child.stdin, 'drain');
    if (repetition % Math.max(1, Math.floor(repetitions / MARKS)) === 0)
      peaks.push((peakMemory(pid) / MB).toFixed(0));
  }
  child.stdin.end();
  await ended;
  const seconds = (performance.now() - start) / 1000;
  const { totals } = JSON.parse(report);
  console.log(`  peak so far, MB  ${peaks.join(' ')}`);
  console.log(`  ${JSON.stringify(totals)}`);
  console.log(`  ${seconds.toFixed(1)} s, ${Math.round(totals.calls / seconds / 1000)}k calls/s`);
}
