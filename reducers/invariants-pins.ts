/** Invariants of pinned memory: what pages objects are held for, and who is charged for them. */
import { forEachArea } from '../machines/area-tree.ts';
import { pagesOf } from '../machines/mapping.ts';
import type { Access, Ioas } from '../machines/objects.ts';
import { type Hold, type Pages, pinnedCount, uncovered } from '../machines/pages.ts';
import { accountOf } from '../machines/pinning.ts';
import type { Context, World } from '../machines/world.ts';
import type { InvariantId } from './invariants-register.ts';

type Report = (invariant: InvariantId, detail: string) => void;

/** What areas and accesses hold of one pages object; reset and used again, so that counting allocates little. */
type Expected = { areas: number; holds: Hold[] };

const pool: Expected[] = [];
const expected = new Map<number, Expected>();

function expectedOf(pagesId: number): Expected {
  let one = expected.get(pagesId);
  if (one === undefined) {
    one = pool.pop() ?? { areas: 0, holds: [] };
    expected.set(pagesId, one);
  }
  return one;
}

function forgetExpected(): void {
  for (const one of expected.values()) {
    one.areas = 0;
    one.holds.length = 0;
    pool.push(one);
  }
  expected.clear();
}

function expectHold({ holds }: Expected, first: number, last: number): void {
  for (const one of holds) {
    if (one.first !== first || one.last !== last) continue;
    one.count++;
    return;
  }
  holds.push({ first, last, count: 1 });
}

/** pins-match-holders: what each pages object is held for is counted again from areas and accesses. `only`: just that one. */
export function checkPins(context: Context, only: number | undefined, report: Report): void {
  for (const object of context.objects) {
    if (object?.kind === 'ioas') expectAreas(context, object, only);
    else if (object?.kind === 'access') expectItems(object, only);
  }
  for (const pages of context.pages.values())
    if (only === undefined || pages.id === only) checkPages(pages, expected.get(pages.id), report);
  forgetExpected();
}

function expectAreas(context: Context, ioas: Ioas, only: number | undefined): void {
  const held = ioas.hwptIds.length > 0;
  forEachArea(ioas.areas, (area) => {
    if (only !== undefined && area.pagesId !== only) return;
    const one = expectedOf(area.pagesId);
    one.areas++;
    if (!held || context.pages.get(area.pagesId)?.kind === 'dmabuf') return;
    const [first, last] = pagesOf(area);
    expectHold(one, first, last);
  });
}

function expectItems(access: Access, only: number | undefined): void {
  for (const item of access.items) {
    for (const { pagesId, first, last } of item.parts)
      if (only === undefined || pagesId === only) expectHold(expectedOf(pagesId), first, last);
  }
}

const NO_HOLDS: readonly Hold[] = [];

function checkPages(pages: Pages, one: Expected | undefined, report: Report): void {
  const holds = one?.holds ?? NO_HOLDS;
  const areas = one?.areas ?? 0;
  if (pages.areas !== areas)
    report('pins-match-holders', `pages object ${pages.id} counts ${pages.areas} areas, ${areas} use it`);
  let alike = pages.holds.length === holds.length;
  for (const { first, last, count } of holds)
    alike &&= pages.holds.some((own) => own.first === first && own.last === last && own.count === count);
  if (!alike)
    report(
      'pins-match-holders',
      `pages object ${pages.id} is held for ${text(pages.holds)}, its holders are ${text(holds)}`,
    );
  checkPinned(pages, report);
}

function text(holds: readonly Hold[]): string {
  return holds.map(({ first, last, count }) => `${first}..${last} x${count}`).join(', ') || 'nothing';
}

/** The pinned pages are the union of the holds: each hold is pinned, and no more pages are pinned than that. */
export function checkPinned(pages: Pages, report: Report): void {
  let union = 0;
  let until = -1;
  const holds =
    pages.holds.length > 1 ? [...pages.holds].sort((one, other) => one.first - other.first) : pages.holds;
  for (const { first, last } of holds) {
    if (uncovered(pages.pinned, first, last).length > 0)
      report(
        'pins-match-holders',
        `pages ${first}..${last} of pages object ${pages.id} are held and not pinned`,
      );
    const from = first > until ? first : until + 1;
    if (last < from) continue;
    union += last - from + 1;
    until = last;
  }
  const pinned = pinnedCount(pages);
  if (pinned !== union)
    report('pins-match-holders', `${pinned} pages of pages object ${pages.id} are pinned, ${union} are held`);
}

/** charges-match-pins, over all contexts: accounts belong to users and processes. */
export function checkCharges(world: World, report: Report): void {
  const counted = new Map<string, number>();
  for (const context of world.contexts.values()) {
    for (const pages of context.pages.values()) {
      const account = accountOf(pages);
      if (account !== '') counted.set(account, (counted.get(account) ?? 0) + pinnedCount(pages));
    }
  }
  for (const [account, charged] of world.charged) {
    const pinned = counted.get(account) ?? 0;
    if (charged !== pinned)
      report('charges-match-pins', `${account} is charged for ${charged} pages, ${pinned} are pinned`);
    counted.delete(account);
  }
  for (const [account, pinned] of counted)
    if (pinned > 0)
      report('charges-match-pins', `${account} is charged for nothing, ${pinned} pages are pinned`);
}
