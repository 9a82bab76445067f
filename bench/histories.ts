/** Histories of overlapping calls that the model itself answered, one after another in some hidden order. */
import { ERRNO } from '../events/errno.ts';
import { errnoOf } from '../events/rules.ts';
import { structBytes } from '../traces/import/struct-bytes.ts';
import type { IoctlLine, RecordedLine, TraceLine, VmasLine } from '../traces/recording.ts';
import { openSession } from '../traces/replay-trace.ts';
import { commandLayouts } from '../traces/uapi/registry.ts';

export const HEADER: TraceLine = {
  ev: 'trace',
  format: 'iommufd-rec',
  version: 2,
  kernel: '7.3.4',
  arch: 'x86_64',
  pageSize: 4096,
  program: 'generated',
  iommu: 'selftest mock',
};
const PID = 7;
const FD = 3;
const MEMORY = 0x2000_0000;

export type Chance = (below: number) => number;

/** xorshift: the same history for the same seed. */
export function chances(seed: number): Chance {
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

type Asked = Pick<IoctlLine, 'req' | 'in'>;

const ask = (req: number, name: keyof typeof commandLayouts, values: Record<string, number>): Asked => {
  const layout = commandLayouts[name];
  return {
    req: `0x${req.toString(16)}`,
    in: structBytes(layout, layout.size, { size: layout.size, ...values }),
  };
};

/** One of the calls that the histories consist of. */
export function someCall(chance: Chance): Asked {
  const ioasId = [1, 5, 9][chance(3)] as number;
  const iova = 0x100_0000 + chance(4) * 0x1000;
  const length = (1 + chance(2)) * 0x1000;
  switch (chance(6)) {
    case 0:
      return ask(0x3b81, 'IoasAlloc', {});
    case 1:
      return ask(0x3b80, 'Destroy', { id: 1 + chance(12) });
    case 2:
      return ask(0x3b86, 'IoasUnmap', { ioasId, iova, length });
    case 3:
      return ask(0x3b89, 'HwptAlloc', { devId: chance(2) === 0 ? 3 : 7, ptId: ioasId });
    default:
      return ask(0x3b85, 'IoasMap', { flags: 7, ioasId, userVa: MEMORY + chance(8) * 0x1000, length, iova });
  }
}

const origin = { seq: 0, ns: 0, pid: PID, tid: PID };

export const SETUP: readonly RecordedLine[] = [
  {
    ...origin,
    ev: 'vmas',
    vmas: [['0x20000000', '0x20100000', 'rw-p', 'anon', 0, '0x0']],
  } satisfies VmasLine,
  { ...origin, ev: 'open', path: '/dev/iommu', fd: FD },
];

/** Answers lines as the model does, one after another. */
export function answering(): (asked: Asked, tid: number, ns: number, dur: number) => IoctlLine {
  const { engine } = openSession(HEADER, { file: 'generated', line: 1 }, {});
  for (const line of SETUP) engine.feed(line);
  return (asked, tid, ns, dur) => {
    const line: IoctlLine = {
      ...origin,
      ev: 'ioctl',
      ns,
      tid,
      fd: FD,
      kind: 'iommufd',
      arg: '0x20000000',
      ...asked,
    };
    const result = engine.feed(line);
    engine.takeFork();
    if (result === undefined || result.outcome.missing !== undefined)
      throw new Error('the model does not answer');
    const { ret, rule } = result.outcome;
    return {
      ...line,
      ret,
      ...(rule === undefined ? {} : { errno: ERRNO[errnoOf(rule)] }),
      ...(result.out === undefined ? {} : { out: result.out }),
      dur,
    };
  };
}

const MOCK_DOMAIN = 2;
const mockDomain = (ioas: number): Asked => ({
  req: '0x3ba0',
  in: structBytes(commandLayouts.TestMockDomain, 72, { size: 72, op: MOCK_DOMAIN, id: ioas }),
});

/**
 * `calls` overlapping calls of `threads` threads on a context with two address spaces and two mock devices: each takes effect
 * within its interval, in an order that the intervals do not tell. Numbered in the order in which they begin.
 */
export function history(seed: number, threads: number, calls: number): RecordedLine[] {
  const chance = chances(seed);
  const answer = answering();
  const setup = [ask(0x3b81, 'IoasAlloc', {}), mockDomain(1), ask(0x3b81, 'IoasAlloc', {}), mockDomain(5)];
  const before = setup.map((asked, index) => answer(asked, PID, 100 + index * 10, 5));
  const free = Array.from({ length: threads }, () => 1000);
  const during: IoctlLine[] = [];
  let effect = 1040;
  for (let index = 0; index < calls; index++) {
    const thread = index < threads ? index : chance(threads);
    effect = Math.max(effect + 10, (free[thread] as number) + 2);
    // A thread is hardly ever between two calls, so that each overlaps one of another thread.
    const start = (free[thread] as number) + 1;
    const end = effect + 1 + chance(60);
    free[thread] = end;
    during.push(answer(someCall(chance), PID + 1 + thread, start, end - start));
  }
  during.sort((one, other) => one.ns - other.ns);
  return [...SETUP, ...before, ...during].map((line, seq) => ({ ...line, seq }) as RecordedLine);
}
