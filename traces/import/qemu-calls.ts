/** The iommufd events of QEMU as the calls that it made. What it does not print is lacking: errnos, second buffers, some results. */
import { hex } from '../../events/hex.ts';
import type { FdKind, IoctlLine, RecordedLine } from '../recording.ts';
import { commandLayouts } from '../uapi/registry.ts';
import type { Draft } from './line-order.ts';
import type { QemuFields } from './qemu-formats.ts';
import { type Told, toldBy } from './qemu-ioctl.ts';
import { type FieldValues, structBytes } from './struct-bytes.ts';

/** The errno of a result: 0 for success, -1 where it was not printed. QEMU prints ret, or errno, or -errno. */
function errnoOf(ret: bigint): number {
  if (ret === 0n) return 0;
  if (ret === -1n) return -1;
  return Number(ret < 0n ? -ret : ret);
}

export class QemuCalls {
  private readonly sink: (line: RecordedLine) => void;
  private readonly devices = new Map<string, bigint>();
  private readonly open = new Map<number, FdKind>();
  /** A call that failed: its errno may follow in an error message. */
  private failed: Draft<IoctlLine> | undefined;
  private seq = 0;
  pid = 1;
  ns = 0;

  constructor(sink: (line: RecordedLine) => void) {
    this.sink = sink;
  }

  /** The errno of the last call, told after it. */
  explain(errno: number): void {
    const { failed } = this;
    if (failed?.lacks?.errno !== true) return;
    const { errno: _unknown, ...lacks } = failed.lacks;
    failed.lacks = lacks;
    failed.errno = errno;
  }

  lost(place: string): void {
    this.hand({ ev: 'lost', seq: 0, count: 1, place });
  }

  finish(): void {
    const { failed } = this;
    this.failed = undefined;
    if (failed !== undefined) this.hand(failed);
  }

  take(event: string, { numbers: n, words }: QemuFields): void {
    this.finish();
    const at = (name: string): bigint => n[name] ?? 0n;
    switch (event) {
      case 'iommu_backend_set_fd':
        this.opened('/dev/iommu', Number(at('fd')), 'iommufd');
        return;
      case 'iommufd_backend_connect':
        if (at('users') === 1n && !this.open.has(Number(at('fd'))))
          this.opened('/dev/iommu', Number(at('fd')), 'iommufd');
        return;
      case 'iommufd_backend_disconnect':
        // It prints -1 for the descriptor that it has just closed.
        if (at('users') === 0n) this.closed('iommufd');
        return;
      case 'iommufd_cdev_getfd':
        if (at('fd') >= 0n) this.opened(words['path'] ?? '', Number(at('fd')), 'vfio-dev');
        return;
      case 'iommufd_cdev_connect_and_bind':
        this.devices.set(words['name'] ?? '', at('fd'));
        break;
      case 'iommufd_cdev_attach_ioas_hwpt':
      case 'iommufd_cdev_pasid_attach_ioas_hwpt':
        this.devices.set(words['name'] ?? '', at('fd'));
        break;
    }
    const told = toldBy(event, at, this.devices.get(words['name'] ?? '') ?? -1n);
    if (told !== undefined) this.ioctl(told);
  }

  private ioctl(told: Told): void {
    const layout = commandLayouts[told.type];
    const errno = errnoOf(told.ret);
    const before = structBytes(layout, told.size, { ...sizeOf(told), ...told.given });
    const line: Draft<IoctlLine> = {
      ...this.origin(),
      ev: 'ioctl',
      fd: Number(told.fd),
      kind: told.kind,
      req: hex(BigInt(told.command)),
      arg: '0x0',
      in: before,
      ret: errno === 0 ? 0 : -1,
    };
    if (errno > 0) line.errno = errno;
    const after =
      told.written === undefined
        ? undefined
        : structBytes(layout, told.size, { ...sizeOf(told), ...told.given, ...told.written });
    if (errno === 0 && after !== undefined && after !== before) line.out = after;
    line.lacks = {
      second: true,
      ...(after === undefined || errno !== 0 ? { out: true } : {}),
      ...(errno < 0 ? { errno: true } : {}),
      ...told.lacks,
    };
    if (errno < 0) this.failed = line;
    else this.hand(line);
  }

  private opened(path: string, fd: number, kind: FdKind): void {
    this.open.set(fd, kind);
    this.hand({ ...this.origin(), ev: 'open', path, fd });
  }

  private closed(kind: FdKind): void {
    for (const [fd, open] of this.open) {
      if (open !== kind) continue;
      this.open.delete(fd);
      this.hand({ ...this.origin(), ev: 'close', fd, kind, ret: 0 });
    }
  }

  private origin(): { seq: number; ns: number; pid: number; tid: number } {
    return { seq: 0, ns: this.ns, pid: this.pid, tid: this.pid };
  }

  private hand(line: Draft): void {
    if ('seq' in line) line.seq = this.seq++;
    this.sink(line);
  }
}

/** The first field of every struct is its size. */
function sizeOf({ type, size }: Told): FieldValues {
  return type.startsWith('Device') ? { argsz: size } : { size };
}
