/** One page of user memory seen by two paths: what get_user_pages() finds now, and what a pin holds. */
import type { AddressSpace } from './address-space.ts';
import { fileKey, pageInKey, type Vma, vmaAt } from './address-space.ts';
import { pinnedPage } from './pages.ts';
import type { PinSource, Tally } from './pinning.ts';
import type { Failure, Site } from './site.ts';

/** Number of the last page of a 64-bit address space: its end is no address any more. */
const LAST_PAGE = (1n << 52n) - 1n;

export type PageIdentity = Readonly<{ key: string; page: number; compound: boolean }>;

/** The page at `address` (bytes) in the caller's memory, as a read by get_user_pages() finds it. */
export function currentPage(site: Site, userAddress: bigint): PageIdentity | Failure {
  if (userAddress >> 12n >= LAST_PAGE) return { rule: 'user-page/wrap' };
  const address = Number(userAddress);
  const space: AddressSpace | undefined = site.space;
  if (space === undefined || !space.known) return { missing: 'the address space of the calling process' };
  const vma = address >= 0 && address < space.top ? vmaAt(space, address) : undefined;
  if (vma?.kind === 'unknown') return { missing: 'the address space of the calling process' };
  if (vma === undefined || !vma.read || vma.kind === 'device') return { rule: 'user-page/fault' };
  return { key: keyOf(site, vma), page: pageInKey(vma, Math.floor(address / 4096)), compound: vma.huge };
}

/** Name of the pages of a mapping now. */
export function keyOf(site: Site, vma: Vma): string {
  const generation = vma.shared ? (site.world.inodes.get(vma.ino)?.generation ?? 0) : 0;
  return generation === 0 ? vma.key : fileKey(vma.ino, generation);
}

/** The page that index `index` of `source` is pinned to, pins of the command under decision included. */
export function heldPage(
  source: PinSource,
  index: number,
  tally: Tally | undefined,
): PageIdentity | undefined {
  const held = 'pinned' in source ? pinnedPage(source, index) : undefined;
  if (held !== undefined || tally === undefined) return held;
  for (const capture of tally.captures) {
    if (capture.pagesId !== source.id) continue;
    const piece = capture.pieces.find(({ first, last }) => index >= first && index <= last);
    if (piece !== undefined)
      return { key: piece.key, page: piece.base + (index - piece.first), compound: piece.compound };
  }
  return undefined;
}

export function samePage(one: PageIdentity, other: PageIdentity): boolean {
  return one.key === other.key && one.page === other.page;
}
