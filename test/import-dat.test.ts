import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTrace } from '../traces/read-trace.ts';
import type { RecordedLine } from '../traces/recording.ts';
import { corpus, ioctlsOf, replayed } from './support/captures.ts';
import { type DatEventSpec, HANDLER, traceDat6, traceDat7 } from './support/trace-dat.ts';

const CAPTURE = 'kernel-7.3.4/ftrace/fuzz-dat.trace.dat.gz';
const RECORDING = 'kernel-7.3.4/ftrace/fuzz-dat.jsonl.gz';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioasis-dat-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function linesOfFile(path: string): Promise<RecordedLine[]> {
  const lines: RecordedLine[] = [];
  await readTrace(path, (line) => {
    lines.push(line);
  });
  return lines;
}

async function read(bytes: Buffer): Promise<RecordedLine[]> {
  const path = join(folder, 'trace.dat');
  writeFileSync(path, bytes);
  return linesOfFile(path);
}

const opened = (cpu: number, ts: number): DatEventSpec[] => [
  { cpu, ts, pid: 7, name: 'sys_enter_openat', values: { __filename_val: '/dev/iommu' } },
  { cpu, ts: ts + 1, pid: 7, name: 'sys_exit_openat', values: { ret: 4n } },
];
const allocated = (cpu: number, ts: number, pid = 7): DatEventSpec[] => [
  { cpu, ts, pid, name: 'sys_enter_ioctl', values: { fd: 4n, cmd: 0x3b81n, arg: 0x7000n } },
  {
    cpu,
    ts: ts + 1,
    pid,
    name: 'enter',
    values: { __probe_ip: HANDLER + 4n, cmd: 0x3b81n, uptr: 0x7000n, w0: 12n },
  },
  {
    cpu,
    ts: ts + 2,
    pid,
    name: 'exit',
    values: { __probe_func: HANDLER, cmd: 0x3b81n, ret: 0n, w0: 12n, w8: 1n },
  },
  { cpu, ts: ts + 3, pid, name: 'sys_exit_ioctl', values: { ret: 0n } },
];
const ioctl = {
  fd: 4,
  kind: 'iommufd',
  req: '0x3b81',
  arg: '0x7000',
  in: '0c0000000000000000000000',
  ret: 0,
  dur: 3,
  lacks: { second: true },
};

describe('trace.dat', () => {
  it('has the calls and the verdicts of the recording of the same run', async () => {
    const captured = (await replayed(corpus(CAPTURE))).calls;
    const told = (await replayed(corpus(RECORDING))).calls.filter(({ line }) => line.ev === 'ioctl');
    expect(captured.length).toBe(told.length);
    let determined = 0;
    captured.forEach(({ line, verdict }, index) => {
      const other = told[index]!;
      if (line.ev !== 'ioctl' || other.line.ev !== 'ioctl') return;
      const { req, arg, ret, errno } = other.line;
      expect(line).toMatchObject({ req, arg, ret });
      expect(line.errno).toBe(errno);
      if (verdict === 'undetermined') return;
      determined++;
      expect(['undetermined', verdict]).toContain(other.verdict);
    });
    expect(determined).toBeGreaterThan(1900);
  });

  it('is read the same decompressed', async () => {
    const path = join(folder, 'plain.dat');
    writeFileSync(path, gunzipSync(readFileSync(corpus(CAPTURE))));
    expect(await linesOfFile(path)).toEqual(await linesOfFile(corpus(CAPTURE)));
  });

  it.each([
    ['6', (events: DatEventSpec[]) => traceDat6(events)],
    ['7', (events: DatEventSpec[]) => traceDat7(events, 'none')],
    ['7 with zlib', (events: DatEventSpec[]) => traceDat7(events, 'zlib')],
  ])('of version %s merges several CPUs in the order of time', async (_version, write) => {
    const events = [
      ...opened(1, 1000),
      ...allocated(0, 2000),
      ...allocated(1, 2002, 8),
      ...allocated(0, 500_000_000),
    ];
    const lines = await read(write(events));
    expect(lines[0]).toMatchObject({ ev: 'trace', kernel: '7.3.4', arch: 'x86_64' });
    expect(lines.slice(1)).toMatchObject([
      { ev: 'open', ns: 1000, pid: 7, path: '/dev/iommu', fd: 4 },
      { ...ioctl, ns: 2000, tid: 7 },
      { ...ioctl, ns: 2002, pid: 7, tid: 8 },
      { ...ioctl, ns: 500_000_000, tid: 7 },
    ]);
  });

  it('tells how many events a page says were lost', async () => {
    const [first, ...rest] = allocated(0, 3000);
    const lines = await read(
      traceDat6([...opened(0, 1000), ...allocated(0, 2000), { ...first!, lost: 177_723 }, ...rest]),
    );
    expect(lines.filter(({ ev }) => ev === 'lost')).toMatchObject([
      { count: 177_723, place: 'event 7, on CPU 0' },
    ]);
    expect(ioctlsOf(lines)).toMatchObject([{ ns: 2000 }, { ns: 3000 }]);
  });

  it('names a kernel that the model does not know by the nearest older one', async () => {
    const bytes = traceDat6([...opened(0, 1000), ...allocated(0, 2000)]);
    bytes.write('6.99.', bytes.indexOf('7.3.4'), 'latin1');
    expect((await read(bytes))[0]).toMatchObject({
      kernel: '6.12.117',
      assumed: expect.arrayContaining(['kernel']),
    });
  });

  it.each([
    [
      'the data of a CPU',
      (bytes: Buffer) => bytes.subarray(0, bytes.length - 4096),
      /TRC022-bad-trace-dat: expected 4096 bytes of CPU 0/,
    ],
    [
      'the head',
      (bytes: Buffer) => bytes.subarray(0, 300),
      /TRC021-cut-short: expected \d+ bytes at byte \d+, found the end of the file at 300/,
    ],
    [
      'another version',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('tracing6', 'tracing9'), 'latin1'),
      /expected version 6 or 7, found "9"/,
    ],
  ])('is refused where %s is missing', async (_title, change, message) => {
    await expect(read(change(traceDat6([...opened(0, 1000), ...allocated(0, 2000)])))).rejects.toThrow(
      message,
    );
  });
});
