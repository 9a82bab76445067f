/** The parts of a trace.dat file, versions 6 and 7: formats, names, symbols, clock, and where each CPU's pages stand. */
import { inflateSync } from 'node:zlib';
import { decompress } from 'fzstd';
import { TraceFormatError } from '../trace-format-error.ts';
import { ByteCursor, type ByteSource, memorySource } from './byte-source.ts';
import { type DatEvent, parseEventFormat, parseSymbols, type Symbols } from './dat-format.ts';

export const DAT_MAGIC = Buffer.from([0x17, 0x08, 0x44, ...Buffer.from('tracing', 'latin1')]);

/** Sections and options of version 7; the first ones are options of version 6 too. */
const OPTION = {
  done: 0,
  cpuStat: 2,
  buffer: 3,
  clock: 4,
  uname: 5,
  tsc: 14,
  headers: 16,
  ftraceFormats: 17,
  eventFormats: 18,
  symbols: 19,
  commandLines: 21,
} as const;

const SECTION_HEADER = 16;
const COMPRESSED = 1;
const NAME_MAX = 256;
const FUNCTIONS: ReadonlySet<string> = new Set([
  'iommufd_fops_ioctl',
  'iommufd_fops_open',
  'vfio_device_fops_unl_ioctl',
]);

export type CpuRegion = Readonly<{ cpu: number; offset: number; size: number }>;

/** `time` turns a time stamp into nanoseconds. */
export type DatBuffer = Readonly<{ cpus: readonly CpuRegion[]; pageSize: number; compressed: boolean }>;

export type DatFile = {
  file: string;
  source: ByteSource;
  compression: string;
  pageSize: number;
  events: Map<number, DatEvent>;
  symbols: Symbols;
  commands: Map<number, string>;
  buffers: DatBuffer[];
  kernel: string | undefined;
  arch: string | undefined;
  /** Offset of a page's data, and of its commit word. */
  commitOffset: number;
  commitSize: number;
  dataOffset: number;
  overrun: number;
  tsc: Readonly<{ mult: bigint; shift: bigint; offset: bigint }> | undefined;
};

export function badDat(file: string, detail: string): TraceFormatError {
  return new TraceFormatError('TRC022-bad-trace-dat', { file, line: 0 }, detail);
}

/** Throws TraceFormatError: TRC021-cut-short, TRC022-bad-trace-dat. */
export function openDat(file: string, source: ByteSource): DatFile {
  const cursor = new ByteCursor(source, DAT_MAGIC.length);
  const version = cursor.text(16);
  if (version !== '6' && version !== '7')
    throw badDat(file, `expected version 6 or 7, found ${JSON.stringify(version)}`);
  if (cursor.bytes(1)[0] !== 0)
    throw badDat(file, 'expected a little-endian machine, found a big-endian one');
  if (cursor.bytes(1)[0] !== 8) throw badDat(file, 'expected a 64-bit machine, found another');
  const dat: DatFile = {
    file,
    source,
    compression: 'none',
    pageSize: cursor.u32(),
    events: new Map(),
    symbols: { nameAt: () => undefined },
    commands: new Map(),
    buffers: [],
    kernel: undefined,
    arch: undefined,
    commitOffset: 8,
    commitSize: 8,
    dataOffset: 16,
    overrun: 0,
    tsc: undefined,
  };
  if (version === '6') readVersion6(dat, cursor);
  else readVersion7(dat, cursor);
  for (const { cpus } of dat.buffers) {
    for (const { offset, size, cpu } of cpus)
      if (offset + size > source.size)
        throw badDat(
          file,
          `expected ${size} bytes of CPU ${cpu} at byte ${offset}, found the end of the file at ${source.size}`,
        );
  }
  return dat;
}

function readVersion6(dat: DatFile, cursor: ByteCursor): void {
  readHeaders(dat, cursor);
  readFtraceFormats(dat, cursor);
  readEventFormats(dat, cursor);
  readSymbols(dat, cursor);
  cursor.skip(cursor.u32());
  readCommands(dat, cursor);
  const cpus = cursor.u32();
  let part = cursor.bytes(10).toString('latin1');
  if (part.startsWith('options')) {
    readOptions6(dat, cursor);
    part = cursor.bytes(10).toString('latin1');
  }
  if (!part.startsWith('flyrecord'))
    throw badDat(dat.file, `expected recorded data, found ${JSON.stringify(part)}`);
  dat.buffers.unshift({ cpus: regions(dat, cursor, cpus), pageSize: dat.pageSize, compressed: false });
}

function regions(dat: DatFile, cursor: ByteCursor, cpus: number): CpuRegion[] {
  if (cpus > 65536) throw badDat(dat.file, `expected a number of CPUs, found ${cpus}`);
  return Array.from({ length: cpus }, (_, cpu) => ({ cpu, offset: cursor.u64(), size: cursor.u64() }));
}

function readOptions6(dat: DatFile, cursor: ByteCursor): void {
  for (let id = cursor.u16(); id !== OPTION.done; id = cursor.u16()) {
    const data = cursor.bytes(cursor.u32());
    if (id === OPTION.buffer) {
      // A further ring: where its own part stands.
      const at = new ByteCursor(dat.source, Number(data.readBigUInt64LE(0)));
      const part = at.bytes(10).toString('latin1');
      if (!part.startsWith('flyrecord'))
        throw badDat(dat.file, 'expected the data of a buffer, found something else');
      const cpus = dat.buffers[0]?.cpus.length ?? 0;
      dat.buffers.push({ cpus: regions(dat, at, cpus), pageSize: dat.pageSize, compressed: false });
    } else readOption(dat, id, data);
  }
}

function readVersion7(dat: DatFile, cursor: ByteCursor): void {
  dat.compression = cursor.text(NAME_MAX);
  cursor.text(NAME_MAX);
  const seen = new Set<number>();
  for (let next = cursor.u64(); next !== 0; ) {
    if (seen.has(next)) throw badDat(dat.file, 'expected options, found a circle of them');
    seen.add(next);
    const options = section(dat, next);
    next = 0;
    const inside = new ByteCursor(options.source, options.at);
    for (let left = true; left; ) {
      const id = inside.u16();
      const data = inside.bytes(inside.u32());
      if (id === OPTION.done) {
        next = data.length >= 8 ? Number(data.readBigUInt64LE(0)) : 0;
        left = false;
      } else readOption7(dat, id, data);
    }
  }
}

function readOption7(dat: DatFile, id: number, data: Buffer): void {
  const part = (): ByteCursor => {
    const { source, at } = section(dat, Number(data.readBigUInt64LE(0)));
    return new ByteCursor(source, at);
  };
  switch (id) {
    case OPTION.headers:
      readHeaders(dat, part());
      return;
    case OPTION.ftraceFormats:
      readFtraceFormats(dat, part());
      return;
    case OPTION.eventFormats:
      readEventFormats(dat, part());
      return;
    case OPTION.symbols:
      readSymbols(dat, part());
      return;
    case OPTION.commandLines:
      readCommands(dat, part());
      return;
    case OPTION.buffer:
      readBuffer7(dat, data);
      return;
    default:
      readOption(dat, id, data);
  }
}

function readBuffer7(dat: DatFile, data: Buffer): void {
  const cursor = new ByteCursor(memorySource(dat.file, data));
  const head = new ByteCursor(dat.source, cursor.u64());
  head.skip(2);
  const compressed = (head.u16() & COMPRESSED) !== 0;
  cursor.text(NAME_MAX);
  cursor.text(NAME_MAX);
  const pageSize = cursor.u32();
  const count = cursor.u32();
  const cpus: CpuRegion[] = [];
  for (let index = 0; index < count; index++)
    cpus.push({ cpu: cursor.u32(), offset: cursor.u64(), size: cursor.u64() });
  dat.buffers.push({ cpus, pageSize, compressed });
}

function readOption(dat: DatFile, id: number, data: Buffer): void {
  switch (id) {
    case OPTION.uname: {
      const words = data.toString('latin1').replace(/\0.*$/s, '').split(' ');
      dat.kernel = words[2];
      dat.arch = words.at(-1);
      return;
    }
    case OPTION.cpuStat:
      for (const [, count] of data.toString('latin1').matchAll(/^(?:overrun|dropped events): (\d+)$/gm))
        dat.overrun += Number(count);
      return;
    case OPTION.tsc:
      if (data.length >= 16)
        dat.tsc = {
          mult: BigInt(data.readUInt32LE(0)),
          shift: BigInt(data.readUInt32LE(4)),
          offset: data.readBigUInt64LE(8),
        };
      return;
  }
}

/** A section of version 7, decompressed where it is compressed. */
function section(dat: DatFile, offset: number): { source: ByteSource; at: number } {
  const cursor = new ByteCursor(dat.source, offset);
  cursor.skip(2);
  const flags = cursor.u16();
  cursor.skip(4);
  const size = cursor.u64();
  if ((flags & COMPRESSED) === 0) return { source: dat.source, at: offset + SECTION_HEADER };
  const packed = cursor.u32();
  const unpacked = cursor.u32();
  if (packed + 8 > size) throw badDat(dat.file, `expected a section of ${packed + 8} bytes, found ${size}`);
  return { source: memorySource(dat.file, unpack(dat, cursor.bytes(packed), unpacked)), at: 0 };
}

const UNPACKED_MAX = 1 << 30;

/** Throws TraceFormatError: TRC022-bad-trace-dat. */
export function unpack(dat: DatFile, packed: Buffer, size: number): Buffer {
  if (size > UNPACKED_MAX) throw badDat(dat.file, `expected a section, found one of ${size} bytes`);
  let bytes: Uint8Array;
  try {
    if (dat.compression === 'zstd') bytes = decompress(packed, new Uint8Array(size));
    else if (dat.compression === 'zlib') bytes = inflateSync(packed, { maxOutputLength: Math.max(size, 1) });
    else
      throw badDat(
        dat.file,
        `expected zlib or zstd, found compression by ${JSON.stringify(dat.compression)}`,
      );
  } catch (cause) {
    if (cause instanceof TraceFormatError) throw cause;
    throw badDat(dat.file, `expected compressed data, found damage (${String(cause)})`);
  }
  if (bytes.length !== size) throw badDat(dat.file, `expected ${size} bytes of data, found ${bytes.length}`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function readHeaders(dat: DatFile, cursor: ByteCursor): void {
  cursor.text(NAME_MAX);
  const page = cursor.bytes(cursor.u64()).toString('latin1');
  cursor.text(NAME_MAX);
  cursor.skip(cursor.u64());
  const commit = /field: local_t commit;\s*offset:(\d+);\s*size:(\d+);/.exec(page);
  const data = /field: char data;\s*offset:(\d+);/.exec(page);
  if (commit === null || data === null) throw badDat(dat.file, 'expected the layout of a page, found none');
  dat.commitOffset = Number(commit[1]);
  dat.commitSize = Number(commit[2]);
  dat.dataOffset = Number(data[1]);
}

function readFormat(dat: DatFile, system: string, cursor: ByteCursor): void {
  const event = parseEventFormat(system, cursor.bytes(cursor.u64()).toString('latin1'));
  if (event !== undefined) dat.events.set(event.id, event);
}

function readFtraceFormats(dat: DatFile, cursor: ByteCursor): void {
  for (let left = cursor.u32(); left > 0; left--) readFormat(dat, 'ftrace', cursor);
}

function readEventFormats(dat: DatFile, cursor: ByteCursor): void {
  for (let systems = cursor.u32(); systems > 0; systems--) {
    const system = cursor.text(NAME_MAX);
    for (let left = cursor.u32(); left > 0; left--) readFormat(dat, system, cursor);
  }
}

function readSymbols(dat: DatFile, cursor: ByteCursor): void {
  dat.symbols = parseSymbols(cursor.bytes(cursor.u32()).toString('latin1'), FUNCTIONS);
}

function readCommands(dat: DatFile, cursor: ByteCursor): void {
  for (const line of cursor.bytes(cursor.u64()).toString('latin1').split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) dat.commands.set(Number(line.slice(0, space)), line.slice(space + 1));
  }
}
