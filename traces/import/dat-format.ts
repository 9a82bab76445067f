/** The format of one event as a trace.dat file brings it: the kernel's own text under /sys/kernel/tracing/events. */

export type DatField = Readonly<{ offset: number; size: number; signed: boolean; type: string }>;
export type DatEvent = Readonly<{
  id: number;
  system: string;
  name: string;
  fields: ReadonlyMap<string, DatField>;
  /** Bytes that the fixed fields reach to. */
  least: number;
}>;

const LINE = /^\tfield:(.+?);\toffset:(\d+);\tsize:(\d+);(?:\tsigned:([01]);)?$/;

/** undefined for a text that describes no event. */
export function parseEventFormat(system: string, text: string): DatEvent | undefined {
  const name = /^name: (\S+)$/m.exec(text)?.[1];
  const id = /^ID: (\d+)$/m.exec(text)?.[1];
  if (name === undefined || id === undefined) return undefined;
  const fields = new Map<string, DatField>();
  let least = 0;
  for (const line of text.split('\n')) {
    const found = LINE.exec(line);
    if (found === null) continue;
    const [, declared = '', offset, size, signed] = found;
    const named = /^(.*?)\s*\*?(\w+)(?:\[[^\]]*\])?$/.exec(declared);
    if (named === null) continue;
    const field = {
      offset: Number(offset),
      size: Number(size),
      signed: signed === '1',
      type: named[1] ?? '',
    };
    fields.set(named[2] ?? '', field);
    least = Math.max(least, field.offset + field.size);
  }
  return { id: Number(id), system, name, fields, least };
}

/** Functions by address, from the kernel's symbol table as the file brings it. */
export type Symbols = Readonly<{ nameAt: (address: bigint) => string | undefined }>;

/** The symbol of each of `wanted`, and where the next one begins. */
export function parseSymbols(text: string, wanted: ReadonlySet<string>): Symbols {
  const addresses: bigint[] = [];
  const found: { name: string; start: bigint }[] = [];
  for (const line of text.split('\n')) {
    const end = line.indexOf(' ');
    if (end < 1 || end > 16) continue;
    const name = line.slice(end + 3).split('\t')[0] ?? '';
    if (!/^[0-9a-f]+$/.test(line.slice(0, end))) continue;
    const start = BigInt(`0x${line.slice(0, end)}`);
    if (start === 0n) continue;
    addresses.push(start);
    if (wanted.has(name)) found.push({ name, start });
  }
  const ranges = found.map(({ name, start }) => ({ name, start, end: nextAfter(addresses, start) }));
  return { nameAt: (address) => ranges.find(({ start, end }) => address >= start && address < end)?.name };
}

function nextAfter(addresses: readonly bigint[], start: bigint): bigint {
  let end = start + 0x1_0000n;
  for (const address of addresses) if (address > start && address < end) end = address;
  return end;
}
