import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Chance, chances } from '../bench/histories.ts';
import type { CallResult } from '../traces/engine.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import { Timeline } from '../traces/timeline.ts';
import { TraceFormatError } from '../traces/trace-format-error.ts';
import { corpus } from './support/captures.ts';
import { type Damaged, damaged, type Source } from './support/damage.ts';
import { type DatEventSpec, HANDLER, traceDat6, traceDat7 } from './support/trace-dat.ts';

/** `npm run nightly` asks for many more. */
const MUTATIONS = Number(process.env['IOASIS_MUTATIONS'] ?? 500);
/** Mutations of one test, which has to end in time. */
const ROUND = 500;
/** A replay of such a small file that takes longer hangs. */
const LIMIT_MS = 10_000;

const unpacked = (path: string): Buffer => gunzipSync(readFileSync(corpus(path)));

function firstLines(bytes: Buffer, keep: (line: string) => boolean, count: number): Buffer {
  const lines = bytes.toString('latin1').split('\n').filter(keep).slice(0, count);
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

/** A small trace.dat: objects made, mapped and destroyed by two threads on two CPUs. */
function datEvents(): DatEventSpec[] {
  const events: DatEventSpec[] = [
    { cpu: 0, ts: 1000, pid: 7, name: 'sys_enter_openat', values: { __filename_val: '/dev/iommu' } },
    { cpu: 0, ts: 1001, pid: 7, name: 'sys_exit_openat', values: { ret: 4n } },
  ];
  for (let index = 0; index < 60; index++) {
    const ts = 2000 + index * 1000;
    const base = { cpu: index % 2, pid: 7 };
    const destroys = index % 3 === 2;
    const cmd = destroys ? 0x3b80n : 0x3b81n;
    // Two are made, the second of them is destroyed: its id comes back.
    const id = BigInt(destroys ? Math.floor(index / 3) + 2 : Math.floor(index / 3) + 1 + (index % 3));
    const w0 = destroys ? 8n | (id << 32n) : 12n;
    events.push(
      { ...base, ts, name: 'sys_enter_ioctl', values: { fd: 4n, cmd, arg: 0x7000n } },
      { ...base, ts: ts + 1, name: 'enter', values: { __probe_ip: HANDLER, cmd, uptr: 0x7000n, w0 } },
      {
        ...base,
        ts: ts + 2,
        name: 'exit',
        values: { __probe_func: HANDLER, cmd, ret: 0n, w0, w8: destroys ? 0n : id },
      },
      { ...base, ts: ts + 3, name: 'sys_exit_ioctl', values: { ret: 0n } },
    );
  }
  return events;
}

const SOURCES: readonly Source[] = [
  {
    name: 'ioas.ftrace',
    bytes: firstLines(
      unpacked('kernel-7.3.4/ftrace/ioas.ftrace.txt.gz'),
      (line) => !line.includes('sys_mmap'),
      400,
    ),
    form: 'text',
  },
  {
    name: 'viommu.ftrace',
    bytes: firstLines(
      unpacked('kernel-7.3.4/ftrace/viommu.ftrace.txt.gz'),
      (line) => !line.includes('sys_mmap'),
      500,
    ),
    form: 'text',
  },
  {
    name: 'fuzz.ftrace',
    bytes: firstLines(
      unpacked('kernel-7.3.4/ftrace/fuzz.ftrace.txt.gz'),
      (line) => !/status|IOMMU:/.test(line),
      900,
    ),
    form: 'text',
  },
  {
    name: 'qemu.ftrace',
    bytes: firstLines(
      unpacked('qemu-10.0.2/qemu.ftrace.txt.gz'),
      (line) => !/host|IOMMU:|share/.test(line),
      600,
    ),
    form: 'text',
  },
  {
    name: 'qemu.log',
    bytes: firstLines(unpacked('qemu-10.0.2/qemu.log.gz'), (line) => line.includes('iommufd'), 100),
    form: 'log',
  },
  {
    name: 'strace',
    bytes: firstLines(
      unpacked('kernel-7.3.4/strace/fuzz.strace-6.1.txt.gz'),
      (line) => !/ (read|write)\(/.test(line),
      300,
    ),
    form: 'text',
  },
  {
    name: 'recording',
    bytes: firstLines(unpacked('kernel-7.3.4/deep/deep-005101.jsonl.gz'), () => true, 400),
    form: 'json',
  },
  {
    name: 'recording of threads',
    bytes: firstLines(unpacked('kernel-7.3.4/threads/two-threads.jsonl.gz'), () => true, 300),
    form: 'json',
  },
  {
    name: 'ftrace.gz',
    bytes: gzipSync(firstLines(unpacked('kernel-7.3.4/ftrace/ioas.ftrace.txt.gz'), () => true, 600)),
    form: 'packed',
  },
  { name: 'trace.dat 6', bytes: traceDat6(datEvents()), form: 'packed' },
  { name: 'trace.dat 7', bytes: traceDat7(datEvents(), 'none'), form: 'packed' },
  { name: 'trace.dat 7 zlib', bytes: traceDat7(datEvents(), 'zlib'), form: 'packed' },
];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioasis-damage-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a call was and what came of it; equal for the same call in another file. What it overwrites does not matter. */
function told({ line }: CallResult): string {
  if (line.ev !== 'ioctl') return JSON.stringify([line.ev]);
  const { kind, req, in: struct, ret, errno, out, ptrIn, ptrOut } = line;
  return JSON.stringify([kind, req, out ?? struct, ret, errno, ptrIn, ptrOut]);
}

/** First and last seed of each test. */
function rounds(count: number): [first: number, last: number][] {
  return Array.from({ length: Math.ceil(count / ROUND) }, (_, round) => [
    round * ROUND,
    Math.min(count, (round + 1) * ROUND) - 1,
  ]);
}

type Replayed = Readonly<{ calls: CallResult[]; error: unknown; timeline: string }>;

/** Replays it, and draws a time line beside: whatever the calls are, that must go. */
async function replay(bytes: Buffer, name = 'damaged'): Promise<Replayed> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const calls: CallResult[] = [];
  let timeline = '';
  const writer = new Timeline((text) => {
    timeline += text;
  });
  let error: unknown;
  try {
    await replayTrace(
      path,
      { onEvent: writer.onEvent },
      {
        onSession: (session) => writer.begin(session),
        onFed: (line, result) => writer.fed(line, result),
        onCall: (result) => {
          writer.verdict(result);
          calls.push(result);
        },
      },
    );
  } catch (thrown) {
    error = thrown;
  }
  writer.end(name);
  return { calls, error, timeline };
}

/** What is wrong with how a damaged capture was taken; undefined where nothing is. */
async function fault(
  source: Source,
  truth: ReadonlySet<string>,
  { how, bytes, isTellable }: Damaged,
): Promise<string | undefined> {
  const started = performance.now();
  const { calls, error, timeline } = await replay(bytes);
  const what = `${source.name}, ${how}`;
  if (performance.now() - started > LIMIT_MS) return `${what}: takes too long`;
  if (error !== undefined && !(error instanceof TraceFormatError)) return `${what}: ${String(error)}`;
  const wrong = calls.find((result) => result.verdict === 'conforming' && !truth.has(told(result)));
  if (isTellable && wrong !== undefined) return `${what}: ${told(wrong)} conforms`;
  const events: unknown[] = JSON.parse(timeline).traceEvents;
  return events.length >= calls.length ? undefined : `${what}: the time line lacks calls`;
}

describe('a damaged capture', () => {
  it.each(SOURCES)('that is whole, $name, diverges nowhere', async ({ bytes }) => {
    const { calls, error } = await replay(bytes);
    expect(error).toBeUndefined();
    expect(calls.length).toBeGreaterThan(10);
    expect(calls.filter(({ verdict }) => verdict === 'diverging').map(told)).toEqual([]);
  });

  const truths: Set<string>[] = [];
  beforeAll(async () => {
    for (const { bytes } of SOURCES) truths.push(new Set((await replay(bytes)).calls.map(told)));
  });

  it.each(rounds(MUTATIONS))(
    'is an error or a verdict with its loss, never a crash, a hang or a wrong conforming: mutations %d to %d',
    {
      timeout: 60_000 + ROUND * 400,
    },
    async (first, last) => {
      const faults: string[] = [];
      for (let seed = first; seed <= last; seed++) {
        const chance: Chance = chances(seed + 1);
        const [nth, other] = [seed % SOURCES.length, chance(SOURCES.length)];
        const source = SOURCES[nth] as Source;
        const truth = new Set([...(truths[nth] ?? []), ...(truths[other] ?? [])]);
        const found = await fault(source, truth, damaged(source, SOURCES[other] as Source, chance));
        if (found !== undefined) faults.push(`seed ${seed}: ${found}`);
      }
      expect(faults).toEqual([]);
    },
  );
});
