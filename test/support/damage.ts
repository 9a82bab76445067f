/** Damage to captures: cut anywhere, bytes flipped, lines and fields missing, events lost, out of order, files joined. */
import type { Chance } from './overlapping.ts';

export type Damaged = Readonly<{ how: string; bytes: Buffer }>;

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

/** The capture with one kind of damage. */
export function damaged(bytes: Buffer, isText: boolean, chance: Chance): Damaged {
  const kinds = Object.entries(isText ? { ...ANY, ...TEXT } : ANY);
  const [how, change] = kinds[chance(kinds.length)] as (typeof kinds)[number];
  return { how, bytes: change(bytes, chance) };
}
