/** The address space of a process as far as a capture tells: a snapshot at most, and what system calls changed since. */
import type { HexNumber, Vma, VmaKind } from '../recording.ts';

type Segment = Readonly<{
  start: number;
  end: number;
  permissions: string;
  kind: VmaKind;
  inode: number;
  offset: number;
}>;

const PAGE = 4096;
/** End of what a program can have with 48-bit addresses; what lies above is the model's to cut off. */
const TOP = 2 ** 47 - PAGE;
/** Below the stack as it was at the snapshot, there may be more of it by now. */
const STACK_ROOM = 2 ** 23;
/** Inodes of files whose own is not told begin here. */
const NAMELESS = 2 ** 40;

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_SHARED = 1;
const MAP_ANONYMOUS = 0x20;

/** Segments emitted at most: a program with more is not followed. */
const SEGMENTS_MAX = 20_000;

export class MemoryMap {
  private segments: Segment[] = [];
  /** Everything that is not a segment was unmapped when the snapshot was taken. */
  private whole = false;
  private changed = false;
  private nameless = NAMELESS;
  private readonly inodes = new Map<string, number>();

  /** A copy for a forked process. */
  copy(): MemoryMap {
    const other = new MemoryMap();
    other.segments = [...this.segments];
    other.whole = this.whole;
    return other;
  }

  /** Nothing is known any more. */
  forget(): void {
    this.changed = this.segments.length > 0 || this.whole;
    this.segments = [];
    this.whole = false;
  }

  /** One line of /proc/PID/maps, of a snapshot that is told as a whole; false for another text. */
  snapshot(line: string): boolean {
    const found =
      /^([0-9a-f]+)-([0-9a-f]+) ([r-][w-][x-][ps]) ([0-9a-f]+) [0-9a-f]+:[0-9a-f]+ (\d+)\s*(.*)$/.exec(line);
    if (found === null) return false;
    const [, start = '', end = '', permissions = '', offset = '', inode = '', path = ''] = found;
    const kind = kindOfMapping(path, Number(inode));
    this.whole = true;
    this.add({
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      permissions,
      kind,
      inode: Number(inode),
      offset: Number.parseInt(offset, 16),
    });
    return true;
  }

  /** `path` of the file behind the descriptor; undefined where it is not known. */
  mapped(
    start: number,
    length: number,
    prot: number,
    flags: number,
    path: string | undefined,
    offset: number,
  ): void {
    const anonymous = (flags & MAP_ANONYMOUS) !== 0;
    const shared = (flags & 3 & MAP_SHARED) !== 0;
    const kind: VmaKind = anonymous
      ? shared
        ? 'shm'
        : 'anon'
      : path === undefined
        ? 'unknown'
        : kindOfMapping(path, 1);
    const inode = anonymous && !shared ? 0 : this.inodeOf(anonymous ? undefined : path);
    this.add({
      start,
      end: start + pages(length),
      permissions: permissionsOf(prot, shared),
      kind,
      inode,
      offset,
    });
  }

  unmapped(start: number, length: number): void {
    this.cut(start, start + pages(length));
    // Only a snapshot makes a gap a fact; without one, it is one more place that nothing is known of.
  }

  protectedAs(start: number, length: number, prot: number): void {
    const end = start + pages(length);
    const within = this.segments.filter((one) => one.start < end && one.end > start);
    for (const one of within) {
      const from = Math.max(one.start, start);
      const to = Math.min(one.end, end);
      const permissions = permissionsOf(prot, one.permissions.endsWith('s'));
      this.add({ ...one, start: from, end: to, offset: one.offset + (from - one.start), permissions });
    }
  }

  moved(from: number, length: number, to: number, newLength: number): void {
    const old = this.segments.find((one) => one.start <= from && one.end > from);
    this.cut(from, from + pages(length));
    if (old === undefined) this.cut(to, to + pages(newLength));
    else this.add({ ...old, start: to, end: to + pages(newLength), offset: old.offset + (from - old.start) });
  }

  /** The heap ends at `end` now. */
  heapEnds(end: number): void {
    const heap = this.segments.find(({ kind }) => kind === 'heap');
    if (heap === undefined) return;
    const last = Math.ceil(end / PAGE) * PAGE;
    if (last > heap.end) this.add({ ...heap, end: last });
    else if (last > heap.start) this.cut(last, heap.end);
  }

  /** What the recorder would tell now; undefined where it told the same before, or where nothing is known. */
  told(): readonly Vma[] | undefined {
    if (!this.changed) return undefined;
    this.changed = false;
    if (this.segments.length > SEGMENTS_MAX) this.forget();
    const told: Vma[] = [];
    let at = 0;
    for (const segment of this.segments) {
      this.gap(told, at, segment);
      told.push(vmaOf(segment));
      at = segment.end;
    }
    if (!this.whole && at < TOP) told.push(unknown(at, TOP));
    return told;
  }

  private gap(told: Vma[], from: number, next: Segment): void {
    const start = this.whole && next.kind === 'stack' ? Math.max(from, next.start - STACK_ROOM) : from;
    if ((!this.whole || next.kind === 'stack') && start < next.start) told.push(unknown(start, next.start));
  }

  private inodeOf(path: string | undefined): number {
    if (path === undefined) return this.nameless++;
    const inode = this.inodes.get(path) ?? this.nameless++;
    this.inodes.set(path, inode);
    return inode;
  }

  private add(segment: Segment): void {
    if (!(segment.end > segment.start)) return;
    this.cut(segment.start, segment.end);
    let at = this.segments.length;
    while (at > 0 && (this.segments[at - 1] as Segment).start > segment.start) at--;
    this.segments.splice(at, 0, segment);
    this.changed = true;
  }

  private cut(start: number, end: number): void {
    const kept: Segment[] = [];
    for (const one of this.segments) {
      if (one.end <= start || one.start >= end) {
        kept.push(one);
        continue;
      }
      this.changed = true;
      if (one.start < start) kept.push({ ...one, end: start });
      if (one.end > end) kept.push({ ...one, start: end, offset: one.offset + (end - one.start) });
    }
    this.segments = kept;
  }
}

function pages(length: number): number {
  return Math.ceil(length / PAGE) * PAGE;
}

function permissionsOf(prot: number, shared: boolean): string {
  const read = (prot & PROT_READ) !== 0 ? 'r' : '-';
  const write = (prot & PROT_WRITE) !== 0 ? 'w' : '-';
  return `${read}${write}${(prot & PROT_EXEC) !== 0 ? 'x' : '-'}${shared ? 's' : 'p'}`;
}

/** What the last column of /proc/PID/maps, or the path of an opened file, says of a mapping. */
function kindOfMapping(path: string, inode: number): VmaKind {
  if (path === '' || path.startsWith('[anon')) return inode === 0 ? 'anon' : 'unknown';
  if (path === '[heap]') return 'heap';
  if (path.startsWith('[stack')) return 'stack';
  if (path.startsWith('[')) return 'special';
  if (path.startsWith('/memfd:')) return 'memfd';
  if (/^\/(dev\/zero|SYSV|dev\/shm\/)/.test(path)) return 'shm';
  if (/^\/(anon_hugepage|dev\/hugepages)/.test(path)) return 'hugetlb';
  return path.startsWith('/dev/') || path.startsWith('anon_inode:') ? 'device' : 'file';
}

function hex(value: number): HexNumber {
  return `0x${value.toString(16)}`;
}

function vmaOf({ start, end, permissions, kind, inode, offset }: Segment): Vma {
  return [hex(start), hex(end), permissions, kind, inode, hex(Math.max(0, offset))];
}

function unknown(start: number, end: number): Vma {
  return [hex(start), hex(end), 'rwxp', 'unknown', 0, '0x0'];
}
