/** Leads-to under weak fairness: is there a run in which what was promised never comes, though every fair command has its turn? */
import { componentsOf } from './leads-to-components.ts';
import { type Fair, maySettle, wayAround } from './leads-to-lasso.ts';
import { OPENS, openRegion, type Promised, type Region } from './leads-to-region.ts';
import type { LeadsTo } from './model.ts';
import type { Claim } from './properties.ts';
import type { Run } from './search-run.ts';
import { type Hop, hopsTo, type Trace, traceAlong } from './search-trace.ts';

/** A run that breaks the promise, the way into its cycle being shortest; undefined where no instance has one. */
export function checkLeadsTo(run: Run, property: LeadsTo): Trace | undefined {
  for (const claim of run.watch.claims) {
    const trace = claim.property.name === property.name ? checkClaim(run, claim) : undefined;
    if (trace !== undefined) return trace;
  }
  return undefined;
}

function checkClaim(run: Run, { label, marks }: Claim): Trace | undefined {
  const { graph } = run;
  if (graph === undefined) throw new Error(`invariant: no edges were kept for ${label}`);
  const promised: Promised = { graph, expanded: run.next, marks: marks.data, parents: run.parents.data };
  const region = openRegion(promised);
  const components = componentsOf(graph, region);
  const fair = fairnessOf(run);
  const settles = new Map<number, boolean>();
  const entry = region.members.find((member) => {
    const number = components.of[member] ?? -1;
    const known = settles.get(number) ?? maySettle(graph, components, number, fair);
    settles.set(number, known);
    return known;
  });
  if (entry === undefined) return undefined;
  const within = hopsWithin(promised, region, entry);
  const opening = within.at(0)?.from ?? entry;
  const hops = [...hopsTo(run, opening), ...within];
  return traceAlong(run, label, hops, wayAround(graph, components, entry, fair));
}

function fairnessOf({ model, steps }: Run): Fair {
  const units = new Map<string, number>();
  const unitOf = Int32Array.from(steps, ({ command, label }) => {
    if (command.fair === 'none') return -1;
    const name = command.fair === 'command' ? command.name : label;
    const unit = units.get(name) ?? units.size;
    units.set(name, unit);
    return unit;
  });
  return { unitOf, units: model.commands.length === 0 ? 0 : units.size };
}

/** The way from where the promise opens to this member. */
function hopsWithin(
  { graph }: Promised,
  { enteredBy, enteredFrom }: Region,
  member: number,
): (Hop & { from: number })[] {
  const hops: (Hop & { from: number })[] = [];
  for (let at = member, edge = enteredBy[at] ?? OPENS; edge >= 0; edge = enteredBy[at] ?? OPENS) {
    const from = enteredFrom[at] ?? 0;
    hops.push({ step: graph.steps.data[edge] ?? 0, to: at, from });
    at = from;
  }
  return hops.reverse();
}
