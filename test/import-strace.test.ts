import { describe, expect, it } from 'vitest';
import { ioctlNumber } from '../traces/import/strace-line.ts';
import { readTrace } from '../traces/read-trace.ts';
import type { IoctlLine } from '../traces/recording.ts';
import { corpus, ioctlsOf, linesOf, replayed } from './support/captures.ts';

const STRACE = corpus('kernel-7.3.4/strace/fuzz.strace-6.1.txt.gz');
const RECORDING = corpus('kernel-7.3.4/strace/fuzz.jsonl.gz');

async function ioctls(path: string): Promise<IoctlLine[]> {
  const lines: IoctlLine[] = [];
  await readTrace(path, (line) => {
    if (line.ev === 'ioctl') lines.push(line);
  });
  return lines;
}

const shown = ({ pid, tid, fd, kind, req, arg, ret, errno }: IoctlLine): unknown => ({
  pid,
  tid,
  fd,
  kind,
  req,
  arg,
  ret,
  errno,
});

describe('strace', () => {
  it('has the sequence of calls and errnos of the recording of the same run', async () => {
    expect((await ioctls(STRACE)).map(shown)).toEqual((await ioctls(RECORDING)).map(shown));
  });

  it('claims nothing of calls whose structs it does not show', async () => {
    const { calls } = await replayed(STRACE);
    expect(new Set(calls.map(({ verdict }) => verdict))).toEqual(new Set(['undetermined']));
    expect(calls[0]?.outcome.missing).toMatch(/the bytes of the struct/);
  });

  it.each([
    ['_IOC(_IOC_NONE, 0x3b, 0x81, 0)', 0x3b81],
    ['_IOC(_IOC_READ|_IOC_WRITE, 0x3b, 0x81, 0x10)', 0xc0103b81],
    ['0x3b81', 0x3b81],
    ['IOMMU_IOAS_ALLOC', 0x3b81],
    ['VFIO_DEVICE_PCI_HOT_RESET or VFIO_IOMMU_MAP_DMA', 0x3b71],
    ['TCGETS', undefined],
  ])('knows the ioctl %s', (text, number) => {
    expect(ioctlNumber(text)).toBe(number);
  });

  it.each([
    ['no prefix', '', ''],
    ['a process', '868   ', '868   '],
    ['a process in brackets', '[pid 868] ', '[pid 868] '],
    ['the time of day', '868 08:10:30.095261 ', '868 08:10:30.095300 '],
    ['seconds since the epoch', '868 1700000000.095261 ', '868 1700000000.095300 '],
  ])('is read with %s', (_title, open, use) => {
    const text =
      `${open}openat(AT_FDCWD, "/dev/iommu", O_RDWR|O_CLOEXEC) = 4</dev/iommu>\n` +
      `${use}ioctl(4</dev/iommu>, IOMMU_DESTROY, 0x7ffe1000) = -1 ENOENT (No such file or directory) <0.000317>\n`;
    const [header, opened, ioctl] = linesOf(text);
    expect(header).toMatchObject({ ev: 'trace', program: 'strace' });
    expect(opened).toMatchObject({ ev: 'open', path: '/dev/iommu', fd: 4 });
    expect(ioctl).toMatchObject({
      req: '0x3b80',
      arg: '0x7ffe1000',
      ret: -1,
      errno: 2,
      dur: expect.closeTo(317_000, -3),
      kind: 'iommufd',
    });
  });

  it('joins what was unfinished with what resumed, thread by thread', () => {
    const text = [
      '7 openat(AT_FDCWD, "/dev/iommu", O_RDWR) = 4',
      '7 clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD, stack_size=0x7fff80}, 88) = 8',
      '7 ioctl(4, 0x3b81, 0x1000 <unfinished ...>',
      '8 ioctl(4, 0x3b80, 0x2000) = 0',
      '7 <... ioctl resumed>) = -1 EBUSY (Device or resource busy)',
      '8 +++ exited with 0 +++',
      '7 close(4) = 0',
    ].join('\n');
    const lines = linesOf(text);
    expect(ioctlsOf(lines)).toMatchObject([
      { tid: 7, pid: 7, req: '0x3b81', ret: -1, errno: 16 },
      { tid: 8, pid: 7, req: '0x3b80', ret: 0 },
    ]);
    expect(lines.at(-1)).toMatchObject({ ev: 'close', fd: 4 });
  });

  it('has no result for a call that did not return', () => {
    const text =
      '7 openat(AT_FDCWD, "/dev/iommu", O_RDWR) = 4\n7 ioctl(4, 0x3b81, 0x1000) = ?\n7 +++ killed by SIGKILL +++\n';
    const lines = linesOf(text);
    expect(ioctlsOf(lines)[0]?.lacks).toMatchObject({ ret: true });
    expect(lines.at(-1)).toMatchObject({ ev: 'exit', pid: 7 });
  });

  it('tells a line that is no call as a loss', () => {
    const text = '7 openat(AT_FDCWD, "/dev/iommu", O_RDWR) = 4\n7 ioctl(4, 0x3b81, 0x10\n7 close(4) = 0\n';
    expect(linesOf(text)[2]).toMatchObject({ ev: 'lost', count: 1 });
  });
});
