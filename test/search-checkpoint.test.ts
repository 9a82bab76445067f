import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { smallModel } from '../bench/search-model.ts';
import { CheckpointError } from '../explore/checkpoint-bytes.ts';
import { openSearch, search } from '../explore/search.ts';

const model = smallModel({ spaces: 2, slots: 3, devices: 2 });

function checkpointAfter(states: number): Uint8Array {
  const running = openSearch(model);
  running.advance(states);
  return running.checkpoint();
}

describe('a checkpoint', () => {
  it('is the same for the same search', () => {
    expect(checkpointAfter(50)).toEqual(checkpointAfter(50));
  });

  it('lets the search that made it go on', () => {
    const running = openSearch(model);
    running.advance(50);
    running.checkpoint();
    while (running.advance(1000) === undefined);
    expect({ ...running.result(), bytes: 0 }).toEqual({ ...search(model), bytes: 0 });
  });

  it('can be taken at the end, and says the same again', () => {
    const running = openSearch(model);
    while (running.advance(1000) === undefined);
    const again = openSearch(model, { resume: running.checkpoint() });
    expect(again.advance(1)).toBe('exhausted');
    expect({ ...again.result(), bytes: 0 }).toEqual({ ...search(model), bytes: 0 });
  });

  it('is refused with a changed byte, wherever it is', () => {
    const bytes = checkpointAfter(50);
    const place = fc.integer({ min: 0, max: bytes.length - 1 });
    fc.assert(
      fc.property(place, fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = (bytes[at] ?? 0) ^ change;
        expect(() => openSearch(model, { resume: damaged })).toThrow(CheckpointError);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it.each([0, 1, 27, 100, -1, -9])('is refused when cut at %i', (length) => {
    const bytes = checkpointAfter(50);
    expect(() => openSearch(model, { resume: bytes.slice(0, length) })).toThrow(
      /^checkpoint: CKP001-damaged: expected/,
    );
  });

  it('is refused where it is none', () => {
    const text = new TextEncoder().encode('{"type":"text of another kind altogether"}');
    expect(() => openSearch(model, { resume: text })).toThrow(
      'checkpoint: CKP001-damaged: it does not begin with SRCH',
    );
  });

  it('is refused by another model, other properties and other settings', () => {
    const bytes = checkpointAfter(50);
    const other = smallModel({ spaces: 2, slots: 2, devices: 2 });
    for (const [against, options] of [
      [other, {}],
      [model, { properties: [] }],
      [model, { symmetry: false }],
    ] as const) {
      expect(() => openSearch(against, { ...options, resume: bytes })).toThrow(
        'checkpoint: CKP003-other-model',
      );
    }
  });
});
