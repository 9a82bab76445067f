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

/** Bytes that a function has at most where the table does not tell what comes after it. */
const LONGEST_FUNCTION = 0x1_0000n;

/** Where each of `wanted` begins, and where what follows it in the table does; tables are sorted by address. */
export function parseSymbols(text: string, wanted: ReadonlySet<string>): Symbols {
  const ranges: { name: string; start: bigint; end: bigint }[] = [];
  for (const name of wanted) {
    const found = new RegExp(`^([0-9a-f]{1,16}) \\w ${name}$`, 'm').exec(text);
    const start = found === null ? 0n : BigInt(`0x${found[1]}`);
    if (found === null || start === 0n) continue;
    ranges.push({ name, start, end: nextAfter(text, found.index, start) });
  }
  return { nameAt: (address) => ranges.find(({ start, end }) => address >= start && address < end)?.name };
}

/** The first other address in the lines that follow. */
function nextAfter(text: string, from: number, start: bigint): bigint {
  for (let at = from, lines = 0; lines < 64; lines++) {
    at = text.indexOf('\n', at) + 1;
    const found = at === 0 ? null : /^[0-9a-f]{1,16}/.exec(text.slice(at, at + 16));
    if (found === null) break;
    const address = BigInt(`0x${found[0]}`);
    if (address > start && address < start + LONGEST_FUNCTION) return address;
  }
  return start + LONGEST_FUNCTION;
}
