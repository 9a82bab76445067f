/** DMA in a scenario, as a user writes it: what is predicted, what of it enters the fault queue, and what is compared. */
import { describe, expect, it } from 'vitest';
import type { DmaResult } from '../traces/dma-result.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import { fileWith, HEADER, ioasis, recording } from './support/cli.ts';
import { longs, words } from './support/memory.ts';

const who = { ns: 1, pid: 7, tid: 7 };
const hexOf = (...parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString('hex');

type Line = Readonly<Record<string, unknown>>;

const ioctl = (req: number, bytes: string, rest: Line = {}): Line => ({
  ...who,
  ev: 'ioctl',
  fd: 3,
  kind: 'iommufd',
  req: `0x${req.toString(16)}`,
  arg: '0x20001000',
  in: bytes,
  ...rest,
});

/** IOMMU_TEST_CMD, padded to its size. */
const test = (op: number, id: number, pt: number): Line =>
  ioctl(0x3ba0, hexOf(words(72, op, id, 0, pt), new Uint8Array(52)));

/** IOAS 1 with 16 KiB at 0x1000000; mock handle 2, device 3, on HWPT 6, which has the fault queue 5 on descriptor 5. */
const ATTACHED: readonly Line[] = [
  { ...who, ev: 'cred', uid: 0, memlock: '0x800000', capEff: '0x1ffffffffff' },
  { ...who, ev: 'vmas', vmas: [['0x20000000', '0x21000000', 'rw-p', 'anon', 0, '0x0']] },
  { ...who, ev: 'open', path: '/dev/iommu', fd: 3 },
  ioctl(0x3b81, hexOf(words(12, 0, 0))),
  test(2, 1, 0),
  ioctl(0x3b85, hexOf(words(40, 7, 1, 0), longs(0x2000_0000n, 0x4000n, 0x100_0000n))),
  ioctl(0x3b8e, hexOf(words(16, 0, 0, 0)), { nextFd: 5 }),
  ioctl(0x3b89, hexOf(words(48, 4, 3, 1, 0, 0, 0, 0, 0, 0, 5, 0))),
  test(10, 2, 6),
];

const dma = (iova: string, rest: Line = {}): Line => ({
  ev: 'dma',
  rid: 'mock:1/2',
  iova,
  length: 64,
  write: true,
  ...rest,
});
const read: Line = { ...who, ev: 'read', fd: 5, kind: 'fault', len: 40 };

function scenario(name: string, lines: readonly Line[], header: Line = HEADER): string {
  return fileWith(name, recording(header, ...lines.map((line, index) => ({ seq: index + 1, ...line }))));
}

async function outcomesOf(path: string): Promise<{ accesses: DmaResult[]; answers: unknown[] }> {
  const accesses: DmaResult[] = [];
  const answers: unknown[] = [];
  await replayTrace(
    path,
    {},
    {
      onDma: (one) => void accesses.push(one),
      onCall: ({ outcome, out }) => void answers.push(outcome.missing ?? out),
    },
  );
  return { accesses, answers };
}

describe('a dma line', () => {
  it('reaches memory, faults, and puts its page request into the queue that is read next', async () => {
    const path = scenario('request.jsonl', [...ATTACHED, dma('0x1003ff0', { grpid: 7 }), read]);
    const { accesses, answers } = await outcomesOf(path);
    expect(accesses[0]?.outcome).toMatchObject({
      transferred: 16n,
      fault: { iova: 0x100_4000n, kind: 'not-present' },
      request: { faultId: 5, record: { deviceId: 3, grpid: 7, perm: 2, addr: 0x100_4000n } },
    });
    expect(answers.at(-1)).toBe(hexOf(words(2, 3, 0, 7, 2, 0), longs(0x100_4000n), words(0, 1)));
  });

  it.each([
    [{ transferred: 64, fault: 'none' }, '0x1000000', 'conforming', undefined],
    [{}, '0x1000000', 'predicted', undefined],
    [{ fault: 'none' }, '0x1003ff0', 'diverging', 'fault'],
    [{ fault: 'not-present', transferred: 8 }, '0x1003ff0', 'diverging', 'transferred'],
    [{ fault: 'not-present', transferred: 16 }, '0x1003ff0', 'conforming', undefined],
    [{ fault: 'none', rid: 'mock:9/9' }, '0x1000000', 'undetermined', undefined],
  ] as const)('with %j at %s is %s', async (told, iova, verdict, field) => {
    const { accesses } = await outcomesOf(scenario('told.jsonl', [...ATTACHED, dma(iova, told)]));
    expect([accesses[0]?.verdict, accesses[0]?.difference?.field]).toEqual([verdict, field]);
  });

  it('is undetermined where an unrecorded result decides whether there is anything', async () => {
    const lines = [...ATTACHED.filter(({ ev }) => ev !== 'vmas'), dma('0x1000000')];
    const { accesses } = await outcomesOf(scenario('doubt.jsonl', lines));
    expect(accesses[0]?.outcome.missing).toMatch(/^whether call 5 succeeded/);
  });
});

describe('ioasis', () => {
  const path = scenario('all.jsonl', [
    ...ATTACHED,
    dma('0x1003ff0'),
    read,
    dma('0x1000000', { fault: 'permission' }),
  ]);

  it('predict prints what an access does, and no result of the file', () => {
    const run = ioasis(['predict', path]);
    const lines = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([run.status, run.stderr]).toEqual([0, '']);
    expect(lines.filter(({ call }) => call === 'dma')).toEqual([
      expect.objectContaining({
        seq: 10,
        rid: 'mock:1/2',
        transferred: 16,
        pieces: [
          {
            iova: '0x1003ff0',
            last: '0x1003fff',
            to: expect.objectContaining({ kind: 'process', pid: 7, address: '0x20003ff0' }),
          },
        ],
        fault: expect.objectContaining({ iova: '0x1004000', kind: 'not-present' }),
        pageRequest: { queue: 5, flags: 2, devId: 3, pasid: 0, grpid: 0, perm: 2, addr: '0x1004000' },
        undetermined: null,
      }),
      expect.objectContaining({ seq: 12, transferred: 64, fault: null, pageRequest: null }),
    ]);
  });

  it('replay shows accesses, those that differ first, and ends with status 1', () => {
    const run = ioasis(['replay', path]);
    expect([run.status, run.stderr]).toEqual([1, '']);
    expect(run.stdout.slice(run.stdout.indexOf('2 DMA')).split('\n').slice(0, 6)).toEqual([
      '2 DMA accesses:',
      `  ${path} seq 12 RID mock:1/2 writes 64 bytes at 0x1000000: diverging`,
      '    fault: recorded permission, predicted none',
      '    0x1000000..0x100003f reaches process 7 at 0x20000000',
      `  ${path} seq 10 RID mock:1/2 writes 64 bytes at 0x1003ff0: predicted`,
      '    0x1003ff0..0x1003fff reaches process 7 at 0x20003ff0',
    ]);
    const { dma: told } = JSON.parse(ioasis(['replay', '--json', path]).stdout);
    expect(told.totals).toEqual({ accesses: 2, conforming: 0, diverging: 1, undetermined: 0, unrecorded: 1 });
    expect(told.accesses[1]).toMatchObject({
      verdict: 'diverging',
      difference: { field: 'fault', recorded: 'permission', predicted: 'none' },
    });
  });

  it('refuses a fault that there is not', () => {
    const bad = scenario('bad.jsonl', [...ATTACHED, dma('0x1000000', { fault: 'oops' })]);
    const run = ioasis(['replay', bad]);
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('TRC005')]);
  });
});

describe('page requests behind VT-d', () => {
  const device = (n: number, rest: Line = {}): Line => ({
    path: `/dev/vfio/devices/vfio${n}`,
    bdf: `0000:0${n}:00.0`,
    group: 1,
    members: ['0000:01:00.0', '0000:02:00.0', '0000:03:00.0'],
    reserved: [['0xfee00000', '0xfeefffff', 'msi']],
    pri: true,
    maxPasids: 1 << 20,
    ...rest,
  });
  const header: Line = {
    ...HEADER,
    iommu: 'intel-iommu',
    machine: {
      driver: 'intel-iommu',
      cap: '0xd2008c222f0606',
      ecap: '0x490080f00f4a',
      devices: [device(1), device(2)],
    },
  };
  const vfio = (fd: number, req: number, ...values: number[]): Line =>
    ioctl(req, hexOf(words(...values)), { fd, kind: 'vfio-dev' });
  const lines: readonly Line[] = [
    ...ATTACHED.slice(0, 3),
    { ...who, ev: 'open', path: '/dev/vfio/devices/vfio1', fd: 4 },
    { ...who, ev: 'open', path: '/dev/vfio/devices/vfio2', fd: 6 },
    vfio(4, 0x3b76, 16, 0, 3, 0),
    vfio(6, 0x3b76, 16, 0, 3, 0),
    ioctl(0x3b81, hexOf(words(12, 0, 0))),
    ioctl(0x3b8e, hexOf(words(16, 0, 0, 0)), { nextFd: 5 }),
    ioctl(0x3b89, hexOf(words(48, 4 | 8, 1, 3, 0, 0, 0, 0, 0, 0, 4, 0))),
    vfio(4, 0x3b77, 16, 0, 5, 0),
    vfio(6, 0x3b77, 16, 0, 5, 0),
    vfio(6, 0x3b77, 16, 1, 5, 9),
  ];

  it.each([
    ['the device that attached the group', '0000:01:00.0', 0, { devId: 1, flags: 2, pasid: 0 }],
    ['it also where a sibling asks', '0000:02:00.0', 0, { devId: 1, flags: 2, pasid: 0 }],
    ['it also where a member asks that nobody bound', '0000:03:00.0', 0, { devId: 1, flags: 2, pasid: 0 }],
    ['the PASID, which the answer needs', '0000:01:00.0', 9, { devId: 2, flags: 7, pasid: 9 }],
  ] as const)('name %s', (_what, rid, pasid, expected) => {
    const path = scenario('vtd.jsonl', [...lines, dma('0x5000', { rid, pasid }), read], header);
    const told = ioasis(['predict', path])
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(told.at(-2).pageRequest).toMatchObject({ queue: 4, addr: '0x5000', ...expected });
    const { flags, devId } = expected;
    expect(told.at(-1).out).toBe(hexOf(words(flags, devId, pasid, 0, 2, 0), longs(0x5000n), words(0, 1)));
  });
});
