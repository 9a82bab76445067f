/** Pins and charges of pages objects: what holds them, which pages stay, who pays. */
import type { NewPages } from '../events/ioas.ts';
import type { Capture, Piece } from '../events/memory.ts';
import { clipPieces, type Pages, pinnedCount } from '../machines/pages.ts';
import { accountOf } from '../machines/pinning.ts';
import type { Context, World } from '../machines/world.ts';

export function addPages(world: World, context: Context, made: NewPages): void {
  context.pages.set(made.id, {
    id: made.id,
    kind: made.kind,
    spaceId: made.spaceId,
    ino: made.ino,
    fileType: made.fileType,
    basePage: made.basePage,
    npages: made.npages,
    writable: made.writable,
    account: made.account,
    ownerPid: made.ownerPid,
    uid: made.uid,
    areas: 0,
    holds: [],
    pinned: [],
    detached: false,
  });
  world.nextPagesId = made.id + 1;
}

export function pagesIn(context: Context, id: number): Pages {
  const pages = context.pages.get(id);
  if (pages === undefined) throw new Error(`invariant: no pages object ${id}`);
  return pages;
}

function charge(world: World, pages: Pages, count: number): void {
  const account = accountOf(pages);
  if (account !== '' && count !== 0) world.charged.set(account, (world.charged.get(account) ?? 0) + count);
}

/** Newly pinned pages, with the identity they have now. */
export function capture(world: World, context: Context, captures: readonly Capture[]): void {
  for (const { pagesId, pieces } of captures) {
    const pages = pagesIn(context, pagesId);
    pages.pinned = merge(pages.pinned, pieces);
    if (pages.account !== 'none')
      for (const piece of pieces) charge(world, pages, piece.last - piece.first + 1);
  }
}

function merge(held: readonly Piece[], added: readonly Piece[]): Piece[] {
  if (held.length === 0) return [...added];
  return [...held, ...added].sort((one, other) => one.first - other.first);
}

/** A domain or an access keeps pages [first, last]. */
export function hold(pages: Pages, first: number, last: number): void {
  const same = pages.holds.find((one) => one.first === first && one.last === last);
  if (same === undefined) pages.holds.push({ first, last, count: 1 });
  else same.count++;
}

/** It lets them go: pages that nothing else holds are unpinned and no longer charged. */
export function release(world: World, pages: Pages, first: number, last: number): void {
  const index = pages.holds.findIndex((one) => one.first === first && one.last === last);
  const found = pages.holds[index];
  if (found === undefined)
    throw new Error(`invariant: pages object ${pages.id} is not held at ${first}..${last}`);
  if (--found.count > 0) return;
  pages.holds.splice(index, 1);
  const before = pages.account === 'none' ? 0 : pinnedCount(pages);
  pages.pinned = pages.holds.length === 0 ? [] : keep(pages);
  if (pages.account !== 'none') charge(world, pages, pinnedCount(pages) - before);
}

function keep(pages: Pages): Piece[] {
  const ranges = pages.holds
    .map(({ first, last }) => ({ first, last }))
    .sort((one, other) => one.first - other.first);
  const kept: Piece[] = [];
  let from = Number.NEGATIVE_INFINITY;
  for (const { first, last } of ranges) {
    const start = Math.max(first, from);
    if (start > last) continue;
    kept.push(...clipPieces(pages.pinned, start, last));
    from = last + 1;
  }
  return kept;
}

/** One area less uses the pages object; it goes with its last area and pin. */
export function dropArea(context: Context, pages: Pages): void {
  pages.areas--;
  if (pages.areas > 0 || pages.holds.length > 0) return;
  context.pages.delete(pages.id);
}

/** CHANGE_PROCESS: the charges move to the new owner. */
export function changeOwner(world: World, context: Context, pid: number, uid: number, spaceId: number): void {
  for (const pages of context.pages.values()) {
    const count = pinnedCount(pages);
    charge(world, pages, -count);
    pages.ownerPid = pid;
    pages.uid = uid;
    pages.spaceId = spaceId;
    charge(world, pages, count);
  }
}

/** The context ends: nothing of it stays charged. */
export function releaseAll(world: World, context: Context): void {
  for (const pages of context.pages.values()) charge(world, pages, -pinnedCount(pages));
  context.pages.clear();
}
