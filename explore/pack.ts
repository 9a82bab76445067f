/** States in as few bits as their domains need: each cell has its place in a 32-bit word and straddles none. */
import type { Layout } from './model-layout.ts';

export type Packing = Readonly<{
  /** 32-bit words of one packed state; at least one. */
  words: number;
  bits: number;
  pack: (cells: Int32Array, into: Int32Array) => void;
  /** Reads the state that starts at this word. */
  unpack: (from: Int32Array, start: number, cells: Int32Array) => void;
}>;

type Place = Readonly<{ cell: number; word: number; shift: number; width: number }>;

const WORD_BITS = 32;

/** How states of this layout are packed. Cells with a single value take no room. */
export function packingOf(layout: Layout): Packing {
  const { places, words, bits } = placesOf(layout);
  return { words, bits, pack: packer(places, words), unpack: unpacker(places) };
}

function placesOf(layout: Layout): { places: Place[]; words: number; bits: number } {
  const places: Place[] = [];
  let word = 0;
  let shift = 0;
  let bits = 0;
  for (const { values, offset, count } of layout.fields) {
    const width = WORD_BITS - Math.clz32(values.length - 1);
    for (let cell = offset; width > 0 && cell < offset + count; cell++) {
      if (shift + width > WORD_BITS) {
        word++;
        shift = 0;
      }
      places.push({ cell, word, shift, width });
      shift += width;
      bits += width;
    }
  }
  return { places, words: word + 1, bits };
}

/**
 * The statements are written out and compiled once, as for the structs of a trace: a loop over the places takes several times as
 * long. The text consists of numbers of our own only.
 */
function packer(places: readonly Place[], words: number): Packing['pack'] {
  const lines = Array.from({ length: words }, (_, word) => {
    const parts = places.filter((place) => place.word === word);
    const terms = parts.map(({ cell, shift }) =>
      shift === 0 ? `cells[${cell}]` : `cells[${cell}] << ${shift}`,
    );
    return `into[${word}] = ${terms.join(' | ') || '0'};`;
  });
  return new Function('cells', 'into', lines.join('\n')) as Packing['pack'];
}

function unpacker(places: readonly Place[]): Packing['unpack'] {
  const lines = places.map(({ cell, word, shift, width }) => {
    const bits = shift === 0 ? `from[start + ${word}]` : `from[start + ${word}] >>> ${shift}`;
    return `cells[${cell}] = ${bits} & ${2 ** width - 1};`;
  });
  return new Function('from', 'start', 'cells', lines.join('\n')) as Packing['unpack'];
}
