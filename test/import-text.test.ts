import { describe, expect, it } from 'vitest';
import { readTrace } from '../traces/read-trace.ts';
import type { IoctlLine, RecordedLine } from '../traces/recording.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import { type ShownContext, showWorld } from '../traces/show.ts';
import { commandLayouts } from '../traces/uapi/registry.ts';
import { corpus, ioctlsOf, linesOf, replayed } from './support/captures.ts';

const PROBED_BYTES = 88;
const QEMU = ['qemu-10.0.2/qemu.ftrace.txt.gz', 'qemu-10.0.2/qemu.jsonl.gz'] as const;
const TWICE = [
  ['kernel-7.3.4/ftrace/ioas.ftrace.txt.gz', 'kernel-7.3.4/ftrace/ioas.jsonl.gz'],
  ['kernel-7.3.4/ftrace/viommu.ftrace.txt.gz', 'kernel-7.3.4/ftrace/viommu.jsonl.gz'],
  ['kernel-7.3.4/ftrace/fuzz.ftrace.txt.gz', 'kernel-7.3.4/ftrace/fuzz.jsonl.gz'],
  QEMU,
] as const;

async function recorded(path: string): Promise<RecordedLine[]> {
  const lines: RecordedLine[] = [];
  await readTrace(corpus(path), (line) => {
    lines.push(line);
  });
  return lines;
}

/** What a capture holds of an ioctl: the struct as far as it was probed. */
function comparable(line: IoctlLine, capture: IoctlLine): unknown {
  const { pid, tid, fd, kind, req, arg, ret, errno, out } = line;
  const bytes = Math.min(capture.in.length, PROBED_BYTES * 2);
  const written = capture.lacks?.out ? undefined : out?.slice(0, bytes);
  return { pid, tid, fd, kind, req, arg, ret, errno, in: line.in.slice(0, bytes), out: written };
}

async function contextsAt(path: string, ioctl: number): Promise<ShownContext[]> {
  let shown: readonly ShownContext[] = [];
  let count = 0;
  let world: Parameters<typeof showWorld>[0] | undefined;
  await replayTrace(
    corpus(path),
    {},
    {
      onSession: ({ engine }) => {
        world = engine.world;
      },
      onCall: ({ line }) => {
        if (line.ev !== 'ioctl' || ++count < ioctl || world === undefined) return undefined;
        shown = showWorld(world, { trace: '', kernel: '', iommu: '', seq: 0, areas: true }).contexts;
        return 'stop';
      },
    },
  );
  return shown.map((context) => ({ ...context, pinnedPages: 0 }));
}

describe('tracefs text', () => {
  it.each(TWICE)('%s has the calls of %s', async (text, jsonl) => {
    const captured = ioctlsOf(await recorded(text));
    const told = ioctlsOf(await recorded(jsonl));
    expect(captured.length).toBe(told.length);
    captured.forEach((line, index) => {
      expect(comparable(line, line)).toEqual(comparable(told[index] as IoctlLine, line));
    });
  });

  it.each(TWICE)('%s has the verdicts of %s, or is undetermined', async (text, jsonl) => {
    const captured = (await replayed(corpus(text))).calls.filter(({ line }) => line.ev === 'ioctl');
    const told = (await replayed(corpus(jsonl))).calls.filter(({ line }) => line.ev === 'ioctl');
    let determined = 0;
    captured.forEach(({ verdict, outcome }, index) => {
      if (verdict === 'undetermined') {
        expect(outcome.missing).toBeTruthy();
        return;
      }
      determined++;
      // Closes of event queues are in the capture and not in the recording, so it can tell more.
      expect(['undetermined', verdict]).toContain(told[index]?.verdict);
    });
    expect(determined).toBeGreaterThan(captured.length / 5);
  });

  it.each([
    [TWICE[1][0], TWICE[1][1], 40],
    [TWICE[2][0], TWICE[2][1], 300],
    [TWICE[2][0], TWICE[2][1], 1500],
  ] as const)('%s leaves the objects of %s after %d calls', async (text, jsonl, calls) => {
    expect(await contextsAt(text, calls)).toEqual(await contextsAt(jsonl, calls));
  });

  it('takes a thread for one of the process whose descriptor it uses', async () => {
    const threads = new Set(ioctlsOf(await recorded(QEMU[0])).map(({ pid, tid }) => `${pid}/${tid}`));
    expect([...threads]).toEqual(['86/86', '86/91']);
  });

  it('probes every struct that the kernel knows as a whole', () => {
    for (const { size } of Object.values(commandLayouts)) expect(size).toBeLessThanOrEqual(PROBED_BYTES);
  });
});

const HEAD = '# tracer: nop\n#\n# entries-in-buffer/entries-written: 9/9   #P:2\n';
const at = (second: number, rest: string, task = 'vmm-7'): string =>
  `             ${task}       [000] .....     ${second}.000001: ${rest}\n`;
const OPEN =
  at(1, 'sys_openat(dfd: 4294967196, filename: 94689293574216 "/dev/iommu", flags: O_RDWR)') +
  at(2, 'sys_openat -> 0x4');
const ENTRY = '(iommufd_fops_ioctl+0x4/0x166) cmd=0x3b81 uptr=0x7000';
const RETURN = '(__x64_sys_ioctl+0x73b/0x76c <- iommufd_fops_ioctl) cmd=0x3b81';
const alloc = (words: string, ret: string, after: string, syscall: string): string =>
  at(3, 'sys_ioctl(fd: 4, cmd: 0x3b81, arg: 0x7000)') +
  at(4, `enter: ${ENTRY} ${words}`) +
  at(5, `exit: ${RETURN} ret=${ret} ${after}`) +
  at(6, `sys_ioctl -> ${syscall}`);
const ALLOCATED = alloc('w0=0xc w8=0xbeef00000000 w16=0x5', '0', 'w0=0xc w8=0xbeef00000001 w16=0x5', '0x0');

describe('a call in tracefs text', () => {
  it('is an ioctl of as many bytes as its size word says', () => {
    expect(linesOf(HEAD + OPEN + ALLOCATED).slice(1)).toEqual([
      { ev: 'open', seq: 0, ns: 1_000_001_000, pid: 7, tid: 7, path: '/dev/iommu', fd: 4 },
      {
        ev: 'ioctl',
        seq: 1,
        ns: 3_000_001_000,
        pid: 7,
        tid: 7,
        fd: 4,
        kind: 'iommufd',
        req: '0x3b81',
        arg: '0x7000',
        in: '0c0000000000000000000000',
        ret: 0,
        out: '0c0000000000000001000000',
        dur: 3_000_000_000,
        lacks: { second: true },
      },
    ]);
  });

  it('has the errno of the system call, and ENOTTY where only the handler told', () => {
    const refused = alloc('w0=0xc w8=0x0', '-515', 'w0=0xc w8=0x0', '0xffffffffffffffe7');
    expect(ioctlsOf(linesOf(HEAD + OPEN + refused))[0]).toMatchObject({ ret: -1, errno: 25 });
    const probes = at(4, `enter: ${ENTRY} w0=0xc w8=0x0`) + at(5, `exit: ${RETURN} ret=-515 w0=0xc w8=0x0`);
    expect(ioctlsOf(linesOf(HEAD + OPEN + probes))[0]).toMatchObject({ fd: 4, ret: -1, errno: 25 });
  });

  it.each([
    ['an unreadable struct is empty', 'w0=0x0 w8=0x0', '-14', 'w0=0x7f00 w8=0x9', { in: '', errno: 14 }],
    [
      'after a fault the bytes are noise',
      'w0=0xc w8=0x0',
      '-14',
      'w0=0xfffff w8=0x1',
      { in: '0c0000000000000000000000', lacks: { second: true, out: true } },
    ],
    [
      'a page that the probe could not read is not taken for zeros',
      'w0=0x0 w8=0x0',
      '0',
      'w0=0xc w8=0x1',
      { in: '', lacks: { in: 0, out: true, second: true } },
    ],
  ])('%s', (_title, words, ret, after, expected) => {
    const value = ret === '0' ? '0x0' : '0xfffffffffffffff2';
    const [line] = ioctlsOf(linesOf(HEAD + OPEN + alloc(words, ret, after, value)));
    expect(line).toMatchObject(expected);
    expect(line?.out).toBeUndefined();
  });

  it('has no result where its return was lost', () => {
    const [line] = ioctlsOf(
      linesOf(
        HEAD +
          OPEN +
          at(3, 'sys_ioctl(fd: 4, cmd: 0x3b81, arg: 0x7000)') +
          at(4, `enter: ${ENTRY} w0=0xc w8=0x0`),
      ),
    );
    expect(line?.ret).toBeUndefined();
    expect(line?.lacks).toEqual({ second: true, out: true, ret: true });
  });

  it.each([
    [
      'older kernels',
      at(1, 'sys_openat(dfd: ffffff9c, filename: 7ffd2a, flags: 2, mode: 0)') +
        at(1, 'open: (misc_open+0xcb/0xe2 <- iommufd_fops_open) ret=0') +
        at(2, 'sys_openat -> 0x4'),
    ],
    ['a column of thread groups', OPEN.replaceAll('vmm-7  ', 'vmm-7       (     7)')],
    ['flags of four characters', OPEN.replaceAll('.....', 'd..1')],
    [
      'trace-cmd report',
      at(
        1,
        'sys_enter_openat:     dfd: 0xffffff9c, filename: 0x7f6a83757140 "/dev/iommu", flags: O_RDWR, mode: 0000',
      ).replace(' .....', '') + at(2, 'sys_exit_openat:      0x4').replace(' .....', ''),
    ],
    [
      'perf script',
      'vmm     7 [000]     1.000001: syscalls:sys_enter_openat: dfd: 0xffffff9c, filename: 0x7f6a "/dev/iommu", flags: 0x00000002, mode: 0x00000000\nvmm     7 [000]     2.000001: syscalls:sys_exit_openat: 0x4\n',
    ],
  ])('opens as %s print it', (_title, text) => {
    expect(linesOf(text + ALLOCATED).find(({ ev }) => ev === 'open')).toMatchObject({
      path: '/dev/iommu',
      fd: 4,
      pid: 7,
    });
  });

  it('is read from addresses where trace-cmd did not resolve them', () => {
    const text = ALLOCATED.replace('iommufd_fops_ioctl+0x4/0x166', 'ffffffff818f4f44').replace(
      '__x64_sys_ioctl+0x73b/0x76c <- iommufd_fops_ioctl',
      'ffffffff812c6a8b <- ffffffff818f4f40',
    );
    expect(ioctlsOf(linesOf(OPEN + text))).toEqual(ioctlsOf(linesOf(OPEN + ALLOCATED)));
  });

  it('follows descriptors through dup, fork, exec and exit', () => {
    const text =
      OPEN +
      at(3, 'sys_dup(fildes: 4)') +
      at(3, 'sys_dup -> 0x5') +
      at(3, 'task_newtask: pid=8 comm=vmm clone_flags=1200000 oom_score_adj=0') +
      at(3, 'task_newtask: pid=9 comm=vmm clone_flags=10f00 oom_score_adj=0') +
      at(4, 'sys_close(fd: 4)', 'vmm-9') +
      at(5, 'sched_process_exit: comm=vmm pid=8 prio=120', 'vmm-8');
    expect(linesOf(HEAD + text).slice(2)).toMatchObject([
      { ev: 'dup', fd: 4, ret: 5, pid: 7 },
      { ev: 'fork', pid: 8, parent: 7 },
      { ev: 'close', fd: 4, pid: 7, tid: 9 },
      { ev: 'exit', pid: 8 },
    ]);
  });

  it('begins in the order of the calls, whichever returns first', () => {
    const text =
      OPEN +
      at(3, 'sys_ioctl(fd: 4, cmd: 0x3b81, arg: 0x7000)') +
      at(4, `enter: ${ENTRY} w0=0xc w8=0x0`) +
      at(5, 'sys_ioctl(fd: 4, cmd: 0x3b80, arg: 0x8000)', 'vmm-8') +
      at(6, 'enter: (iommufd_fops_ioctl+0x4/0x166) cmd=0x3b80 uptr=0x8000 w0=0x100000008', 'vmm-8') +
      at(7, 'exit: (x <- iommufd_fops_ioctl) cmd=0x3b80 ret=-2 w0=0x100000008', 'vmm-8') +
      at(8, 'sys_ioctl -> 0xfffffffffffffffe', 'vmm-8') +
      at(9, `exit: ${RETURN} ret=0 w0=0xc w8=0x1`) +
      at(10, 'sys_ioctl -> 0x0');
    const [first, second] = ioctlsOf(linesOf(HEAD + text));
    expect(first).toMatchObject({ tid: 7, req: '0x3b81', ret: 0, ns: 3_000_001_000, dur: 7_000_000_000 });
    expect(second).toMatchObject({ tid: 8, pid: 7, errno: 2, ns: 5_000_001_000 });
  });
});

describe('losses in tracefs text', () => {
  const lost = (text: string) => linesOf(text).filter(({ ev }) => ev === 'lost');

  it.each([
    ['CPU:1 [LOST 177723 EVENTS]\n', { count: 177723 }],
    ['CPU:0 [LOST EVENTS]\n', {}],
    ['CPU:0 [12 EVENTS DROPPED]\n', { count: 12 }],
    ['##### CPU 1 buffer started ####\n', {}],
    [at(2, `enter: ${ENTRY} w0=0xzz`), { count: 1 }],
    [at(2, 'sys_ioctl(fd: 4, cmd'), { count: 1 }],
    ['~~ a line that is no event ~~\n', { count: 1 }],
    [at(0, 'sys_close(fd: 9)'), {}],
  ])('are told by %j', (line, expected) => {
    expect(lost(HEAD + OPEN + line + ALLOCATED)).toMatchObject([expected]);
  });

  it('are told by the header', () => {
    expect(lost(`${HEAD.replace('9/9', '22284/200007')}${OPEN}${ALLOCATED}`)).toMatchObject([
      { count: 177723, place: 'the beginning of the capture' },
    ]);
  });

  it('end every call that was under way', () => {
    const halves = ALLOCATED.split('\n');
    const text = `${halves.slice(0, 2).join('\n')}\nCPU:0 [LOST 3 EVENTS]\n${halves.slice(2).join('\n')}`;
    expect(ioctlsOf(linesOf(HEAD + OPEN + text)).map(({ lacks }) => lacks)).toEqual([
      { second: true, out: true, ret: true },
      { in: 0, out: true, second: true },
    ]);
  });

  it('give each of two captures in one file a recording of its own', () => {
    const lines = linesOf(HEAD + OPEN + ALLOCATED + HEAD + OPEN + ALLOCATED);
    expect(lines.map(({ ev }) => ev)).toEqual(['trace', 'open', 'ioctl', 'trace', 'open', 'ioctl']);
  });

  it('refuse a file without events', () => {
    expect(() => linesOf('# tracer: nop\n')).toThrow(
      /TRC024-no-events: expected events of a kernel trace, found none/,
    );
  });
});
