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
  ['dirty.ts', 'if (iova > stretch.last) return;', 'granules past the area touch nothing of the range'],
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

const never = 'the two are never equal';
const borders: readonly (readonly [file: string, text: string, reason: string])[] = [
  ['area.ts', 'length < SMALL', 'two ways to count the same pages'],
  ['attachment.ts', 'domain.granule > ioas.align', 'areas of an IOAS are aligned to what it asks for'],
  ['attachment.ts', 'start > 0n', 'the range below 0 is empty'],
  ['attachment.ts', 'last < U64_MAX', 'the range above 2^64 is empty'],
  ['bitmap-window.ts', 'reach < 0', never],
  ['bitmap-window.ts', 'at < to', 'a store past the end of a typed array is lost'],
  ['dirty.ts', 'iova > stretch.last', never],
  ['dirty.ts', 'iova > current.certain.last', never],
  ['dirty.ts', 'leaf.possible.last >= range.start', never],
  ['dirty.ts', 'leaf.possible.start <= range.last', never],
  ['dirty.ts', 'last >= range.start', never],
  ['dirty.ts', 'start <= range.last', never],
  ['dirty.ts', 'at > U64_MAX', 'no domain maps the last byte of all'],
  ['leaf.ts', 'size <= alone.last - alone.start + 1', 'a block as large as the leaf is the leaf'],
  ['leaf.ts', 'index > 0', 'the smallest size is the answer either way'],
  ['mapping.ts', 'length >= HUGE_LENGTH', 'a shortcut for lengths that cannot wrap'],
  ['mock-memory.ts', 'uptr + length > U64_MAX', never],
  ['pinning.ts', 'end >= 1n << 63n', 'no file is that long'],
  ['unmapping.ts', 'area.pins > 0', 'an area without pins has none to drop'],
  ['unmapping.ts', 'item.iova > area.last', 'pins begin with a page, areas of a pinning IOAS end with one'],
  ['user-page.ts', 'address >= 0', 'nothing is mapped at address 0'],
  ['veventq.ts', 'queue.queued.length > 0', 'each release with event queues asks for a header'],
  ['vfio-compat.ts', 'room > 0', 'the second condition asks for more'],
  ['vfio-device.ts', 'pasid < PASID_LIMIT', 'such a PASID was refused before'],
  ['viommu.ts', 'one.offset < other.offset', never],
];

function listed(kind: MutantKind, rows: readonly (readonly [string, string, string])[]): Equivalent[] {
  return rows.map(([file, text, reason]) => ({ file: `machines/${file}`, kind, text, reason }));
}

export const EQUIVALENT: readonly Equivalent[] = [
  ...listed('swap two checks', swaps),
  ...listed('drop a check', drops),
  ...listed('negate a condition', negations),
  ...listed('move a border', borders),
];
