/** The pages object behind one MAP or MAP_FILE: where its memory comes from and which of its pages are pinned. */
import type { Piece } from '../events/memory.ts';
import type { AccountMode } from './world.ts';

/** Page indexes (inclusive) that a domain or an access keeps pinned, `count` times. */
export type Hold = { first: number; last: number; count: number };

export interface Pages {
  readonly id: number;
  readonly kind: 'user' | 'file' | 'dmabuf';
  /** Address space of the mapper ('user'). */
  spaceId: number;
  /** Inode ('file') or open file ('dmabuf'). */
  readonly ino: number;
  /** What the descriptor was: only 'memfd' and 'hugetlb' files can be pinned. */
  readonly fileType: string;
  /** Page number of page 0: virtual address or file offset divided by the page size. */
  readonly basePage: bigint;
  readonly npages: number;
  readonly writable: boolean;
  readonly account: AccountMode;
  /** Who pays: changed by CHANGE_PROCESS. */
  ownerPid: number;
  uid: number;
  /** Areas that use it. */
  areas: number;
  holds: Hold[];
  /** Pinned pages with the identity they had when they were pinned; ascending, disjoint. */
  pinned: Piece[];
  /** dma-buf: importers were told to let go; existing mappings are gone for good. */
  detached: boolean;
}

/** Number of pinned pages. */
export function pinnedCount(pages: Pages): number {
  let count = 0;
  for (const piece of pages.pinned) count += piece.last - piece.first + 1;
  return count;
}

/** Parts of [first, last] that are not covered by `pieces` (ascending, disjoint). */
export function uncovered(
  pieces: readonly { first: number; last: number }[],
  first: number,
  last: number,
): [number, number][] {
  const gaps: [number, number][] = [];
  let next = first;
  for (const piece of pieces) {
    if (piece.last < next) continue;
    if (piece.first > last) break;
    if (piece.first > next) gaps.push([next, piece.first - 1]);
    next = piece.last + 1;
    if (next > last) return gaps;
  }
  if (next <= last) gaps.push([next, last]);
  return gaps;
}

/** Identity of page `index` as it was pinned, or undefined. */
export function pinnedPage(
  pages: Pages,
  index: number,
): { key: string; page: number; compound: boolean } | undefined {
  for (const piece of pages.pinned) {
    if (index < piece.first) return undefined;
    if (index <= piece.last) {
      return { key: piece.key, page: piece.base + (index - piece.first), compound: piece.compound };
    }
  }
  return undefined;
}

/** Parts of `pieces` inside [first, last]. */
export function clipPieces(pieces: readonly Piece[], first: number, last: number): Piece[] {
  const kept: Piece[] = [];
  for (const piece of pieces) {
    const from = Math.max(piece.first, first);
    const to = Math.min(piece.last, last);
    if (from > to) continue;
    kept.push({ ...piece, first: from, last: to, base: piece.base + (from - piece.first) });
  }
  return kept;
}
