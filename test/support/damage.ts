/** Damage to captures: cut anywhere, bytes flipped, lines and fields missing, events lost, out of order, files joined. */
import type { Chance } from '../../bench/histories.ts';

/** A capture. `log`: text that says everything once; `json`: a recording of ours; `packed`: binary or compressed. */
export type Source = Readonly<{ name: string; bytes: Buffer; form: 'text' | 'log' | 'json' | 'packed' }>;

/** `isTellable`: whether a reader can notice, or a call of the damaged capture is one of the whole one. */
export type Damaged = Readonly<{ how: string; bytes: Buffer; isTellable: boolean }>;

function flip(bytes: Buffer, chance: Chance): Buffer {
  const changed = Buffer.from(bytes);
  for (let left = 1 + chance(6); left > 0; left--) {
    const at = chance(changed.length);
    changed[at] = (changed[at] as number) ^ (1 << chance(8));
  }
  return changed;
}

function onLines(bytes: Buffer, change: (lines: string[]) => void): Buffer {
  const lines = bytes.toString('latin1').split('\n');
  change(lines);
  return Buffer.from(lines.join('\n'), 'latin1');
}

const CPU = /\[(\d{3})\]/;

/** Lines of a kernel trace as several rings are read one after another: of each few hundred, those of a CPU together. */
function byCpu(lines: string[], block: number): void {
  for (let from = 0; from < lines.length; from += block) {
    const part = lines.slice(from, from + block);
    // Where all ran on one CPU, every third event is taken for one of another.
    const ring = (line: string, index: number): number =>
      Number(CPU.exec(line)?.[1] ?? 0) * 2 + (index % 3 === 0 ? 1 : 0);
    const order = part.map((line, index) => ({ line, ring: ring(line, index) }));
    order.sort((one, other) => one.ring - other.ring);
    lines.splice(from, part.length, ...order.map(({ line }) => line));
  }
}

const WORD = / [wp]\d+=0x[0-9a-f]+/g;

const TEXT: Readonly<Record<string, (bytes: Buffer, chance: Chance) => Buffer>> = {
  'a byte after another is replaced by a letter': (bytes, chance) => {
    const changed = Buffer.from(bytes);
    for (let left = 1 + chance(4); left > 0; left--) changed[chance(changed.length)] = 0x20 + chance(95);
    return changed;
  },
  'lines are missing': (bytes, chance) =>
    onLines(bytes, (lines) => lines.splice(chance(lines.length), 1 + chance(5))),
  'a line comes twice': (bytes, chance) =>
    onLines(bytes, (lines) => {
      const at = chance(lines.length);
      lines.splice(at, 0, lines[at] as string);
    }),
  'lines change places': (bytes, chance) =>
    onLines(bytes, (lines) => {
      const [one, other] = [chance(lines.length), chance(lines.length)];
      [lines[one], lines[other]] = [lines[other] as string, lines[one] as string];
    }),
  'fields are missing': (bytes, chance) =>
    onLines(bytes, (lines) => {
      for (let left = 3; left > 0; left--) {
        const at = chance(lines.length);
        const words = (lines[at] as string).split(' ');
        words.splice(chance(words.length), 1);
        lines[at] = words.join(' ');
      }
    }),
  'events are lost, and it says so': (bytes, chance) =>
    onLines(bytes, (lines) => {
      lines.splice(chance(lines.length), chance(40), `CPU:${chance(4)} [LOST ${chance(200_000)} EVENTS]`);
    }),
  'most of it is lost, and it says so': (bytes, chance) =>
    onLines(bytes, (lines) => {
      const from = chance(lines.length);
      const count = Math.floor((lines.length - from) * 0.8);
      lines.splice(from, count, `CPU:${chance(4)} [LOST ${100_000 + chance(900_000)} EVENTS]`);
    }),
  'the rings of CPUs are read one after another': (bytes, chance) =>
    onLines(bytes, (lines) => byCpu(lines, 20 + chance(200))),
  'words of structs are missing': (bytes, chance) =>
    onLines(bytes, (lines) => {
      for (let left = 1 + chance(20); left > 0; left--) {
        const at = chance(lines.length);
        const words = [...(lines[at] as string).matchAll(WORD)];
        if (words.length > 0)
          lines[at] = (lines[at] as string).replace(words[chance(words.length)]?.[0] ?? '', '');
      }
    }),
  'a line is cut': (bytes, chance) =>
    onLines(bytes, (lines) => {
      const at = chance(lines.length);
      lines[at] = (lines[at] as string).slice(0, chance((lines[at] as string).length + 1));
    }),
};

const ANY: Readonly<Record<string, (bytes: Buffer, chance: Chance) => Buffer>> = {
  'it is cut': (bytes, chance) => bytes.subarray(0, chance(bytes.length)),
  'its beginning is missing': (bytes, chance) => bytes.subarray(chance(bytes.length)),
  'bits are flipped': flip,
  'two of it are joined': (bytes, chance) => {
    const second = chance(2) === 0 ? bytes : bytes.subarray(chance(bytes.length));
    return Buffer.concat([bytes.subarray(0, chance(bytes.length)), second]);
  },
  'bytes in the middle are zero': (bytes, chance) => {
    const changed = Buffer.from(bytes);
    const from = chance(bytes.length);
    changed.fill(0, from, Math.min(changed.length, from + 1 + chance(300)));
    return changed;
  },
};

/** Where every bit counts, and none of them twice: a changed one makes another recording, with nothing to tell by. */
const UNTELLABLE: ReadonlySet<string> = new Set([
  'bits are flipped',
  'a byte after another is replaced by a letter',
  'fields are missing',
]);

const JSON_LINES: typeof ANY = {
  'properties are missing': (bytes, chance) =>
    onLines(bytes, (lines) => {
      for (let left = 1 + chance(5); left > 0; left--) {
        const at = chance(lines.length);
        if (lines[at] === '') continue;
        const line: Record<string, unknown> = JSON.parse(lines[at] as string);
        const names = Object.keys(line);
        delete line[names[chance(names.length)] as string];
        lines[at] = JSON.stringify(line);
      }
    }),
};

/** The capture with one kind of damage; `another` is a capture that may follow it. */
export function damaged(source: Source, another: Source, chance: Chance): Damaged {
  const { bytes, form } = source;
  const follow = { 'another capture follows': () => Buffer.concat([bytes, another.bytes]) };
  const special = form === 'json' ? JSON_LINES : form === 'packed' ? undefined : {};
  const changes: typeof ANY = {
    ...ANY,
    ...(special === undefined ? {} : { ...TEXT, ...follow, ...special }),
  };
  const kinds = Object.entries(changes);
  const [how, change] = kinds[chance(kinds.length)] as (typeof kinds)[number];
  return {
    how,
    bytes: change(bytes, chance),
    isTellable: (form !== 'json' && form !== 'log') || !UNTELLABLE.has(how),
  };
}
