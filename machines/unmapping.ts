/** Removing areas: the loop that UNMAP and VFIO UNMAP_DMA share (iopt_unmap_iova_range()). */
import type { Event } from '../events/event.ts';
import type { RuleId } from '../events/rules.ts';
import { type Area, firstIntersecting, nextAfter } from './area-tree.ts';
import { type Access, type Ioas, mustBe } from './objects.ts';
import type { Site } from './site.ts';

export type Unmapped = Readonly<{
  events: Event[];
  /** Sum of the removed lengths, bytes; not reduced modulo 2^64. */
  removed: bigint;
  /** Why the loop stopped early. */
  rule: RuleId | undefined;
}>;

/** Removes the areas that lie in [start, last], ascending; stops at the first that sticks out or is locked. */
export function unmapAreas(site: Site, ioas: Ioas, start: bigint, last: bigint): Unmapped {
  const events: Event[] = [];
  const unpinned = new Set<string>();
  let removed = 0n;
  for (
    let area = firstIntersecting(ioas.areas, start, last);
    area !== undefined && area.iova <= last;
    area = nextAfter(ioas.areas, area.last)
  ) {
    if (area.locks > 0) return { events, removed, rule: 'unmap/locked' };
    if (area.iova < start || area.last > last) return { events, removed, rule: 'unmap/partial' };
    if (area.pins > 0) dropPins(site, ioas, area, unpinned, events);
    events.push({ type: 'AreaUnmapped', context: site.context.id, id: ioas.id, iova: area.iova });
    removed += area.last - area.iova + 1n;
  }
  return { events, removed, rule: undefined };
}

/** The unmap callback of every access: items that touch the area are let go, whole. */
function dropPins(site: Site, ioas: Ioas, area: Area, unpinned: Set<string>, events: Event[]): void {
  for (const accessId of ioas.accessIds) {
    const access: Access = mustBe(site.context, accessId, 'access');
    if (access.internal) continue;
    for (const item of access.items) {
      const key = `${accessId}/${item.id}`;
      if (item.iova > area.last || item.last < area.iova || unpinned.has(key)) continue;
      unpinned.add(key);
      events.push({ type: 'AccessUnpinned', context: site.context.id, id: accessId, item: item.id });
    }
  }
}
