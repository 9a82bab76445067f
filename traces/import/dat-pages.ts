/** The events of one CPU: pages of a ring buffer, one after another. */
import { ByteCursor } from './byte-source.ts';
import { badDat, type CpuRegion, type DatBuffer, type DatFile, unpack } from './dat-file.ts';

const TYPE_PADDING = 29;
const TYPE_EXTEND = 30;
const TYPE_STAMP = 31;
const DELTA_BITS = 27;
const MISSED = 0x8000_0000;
const MISSED_STORED = 0x4000_0000;
const COMMIT_MASK = 0x000f_ffff;
const DELTA_UNIT = 2 ** DELTA_BITS;
/** Absolute time stamps hold 59 bits; the rest is the page's. */
const STAMP_UNIT = 2 ** 59;

export class CpuEvents {
  readonly cpu: number;
  /** Time stamp of the event at hand, in the clock of the file. */
  time = 0;
  /** The page that holds the event at hand, and where in it. */
  page: Buffer = Buffer.alloc(0);
  at = 0;
  length = 0;
  /** Events lost before the event at hand; undefined where their number is not known. */
  lost: number | undefined = 0;
  /** The rest of the page could not be read. */
  damaged = false;
  private readonly dat: DatFile;
  private readonly pages: Generator<Buffer, void, undefined>;
  private end = 0;
  private next = 0;

  constructor(dat: DatFile, buffer: DatBuffer, region: CpuRegion) {
    this.dat = dat;
    this.cpu = region.cpu;
    this.pages = buffer.compressed ? unpackedPages(dat, buffer, region) : plainPages(dat, buffer, region);
  }

  /** Goes on to the next event; false at the end. Throws TraceFormatError. */
  advance(): boolean {
    this.lost = 0;
    this.damaged = false;
    for (;;) {
      while (this.next < this.end) if (this.step()) return true;
      const page = this.pages.next();
      if (page.done) return false;
      this.turn(page.value);
    }
  }

  private turn(page: Buffer): void {
    const { commitOffset, dataOffset } = this.dat;
    this.page = page;
    this.time = Number(page.readBigUInt64LE(0));
    const commit = page.readUInt32LE(commitOffset);
    const size = commit & COMMIT_MASK;
    this.next = dataOffset;
    this.end = Math.min(dataOffset + size, page.length);
    if (dataOffset + size > page.length) this.damaged = true;
    if ((commit & MISSED) === 0) return;
    const stored = (commit & MISSED_STORED) !== 0 && this.end + 8 <= page.length;
    const count = stored ? Number(page.readBigUInt64LE(this.end)) : undefined;
    this.lost = count === undefined || this.lost === undefined ? undefined : this.lost + count;
  }

  /** One entry of the page; true where it is an event. */
  private step(): boolean {
    const { page } = this;
    const from = this.next;
    if (from + 4 > this.end) return this.spoil();
    const head = page.readUInt32LE(from);
    const type = head & 0x1f;
    const delta = head >>> 5;
    const extra = from + 8 <= this.end ? page.readUInt32LE(from + 4) : 0;
    switch (type) {
      case TYPE_PADDING:
        this.time += delta;
        this.next = delta === 0 ? this.end : from + 4 + Math.max(4, extra);
        return false;
      case TYPE_EXTEND:
        this.time += extra * DELTA_UNIT + delta;
        this.next = from + 8;
        return false;
      case TYPE_STAMP:
        this.time = Math.floor(this.time / STAMP_UNIT) * STAMP_UNIT + extra * DELTA_UNIT + delta;
        this.next = from + 8;
        return false;
      default: {
        const start = type === 0 ? from + 8 : from + 4;
        const length = type === 0 ? extra - 4 : type * 4;
        if (length <= 0 || start + length > this.end) return this.spoil();
        this.time += delta;
        this.at = start;
        this.length = length;
        this.next = start + ((length + 3) & ~3);
        return true;
      }
    }
  }

  /** Nothing after this place of the page can be told. */
  private spoil(): false {
    this.damaged = true;
    this.next = this.end;
    return false;
  }
}

function* plainPages(
  dat: DatFile,
  { pageSize }: DatBuffer,
  region: CpuRegion,
): Generator<Buffer, void, undefined> {
  const least = dat.dataOffset;
  const size = pageSize > least ? pageSize : dat.pageSize;
  if (size <= least) throw badDat(dat.file, `expected a page size, found ${size}`);
  for (let at = 0; at + least <= region.size; at += size)
    yield dat.source.read(region.offset + at, Math.min(size, region.size - at));
}

/** Version 7: chunks of whole pages, each compressed by itself. */
function* unpackedPages(
  dat: DatFile,
  { pageSize }: DatBuffer,
  region: CpuRegion,
): Generator<Buffer, void, undefined> {
  if (region.size < 4) return;
  const size = pageSize > dat.dataOffset ? pageSize : dat.pageSize;
  if (size <= dat.dataOffset) throw badDat(dat.file, `expected a page size, found ${size}`);
  const cursor = new ByteCursor(dat.source, region.offset);
  for (let chunks = cursor.u32(); chunks > 0; chunks--) {
    const packed = cursor.u32();
    const unpacked = cursor.u32();
    const bytes = unpack(dat, cursor.bytes(packed), unpacked);
    for (let at = 0; at + dat.dataOffset <= bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
}
