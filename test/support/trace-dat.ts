/** Writes trace.dat files for tests: versions 6 and 7, compressed or not, several CPUs, pages that say events were lost. */
import { deflateSync } from 'node:zlib';

const PAGE = 4096;
const PAGE_HEAD = 16;
const MISSED = 0x8000_0000;
const STORED = 0x4000_0000;

type FieldSpec = readonly [declared: string, size: number, signed?: boolean];
type EventSpec = Readonly<{ id: number; system: string; name: string; fields: readonly FieldSpec[] }>;

const WORDS = Array.from({ length: 11 }, (_, index): FieldSpec => [`u64 w${index * 8}`, 8]);
const SPECS: readonly EventSpec[] = [
  {
    id: 11,
    system: 'kprobes',
    name: 'enter',
    fields: [['unsigned long __probe_ip', 8], ['u32 cmd', 4], ['u64 uptr', 8], ...WORDS],
  },
  {
    id: 12,
    system: 'kprobes',
    name: 'exit',
    fields: [
      ['unsigned long __probe_func', 8],
      ['unsigned long __probe_ret_ip', 8],
      ['u32 cmd', 4],
      ['s64 ret', 8, true],
      ...WORDS,
    ],
  },
  {
    id: 13,
    system: 'syscalls',
    name: 'sys_enter_openat',
    fields: [
      ['int __syscall_nr', 4, true],
      ['int dfd', 8],
      ['const char * filename', 8],
      ['int flags', 8],
      ['umode_t mode', 8],
      ['__data_loc char[] __filename_val', 4],
    ],
  },
  {
    id: 14,
    system: 'syscalls',
    name: 'sys_exit_openat',
    fields: [
      ['int __syscall_nr', 4, true],
      ['long ret', 8, true],
    ],
  },
  {
    id: 15,
    system: 'syscalls',
    name: 'sys_enter_ioctl',
    fields: [
      ['int __syscall_nr', 4, true],
      ['unsigned int fd', 8],
      ['unsigned int cmd', 8],
      ['unsigned long arg', 8],
    ],
  },
  {
    id: 16,
    system: 'syscalls',
    name: 'sys_exit_ioctl',
    fields: [
      ['int __syscall_nr', 4, true],
      ['long ret', 8, true],
    ],
  },
  { id: 17, system: 'sched', name: 'sched_process_exit', fields: [['char comm[16]', 16]] },
];

const SYMBOLS = 'ffffffff81000000 T iommufd_fops_ioctl\nffffffff81001000 T other\n';
export const HANDLER = 0xffff_ffff_8100_0000n;

/** `values` by field; a string is the text of a `__data_loc` field. `lost` events were lost before it, on a new page. */
export type DatEventSpec = Readonly<{
  cpu: number;
  ts: number;
  pid: number;
  name: string;
  values: Readonly<Record<string, bigint | string>>;
  lost?: number;
}>;

type Placed = Readonly<{ offset: number; size: number; name: string; loc: boolean }>;

function place(spec: EventSpec): { fields: Placed[]; end: number } {
  let offset = 8;
  const fields = spec.fields.map(([declared, size]) => {
    if (!spec.system.startsWith('kprobes') && size === 8) offset = (offset + 7) & ~7;
    const name = /(\w+)(\[\d+\])?$/.exec(declared)?.[1] ?? '';
    const placed = { offset, size, name, loc: declared.startsWith('__data_loc') };
    offset += size;
    return placed;
  });
  return { fields, end: offset };
}

function formatText(spec: EventSpec): Buffer {
  const { fields } = place(spec);
  const own = spec.fields.map(
    ([declared, size, signed], index) =>
      `\tfield:${declared};\toffset:${fields[index]!.offset};\tsize:${size};\tsigned:${signed ? 1 : 0};\n`,
  );
  const common =
    '\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n';
  return Buffer.from(
    `name: ${spec.name}\nID: ${spec.id}\nformat:\n${common}${own.join('')}\nprint fmt: ""\n`,
  );
}

function record(event: DatEventSpec): Buffer {
  const spec = SPECS.find(({ name }) => name === event.name)!;
  const { fields, end } = place(spec);
  const texts = fields
    .filter(({ loc }) => loc)
    .map(({ name }) => Buffer.from(`${String(event.values[name] ?? '')}\0`));
  const bytes = Buffer.alloc((end + texts.reduce((sum, { length }) => sum + length, 0) + 3) & ~3);
  bytes.writeUInt16LE(spec.id, 0);
  bytes.writeInt32LE(event.pid, 4);
  let tail = end;
  for (const { offset, size, name, loc } of fields) {
    if (loc) {
      const text = texts.shift()!;
      bytes.writeUInt32LE((text.length << 16) | tail, offset);
      text.copy(bytes, tail);
      tail += text.length;
      continue;
    }
    let value = BigInt.asUintN(64, BigInt(event.values[name] ?? 0n));
    for (let at = 0; at < size; at++, value >>= 8n) bytes[offset + at] = Number(value & 0xffn);
  }
  return bytes;
}

function pagesOf(events: readonly DatEventSpec[]): Buffer {
  const pages: Buffer[] = [];
  let page: Buffer | undefined;
  let at = 0;
  let time = 0;
  const close = (): void => {
    if (page === undefined) return;
    page.writeUInt32LE((page.readUInt32LE(8) | (at - PAGE_HEAD)) >>> 0, 8);
    if (page.readUInt32LE(8) & STORED) page.writeBigUInt64LE(BigInt(page.readUInt32LE(12)), at);
    page.writeUInt32LE(0, 12);
    pages.push(page);
  };
  for (const event of events) {
    const bytes = record(event);
    if (page === undefined || event.lost !== undefined || at + bytes.length + 24 > PAGE) {
      close();
      page = Buffer.alloc(PAGE);
      page.writeBigUInt64LE(BigInt(event.ts), 0);
      if (event.lost !== undefined) page.writeUInt32LE((MISSED | (event.lost > 0 ? STORED : 0)) >>> 0, 8);
      page.writeUInt32LE(event.lost ?? 0, 12);
      at = PAGE_HEAD;
      time = event.ts;
    }
    const delta = event.ts - time;
    if (delta >= 2 ** 27) {
      page.writeUInt32LE((30 | ((delta % 2 ** 27) << 5)) >>> 0, at);
      page.writeUInt32LE(Math.floor(delta / 2 ** 27), at + 4);
      at += 8;
    }
    page.writeUInt32LE(((delta >= 2 ** 27 ? 0 : delta) << 5) >>> 0, at);
    page.writeUInt32LE(bytes.length + 4, at + 4);
    bytes.copy(page, at + 8);
    at += 8 + bytes.length;
    time = event.ts;
  }
  close();
  return Buffer.concat(pages);
}

const u16 = (value: number): Buffer => Buffer.from(Uint16Array.of(value).buffer);
const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string): Buffer => Buffer.from(`${value}\0`);

const PAGE_FORMAT =
  '\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n';
const headers = (): Buffer =>
  Buffer.concat([
    text('header_page'),
    u64(PAGE_FORMAT.length),
    Buffer.from(PAGE_FORMAT),
    text('header_event'),
    u64(0),
  ]);

function eventFormats(): Buffer {
  const systems = [...new Set(SPECS.map(({ system }) => system))];
  return Buffer.concat([
    u32(systems.length),
    ...systems.flatMap((system) => {
      const specs = SPECS.filter((spec) => spec.system === system);
      return [
        text(system),
        u32(specs.length),
        ...specs.flatMap((spec) => [u64(formatText(spec).length), formatText(spec)]),
      ];
    }),
  ]);
}

const symbols = (): Buffer => Buffer.concat([u32(SYMBOLS.length), Buffer.from(SYMBOLS)]);
const COMMANDS = '7 vmm\n8 vmm\n';
const commands = (): Buffer => Buffer.concat([u64(COMMANDS.length), Buffer.from(COMMANDS)]);
const UNAME = Buffer.from('Linux host 7.3.4 x86_64\0');

function cpusOf(events: readonly DatEventSpec[]): Buffer[] {
  const count = Math.max(...events.map(({ cpu }) => cpu)) + 1;
  return Array.from({ length: count }, (_, cpu) => pagesOf(events.filter((event) => event.cpu === cpu)));
}

function magic(version: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x17, 8, 0x44]),
    Buffer.from('tracing'),
    text(version),
    Buffer.from([0, 8]),
    u32(PAGE),
  ]);
}

/** A file of version 6. */
export function traceDat6(events: readonly DatEventSpec[]): Buffer {
  const data = cpusOf(events);
  const head = Buffer.concat([
    magic('6'),
    headers(),
    u32(0),
    eventFormats(),
    symbols(),
    u32(0),
    commands(),
    u32(data.length),
    Buffer.from('options  \0'),
    u16(5),
    u32(UNAME.length),
    UNAME,
    u16(0),
    Buffer.from('flyrecord\0'),
  ]);
  let offset = (head.length + data.length * 16 + PAGE - 1) & ~(PAGE - 1);
  const table: Buffer[] = [];
  for (const pages of data) {
    table.push(u64(offset), u64(pages.length));
    offset += pages.length;
  }
  const start = Buffer.concat([head, ...table]);
  return Buffer.concat([start, Buffer.alloc(-start.length & (PAGE - 1)), ...data]);
}

/** A file of version 7, with its sections compressed by zlib or not at all. */
export function traceDat7(events: readonly DatEventSpec[], compression: 'zlib' | 'none'): Buffer {
  const zlib = compression === 'zlib';
  const packed = (bytes: Buffer): Buffer => {
    const small = deflateSync(bytes);
    return Buffer.concat([u32(small.length), u32(bytes.length), small]);
  };
  const parts: Buffer[] = [Buffer.concat([magic('7'), text(compression), text('1.0')])];
  const at = (): number => parts.reduce((sum, { length }) => sum + length, 0);
  const pointer = parts.push(u64(0)) - 1;
  const options: Buffer[] = [];
  const option = (id: number, data: Buffer): void => {
    options.push(u16(id), u32(data.length), data);
  };
  const section = (id: number, bytes: Buffer): void => {
    const body = zlib ? packed(bytes) : bytes;
    option(id, u64(at()));
    parts.push(Buffer.concat([u16(id), u16(zlib ? 1 : 0), u32(0), u64(body.length), body]));
  };
  section(16, headers());
  section(18, eventFormats());
  section(19, symbols());
  section(21, commands());
  option(5, UNAME);
  const buffer = at();
  parts.push(Buffer.concat([u16(3), u16(zlib ? 1 : 0), u32(0), u64(0)]));
  const table = cpusOf(events).map((pages, cpu) => {
    const chunks = zlib ? Buffer.concat([u32(pages.length / PAGE), ...chunksOf(pages).map(packed)]) : pages;
    const entry = Buffer.concat([u32(cpu), u64(at()), u64(chunks.length)]);
    parts.push(chunks);
    return entry;
  });
  option(3, Buffer.concat([u64(buffer), text(''), text('mono'), u32(PAGE), u32(table.length), ...table]));
  option(0, u64(0));
  parts[pointer] = u64(at());
  const body = Buffer.concat(options);
  parts.push(Buffer.concat([u16(0), u16(0), u32(0), u64(body.length), body]));
  return Buffer.concat(parts);
}

function chunksOf(pages: Buffer): Buffer[] {
  return Array.from({ length: pages.length / PAGE }, (_, index) =>
    pages.subarray(index * PAGE, (index + 1) * PAGE),
  );
}
