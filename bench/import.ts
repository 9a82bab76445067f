/**
 * Readers of captures: `node dist/bench/import.js [MiB]`. Tracefs text and trace.dat of the same run against what else prints or
 * splits them, and a long text through a pipe for its memory.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readTrace } from '../traces/read-trace.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import { milliseconds, ratio, takeTurns } from './measure.ts';

const CORPUS = 'traces/corpus/kernel-7.3.4/ftrace';
const MIB = 2 ** 20;
const DEFAULT_MIB = 256;
const ROUNDS = 5;
const LIMITS = { memoryMB: 400, lineSplitting: 4, traceCmd: 1 };

/** The body of a recording, each repetition ten seconds later than the one before. */
function* repeated(size: number): Generator<string, void, undefined> {
  const text = gunzipSync(readFileSync(join(CORPUS, 'fuzz.ftrace.txt.gz'))).toString('latin1');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  yield '# tracer: nop\n';
  for (let round = 0, written = 0; written < size; round++) {
    const shifted = lines.map((line) =>
      line.replace(
        / (\d+)\.(\d{6}): /,
        (_all, seconds, micros) => ` ${Number(seconds) + round * 10}.${micros}: `,
      ),
    );
    const part = `${shifted.join('\n')}\n`;
    written += part.length;
    yield part;
  }
}

async function produce(size: number): Promise<void> {
  for (const part of repeated(size))
    if (!process.stdout.write(part)) await new Promise((resolve) => process.stdout.once('drain', resolve));
}

async function consume(): Promise<void> {
  const started = performance.now();
  let calls = 0;
  let peak = 0;
  await replayTrace(
    '-',
    {},
    {
      onCall: () => {
        if (++calls % 10_000 === 0) peak = Math.max(peak, process.memoryUsage.rss());
      },
    },
  );
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `  ${calls} calls in ${seconds.toFixed(1)} s, at most ${Math.round(peak / 1e6)} MB (limit ${LIMITS.memoryMB})`,
  );
}

function piped(size: number): Promise<number> {
  const self = fileURLToPath(import.meta.url);
  const producer = spawn(process.execPath, [self, 'produce', String(size)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const consumer = spawn(process.execPath, [self, 'consume'], { stdio: ['pipe', 'inherit', 'inherit'] });
  producer.stdout.pipe(consumer.stdin);
  return new Promise((resolve) => consumer.on('close', (code) => resolve(code ?? 1)));
}

/** Gunzip and line splitting, as anyone would write it. */
function countLines(file: string): number {
  let length = 0;
  for (const line of gunzipSync(readFileSync(file)).toString('utf8').split('\n')) length += line.length;
  return length;
}

async function compare(size: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ioasis-import-'));
  try {
    const text = join(folder, 'text.gz');
    writeFileSync(text, gzipSync([...repeated(Math.min(size, 64 * MIB))].join(''), { level: 1 }));
    const { split, read, replay } = await takeTurns(ROUNDS, {
      split: () => countLines(text),
      read: () => readTrace(text, () => undefined),
      replay: () => replayTrace(text, {}, { onCall: () => undefined }),
    });
    console.log('tracefs text, compressed');
    console.log(`  gunzip and lines  ${milliseconds(split)}`);
    console.log(
      `  read              ${milliseconds(read)}, ${ratio(read, split)} of it, to be at most ${LIMITS.lineSplitting}`,
    );
    console.log(`  read and replay   ${milliseconds(replay)}, ${ratio(replay, split)} of it`);
    await compareDat(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function compareDat(folder: string): Promise<void> {
  const dat = join(folder, 'trace.dat');
  writeFileSync(dat, gunzipSync(readFileSync(join(CORPUS, 'fuzz-dat.trace.dat.gz'))));
  if (spawnSync('trace-cmd', ['--version']).error !== undefined) {
    console.log('trace.dat: trace-cmd is not installed, so there is nothing to compare with');
    return;
  }
  const printed = join(folder, 'report.txt');
  writeFileSync(printed, spawnSync('trace-cmd', ['report', dat], { maxBuffer: 2 ** 30 }).stdout);
  const { report, text, binary } = await takeTurns(ROUNDS, {
    report: () => spawnSync('trace-cmd', ['report', dat], { maxBuffer: 2 ** 30 }),
    text: () => readTrace(printed, () => undefined),
    binary: () => readTrace(dat, () => undefined),
  });
  console.log('trace.dat of one run');
  console.log(`  trace-cmd report  ${milliseconds(report)}`);
  console.log(
    `  read its text     ${milliseconds(text)}, ${ratio(text, report)} of it, to be at most ${LIMITS.traceCmd}`,
  );
  console.log(`  read trace.dat    ${milliseconds(binary)}, ${ratio(binary, report)} of it`);
}

const [mode = String(DEFAULT_MIB), size = '0'] = process.argv.slice(2);
if (mode === 'produce') await produce(Number(size));
else if (mode === 'consume') await consume();
else {
  await compare(Number(mode) * MIB);
  console.log(`${mode} MiB of tracefs text through a pipe, replayed`);
  process.exitCode = await piped(Number(mode) * MIB);
}
