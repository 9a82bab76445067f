import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { QEMU_FORMATS, qemuFields } from '../traces/import/qemu-formats.ts';
import { readTrace } from '../traces/read-trace.ts';
import type { IoctlLine } from '../traces/recording.ts';
import { showTrace } from '../traces/show-trace.ts';
import { corpus, ioctlsOf, linesOf, replayed } from './support/captures.ts';

const LOG = corpus('qemu-10.0.2/qemu.log.gz');
const RECORDING = corpus('qemu-10.0.2/qemu.jsonl.gz');

async function ioctls(path: string): Promise<IoctlLine[]> {
  const lines: IoctlLine[] = [];
  await readTrace(path, (line) => {
    if (line.ev === 'ioctl') lines.push(line);
  });
  return lines;
}

describe('a log of QEMU', () => {
  it('has calls of the recording of the same run, in its order and with its bytes', async () => {
    const told = await ioctls(RECORDING);
    let at = 0;
    for (const line of await ioctls(LOG)) {
      // The log backend has no arguments' addresses, and not every call.
      while (told[at]?.req !== line.req) expect(++at).toBeLessThan(told.length);
      const { fd, kind, req, in: given, ret, errno, out } = told[at++] as IoctlLine;
      expect(line).toMatchObject({ fd, kind, req, in: given, ret });
      if (!line.lacks?.errno) expect(line.errno).toBe(errno);
      if (!line.lacks?.out) expect(line.out).toBe(out);
    }
    expect(at).toBe(told.length);
  });

  it('conforms, and what it does not print is undetermined', async () => {
    const { calls } = await replayed(LOG);
    const verdicts = calls.map(({ verdict, command }) => `${command} ${verdict}`);
    expect(verdicts).not.toContain('diverging');
    expect([...new Set(verdicts)].sort()).toEqual([
      'IOMMU_HWPT_ALLOC conforming',
      'IOMMU_IOAS_ALLOC conforming',
      'IOMMU_IOAS_MAP undetermined',
      'IOMMU_IOAS_UNMAP conforming',
      'VFIO_DEVICE_ATTACH_IOMMUFD_PT conforming',
      'VFIO_DEVICE_BIND_IOMMUFD conforming',
      'VFIO_DEVICE_GET_INFO undetermined',
    ]);
  });

  it('leaves the areas of the recording', async () => {
    const areas = async (path: string): Promise<unknown> => {
      const { contexts } = await showTrace(
        path,
        path === RECORDING ? { at: 104, areas: true } : { areas: true },
      );
      return contexts[0]?.ioas.map(({ id, areas: shown }) => ({
        id,
        areas: shown.map(({ iova, last, prot }) => ({ iova, last, prot })),
      }));
    };
    expect(await areas(LOG)).toEqual(await areas(RECORDING));
  });

  it.each(QEMU_FORMATS)('knows %s as %s', (event, form) => {
    const sample = form.replace(
      /\{\w+:(\w)\}/g,
      (_field, conversion: string) => ({ d: '7', x: '7', p: '0x7', s: 'name' })[conversion] ?? '',
    );
    const fields = qemuFields(event, `  ${sample}`);
    const names = [...form.matchAll(/\{(\w+):(\w)\}/g)].map(([, name, conversion]) => [
      name,
      conversion === 's' ? 'name' : 7n,
    ]);
    expect({ ...fields?.numbers, ...fields?.words }).toEqual(Object.fromEntries(names));
  });

  it('takes the process and the time of the prefix, and the errno of the message that follows', () => {
    const text = [
      '4242@1700000000.000250:iommufd_backend_connect fd=10 owned=1 users=1',
      '4242@1700000000.000300:iommufd_backend_map_dma  iommufd=10 ioas=2 iova=0x380000001000 size=0x3000 addr=0x7fce2c28b000 readonly=0 (-1)',
      'qemu-system-x86_64: IOMMU_IOAS_MAP failed: Invalid argument',
      'qemu-system-x86_64: vfio_container_dma_map(0x55a21b03a150, 0x380000001000, 0x3000, 0x7fce2c28b000) = -22 (Invalid argument)',
      '4242@1700000000.000400:iommufd_backend_unmap_dma_non_exist  Unmap nonexistent mapping: iommufd=10 ioas=2 iova=0x0 size=0x1000 (-1)',
      '4242@1700000000.000500:iommufd_backend_disconnect fd=-1 users=0',
    ].join('\n');
    expect(linesOf(text).slice(1)).toMatchObject([
      { ev: 'open', pid: 4242, ns: 1_700_000_000_000_250_000, path: '/dev/iommu', fd: 10 },
      {
        ev: 'ioctl',
        req: '0x3b85',
        ret: -1,
        errno: 22,
        in: '28000000070000000200000000000000' + '00b0282cce7f00000030000000000000' + '0010000000380000',
      },
      { ev: 'ioctl', req: '0x3b86', ret: -1, errno: 2 },
      { ev: 'close', fd: 10 },
    ]);
  });

  it('has an errno that is lacking where no message tells it', () => {
    const text =
      'iommufd_backend_connect fd=10 owned=1 users=1\niommufd_backend_free_id  iommufd=10 id=2 (-1)\n';
    expect(ioctlsOf(linesOf(text))[0]).toMatchObject({ ret: -1, lacks: { errno: true } });
  });

  it('tells a damaged event as a loss', () => {
    const text =
      'iommufd_backend_connect fd=10 owned=1 users=1\niommufd_backend_free_id  iommufd=10 id=x2 (0)\n';
    expect(linesOf(text).at(-1)).toMatchObject({ ev: 'lost', count: 1, place: 'line 2, which is damaged' });
  });

  it('refuses a text without iommufd events', () => {
    expect(() => linesOf('vfio_mdev  (0000:01:00.0) is_mdev 0\n')).toThrow(/TRC024-no-events/);
  });

  it('is read as one where it does not begin like one, if that is said', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ioasis-qemu-'));
    const path = join(folder, 'log');
    writeFileSync(path, '(noise)\niommufd_backend_connect fd=10 owned=1 users=1\n');
    const evs: string[] = [];
    const onLine = ({ ev }: { ev: string }): void => {
      evs.push(ev);
    };
    await expect(readTrace(path, onLine)).rejects.toThrow(/TRC001-not-json/);
    await readTrace(path, onLine, { format: 'qemu' });
    expect(evs).toEqual(['trace', 'open']);
    rmSync(folder, { recursive: true });
  });
});
