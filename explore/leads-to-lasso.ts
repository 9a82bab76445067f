/** Where a run may stay for ever without any fair command being passed over, and a way around that shows it. */
import type { Components } from './leads-to-components.ts';
import type { Graph } from './search-graph.ts';
import type { Hop } from './search-trace.ts';

/** `unitOf[step]`: what fairness counts as one, such as all instances of a command; -1 for what is not fair. */
export type Fair = Readonly<{ unitOf: Int32Array; units: number }>;

/**
 * Whether a run may stay in this component: no fair unit is enabled in all its states and taken by no edge inside. A single state
 * without an edge to itself counts too, for nothing may happen there any more.
 */
export function maySettle(
  graph: Graph,
  components: Components,
  number: number,
  { unitOf, units }: Fair,
): boolean {
  const start = components.starts[number] ?? 0;
  const end = components.starts[number + 1] ?? start;
  const enabledIn = new Int32Array(units);
  const lastIn = new Int32Array(units).fill(-1);
  const taken = new Uint8Array(units);
  for (let index = start; index < end; index++) {
    const state = components.states[index] ?? 0;
    const last = graph.starts.data[state + 1] ?? 0;
    for (let edge = graph.starts.data[state] ?? 0; edge < last; edge++) {
      const unit = unitOf[graph.steps.data[edge] ?? 0] ?? -1;
      if (unit < 0) continue;
      if (lastIn[unit] !== index) enabledIn[unit] = (enabledIn[unit] ?? 0) + 1;
      lastIn[unit] = index;
      if (components.of[graph.targets.data[edge] ?? 0] === number) taken[unit] = 1;
    }
  }
  return enabledIn.every((count, unit) => count < end - start || taken[unit] === 1);
}

/** A way from `entry` through its component and back that takes each fair unit, or meets a state in which it is not enabled. */
export function wayAround(graph: Graph, components: Components, entry: number, fair: Fair): Hop[] {
  const hops: Hop[] = [];
  const at = (): number => hops.at(-1)?.to ?? entry;
  const walk: Walk = { graph, components, unitOf: fair.unitOf, number: components.of[entry] ?? -1 };
  for (let unit = 0; unit < fair.units; unit++) {
    const done = hops.some(({ step }) => fair.unitOf[step] === unit);
    const rests = [entry, ...hops.map(({ to }) => to)].some((state) => !enables(walk, state, unit));
    if (!done && !rests)
      hops.push(...nearest(walk, at(), (step, to) => fair.unitOf[step] === unit || !enables(walk, to, unit)));
  }
  if (at() !== entry) hops.push(...nearest(walk, at(), (_, to) => to === entry));
  return hops;
}

type Walk = Readonly<{ graph: Graph; components: Components; unitOf: Int32Array; number: number }>;

function enables({ graph, unitOf }: Walk, state: number, unit: number): boolean {
  const end = graph.starts.data[state + 1] ?? 0;
  for (let edge = graph.starts.data[state] ?? 0; edge < end; edge++) {
    if (unitOf[graph.steps.data[edge] ?? 0] === unit) return true;
  }
  return false;
}

/** The shortest way inside the component whose last hop is wanted. */
function nearest(
  { graph, components, number }: Walk,
  from: number,
  wanted: (step: number, to: number) => boolean,
): Hop[] {
  const ways = new Map<number, { hop: Hop; from: number } | undefined>([[from, undefined]]);
  const back = (last: Hop, before: number): Hop[] => {
    const hops = [last];
    for (let way = ways.get(before); way !== undefined; way = ways.get(way.from)) hops.push(way.hop);
    return hops.reverse();
  };
  for (const state of ways.keys()) {
    const end = graph.starts.data[state + 1] ?? 0;
    for (let edge = graph.starts.data[state] ?? 0; edge < end; edge++) {
      const to = graph.targets.data[edge] ?? 0;
      if (components.of[to] !== number) continue;
      const hop: Hop = { step: graph.steps.data[edge] ?? 0, to };
      if (wanted(hop.step, to)) return back(hop, state);
      if (!ways.has(to)) ways.set(to, { hop, from: state });
    }
  }
  throw new Error('invariant: a component that may be stayed in lacks a way around');
}
