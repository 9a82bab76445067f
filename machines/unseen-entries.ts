/** IOMMU_HWPT_INVALIDATE with entries that the recording does not hold: what it can answer, and what it leaves. */
import type { Event } from '../events/event.ts';
import type { HwptInvalidate } from '../events/hwpt-command.ts';
import { done, type Outcome, refuseAfter, refuseAny, undetermined } from '../events/outcome.ts';
import type { UnseenEntries } from './drivers/driver.ts';
import { canRespond, type Site, supposition } from './site.ts';

/** `events` are those of the entries that are known, the first ones. */
export function decideUnseenEntries(
  site: Site,
  { entryNum }: HwptInvalidate,
  unseen: UnseenEntries,
  events: readonly Event[],
): Outcome {
  const { missing, from } = unseen;
  const most = entryNum - from;
  const after = (least: number, unto = most): readonly Event[] => [...events, unseen.forgotten(least, unto)];
  // The count of entries is written back whatever happens; where it cannot be, that is the answer.
  if (!canRespond(site)) return refuseAfter('respond/fault', after(0));
  const { handled } = site;
  const supposing = site.trusting ? 'granted' : supposition(site, missing);
  if (supposing === undefined || (supposing !== 'denied' && !site.trusting && !site.checking))
    return undetermined(missing, after(0));
  const refused = handled === undefined || handled < from ? after(0) : left(handled);
  if (supposing === 'refused' || supposing === 'denied' || !unseen.canSucceed)
    return refuseAny(unseen.refusals(handled), refused, {
      entryNum: Math.min(handled ?? from, entryNum - 1),
    });
  return done(after(most), { entryNum });

  function left(count: number): readonly Event[] {
    return count === from ? events : after(count - from, count - from);
  }
}
