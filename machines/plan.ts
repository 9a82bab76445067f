/** What a command under decision has settled so far; nothing of it is state until the outcome's events are applied. */
import type { Event } from '../events/event.ts';
import { newTally, type Tally } from './pinning.ts';
import type { Sums } from './sums.ts';

export type Plan = {
  /** Applied when the command succeeds. */
  events: Event[];
  /** Applied even when the command fails. */
  residue: Event[];
  tally: Tally;
  /** Ids that objects of this plan will get. */
  taken: number[];
  /** References that HWPTs lose by detaches of this plan, by id. */
  released: Sums<number>;
};

export function newPlan(): Plan {
  return { events: [], residue: [], tally: newTally(), taken: [], released: [] };
}
