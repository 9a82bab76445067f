/** Which pages of a pages object a domain or an access would pin now, and what refuses it (pages.c, memory accounting). */
import type { NewPages } from '../events/ioas.ts';
import type { Capture, Piece } from '../events/memory.ts';
import { type AddressSpace, fileKey, maybeHeap, pageInKey, type Vma, vmaAt } from './address-space.ts';
import { type Pages, uncovered } from './pages.ts';
import { type Failure, type Site, supposition } from './site.ts';
import { addTo, type Sums, sumOf } from './sums.ts';
import { keyOf } from './user-page.ts';

const PAGE = 4096;
const NONE: readonly Piece[] = [];

/** Type of a file that a capture did not describe. */
export const UNKNOWN_FILE = 'unknown';

export const HEAP_UNKNOWN = 'growth of the heap since the last snapshot of the mappings';

/** A pages object that exists, or one that the command under decision would make. */
export type PinSource = Pages | NewPages;

/** What a command under decision has pinned so far, and the pages that it has charged by account. */
export type Tally = { captures: Capture[]; charges: Sums<string> };

export function newTally(): Tally {
  return { captures: [], charges: [] };
}

/** The account that pays for a pages object: per user, per address space, or nobody. */
export function accountOf(pages: {
  account: string;
  uid: number;
  spaceId: number;
  ownerPid: number;
}): string {
  if (pages.account === 'user') return `uid:${pages.uid}`;
  return pages.account === 'mm' ? `mm:${pages.ownerPid}` : '';
}

/**
 * Pins pages [first, last] of `source` unless they are pinned already; records captures and charges in `tally`. Pins that
 * last for the call only are not `charged`.
 */
export function pinRange(
  site: Site,
  tally: Tally,
  source: PinSource,
  first: number,
  last: number,
  charged = true,
): Failure | undefined {
  if (source.kind === 'dmabuf') return undefined;
  const held = 'pinned' in source ? source.pinned : NONE;
  let gaps = uncovered(held, first, last);
  for (const capture of tally.captures) {
    if (capture.pagesId === source.id)
      gaps = gaps.flatMap(([from, to]) => uncovered(capture.pieces, from, to));
  }
  if (gaps.length === 0) return undefined;
  const pieces: Piece[] = [];
  let count = 0;
  for (const [from, to] of gaps) {
    const failure =
      source.kind === 'user'
        ? pinUser(site, source, from, to, pieces)
        : pinFile(site, source, from, to, pieces);
    if (failure !== undefined && !site.trusting) {
      const supposing = 'missing' in failure ? supposition(site, failure.missing) : undefined;
      if (supposing === 'refused' && site.checking && source.kind === 'user')
        return { rule: 'pin/user-memory' };
      if (supposing !== 'granted' && !(supposing === 'otherwise' && site.checking)) return failure;
    }
    if (failure !== undefined) trust(source, from, to, pieces);
    count += to - from + 1;
  }
  const refused = charged ? charge(site, tally, source, count) : undefined;
  if (refused !== undefined) return refused;
  tally.captures.push({ pagesId: source.id, pieces });
  return undefined;
}

/** The kernel pinned pages of which the recording does not tell what they are: each is like no other. */
function trust(source: PinSource, from: number, to: number, pieces: Piece[]): void {
  for (const [first, last] of uncovered(pieces, from, to))
    pieces.push({ first, last, key: `trusted:${source.id}`, base: first, compound: false });
  pieces.sort((one, other) => one.first - other.first);
}

function charge(site: Site, tally: Tally, source: PinSource, count: number): Failure | undefined {
  const account = accountOf(source);
  if (account === '') return undefined;
  const owner = site.world.processes.get(source.ownerPid);
  const limit = owner === undefined ? Number.POSITIVE_INFINITY : Number(owner.memlock >> 12n);
  const already = (site.world.charged.get(account) ?? 0) + sumOf(tally.charges, account);
  if (already + count > limit && !site.trusting) return { rule: 'pin/memlock' };
  addTo(tally.charges, account, count);
  return undefined;
}

/** Pages of a process: get_user_pages() with FOLL_LONGTERM, FOLL_WRITE when the map is writable. */
function pinUser(
  site: Site,
  source: PinSource,
  from: number,
  to: number,
  pieces: Piece[],
): Failure | undefined {
  const space = site.world.spaces.get(source.spaceId);
  if (space?.gone) return { rule: 'pin/owner-gone' };
  const base = Number(source.basePage);
  if (source.basePage + BigInt(to) + 1n >= 1n << 52n) return { rule: 'pin/address-wrap' };
  if (space !== undefined && (base + to + 1) * PAGE > space.top) return { rule: 'pin/user-memory' };
  if (space === undefined || !space.known) return { missing: 'the address space of the mapping process' };
  const end = (base + to + 1) * PAGE;
  let at = (base + from) * PAGE;
  while (at < end) {
    const vma = vmaAt(space, at);
    if (vma === undefined) return unmapped(space, at);
    if (vma.kind === 'unknown') return { missing: 'the address space of the mapping process' };
    if (!vma.read || (source.writable && !vma.write) || !pinnable(vma, source.writable))
      return { rule: 'pin/user-memory' };
    const stop = Math.min(vma.end, end);
    pieces.push({
      first: at / PAGE - base,
      last: stop / PAGE - base - 1,
      key: keyOf(site, vma),
      base: pageInKey(vma, at / PAGE),
      compound: vma.huge,
    });
    at = stop;
  }
  return undefined;
}

/** Device memory (VM_IO, VM_PFNMAP) has no pages to pin; a shared file that tracks dirty pages takes no long write pins. */
function pinnable(vma: Vma, write: boolean): boolean {
  return vma.kind !== 'device' && !(write && vma.shared && vma.kind === 'file');
}

function unmapped(space: AddressSpace, at: number): Failure {
  return maybeHeap(space, at) && vmaAt(space, at) === undefined
    ? { missing: HEAP_UNKNOWN }
    : { rule: 'pin/user-memory' };
}

/** Pages of a file: memfd_pin_folios(). */
function pinFile(
  site: Site,
  source: PinSource,
  from: number,
  to: number,
  pieces: Piece[],
): Failure | undefined {
  if (source.fileType === UNKNOWN_FILE) return { missing: 'what file the pages are of' };
  if (source.fileType !== 'memfd' && source.fileType !== 'hugetlb' && source.fileType !== 'shm')
    return { rule: 'pin/file-kind' };
  const inode = site.world.inodes.get(source.ino);
  if (inode === undefined) return { missing: `the size of the file with inode ${source.ino}` };
  const end = (source.basePage + BigInt(to) + 1n) * 4096n;
  if (end > inode.size || end >= 1n << 63n) return { rule: 'pin/file-size' };
  pieces.push({
    first: from,
    last: to,
    key: fileKey(source.ino, inode.generation),
    base: Number(source.basePage) + from,
    compound: source.fileType === 'hugetlb',
  });
  return undefined;
}
