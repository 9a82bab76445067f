/** Mutants that change no answer, and why. */
import type { MutantKind } from './mutation-points.ts';

/** `text`: how the mutated source begins, white space as single blanks. */
export type Equivalent = Readonly<{ file: string; kind: MutantKind; text: string; reason: string }>;

const exclusive = 'no call meets both checks';
const sameRule = 'both checks answer the same rule';
const shortcut = 'a shortcut: what follows answers the same, only later';

const swaps: readonly (readonly [file: string, text: string, reason: string])[] = [
  ['area.ts', "if (length === 0n) return refuse('ioas-map-file/length');", exclusive],
  ['area.ts', "if (length === 0n) return refuse('ioas-copy/length');", exclusive],
  ['area.ts', "if (length === 0n) return refuse('ioas-unmap/length');", exclusive],
  ['area.ts', 'if (file === undefined && fact === undefined &&', exclusive],
  ['attachment.ts', 'if (start > 0n && refusesReservation(', sameRule],
  ['dirty.ts', "if (length === 0n) return refuse('get-dirty/length');", exclusive],
  ['fault.ts', "if (count === 0) return refuse('fault-read/space');", 'no bytes can always be written'],
  ['hw-info.ts', 'if (command.flags & ~(newer ? INPUT_TYPE : 0)', sameRule],
  ['hw-queue.ts', "if (length === 0n) return refuse('hw-queue-alloc/length');", exclusive],
  ['hwpt.ts', "if (target.kind === 'hwpt-nested')", exclusive],
  ['mapping.ts', "if (iova === 'EOVERFLOW') return { rule: 'map/auto-length' };", exclusive],
  ['mapping.ts', 'if (lowBitsOf(slice.startByte) & mask)', 'pages wrap only where the alignment is one byte'],
  ['mapping.ts', 'if (area.prot === 0 && generic)', 'areas without rights are never cut within a granule'],
  ['veventq.ts', 'if (count === 0) return queue.queued.length', 'no bytes can always be written'],
];

const drops: readonly (readonly [file: string, text: string, reason: string])[] = [
  ['access-pins.ts', 'if (uncovered(pages.pinned, first, last).length === 0)', shortcut],
  ['area.ts', 'if (length < SMALL) return Math.ceil', shortcut],
  [
    'attachment.ts',
    "if (!site.kernel.has.has('pasid')) return undefined;",
    'a release without PASIDs has no PASID slots',
  ],
  ['bitmap-window.ts', 'if (!this.anyDoubt) return;', shortcut],
  [
    'destroy.ts',
    "if (queue.phase !== 'open' || queue.users !== 2)",
    'no descriptor leads to a queue that is closed',
  ],
  ['dirty.ts', 'if (hwpt.dirty.size === 0) return DONE;', shortcut],
  ['fault.ts', 'if (group === undefined) return undefined;', 'a bound device is always in a group'],
  ['fault.ts', 'if (length === 0) return DONE;', shortcut],
  [
    'hwpt.ts',
    "if ('missing' in invalidation) return failed(invalidation);",
    'what is missing comes with the count of entries handled',
  ],
  [
    'leaf.ts',
    'if (size <= alone.last - alone.start + 1) continue;',
    'a smaller block around the leaf is the leaf itself or in it',
  ],
  ['option.ts', 'if (pages.areas === 0) continue;', 'pages without an area are let go with it'],
  ['pages.ts', 'if (next > last) return gaps;', shortcut],
  [
    'unmapping.ts',
    'if (access.internal) continue;',
    'what a HW queue pins is locked, and the loop ends before it',
  ],
  [
    'vfio-device.ts',
    "if (file.phase !== 'bound') return [];",
    'a file that is not bound has no context, and nobody asks',
  ],
  [
    'drivers/mock.ts',
    "if (isFailure(bytes) && 'rule' in bytes) return bytes;",
    'what cannot be read cannot be written either, with the same rule',
  ],
];

const negations: readonly (readonly [file: string, text: string, reason: string])[] = [
  ['area.ts', 'length < SMALL', 'two ways to count the same pages'],
];

function listed(kind: MutantKind, rows: readonly (readonly [string, string, string])[]): Equivalent[] {
  return rows.map(([file, text, reason]) => ({ file: `machines/${file}`, kind, text, reason }));
}

export const EQUIVALENT: readonly Equivalent[] = [
  ...listed('swap two checks', swaps),
  ...listed('drop a check', drops),
  ...listed('negate a condition', negations),
];
