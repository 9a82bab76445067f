/** The parts of a region in which a run can stay for ever: strongly connected components (Tarjan, without recursion). */
import { OUTSIDE, type Region } from './leads-to-region.ts';
import type { Graph } from './search-graph.ts';

export type Components = Readonly<{
  /** For each state the number of its component, or -1 outside of the region. */
  of: Int32Array;
  /** The states, component after component. */
  states: Int32Array;
  /** Where in `states` each component begins, and the end of the last. */
  starts: readonly number[];
}>;

type Walk = Readonly<{
  /** The order of discovery, from 1; 0 where a state is not discovered. */
  found: Int32Array;
  lowest: Int32Array;
  edges: Int32Array;
  /** Discovered states that are in no component yet, and the way to the state that is looked at. */
  open: Int32Array;
  way: Int32Array;
}>;

export function componentsOf(graph: Graph, { members, enteredBy }: Region): Components {
  const size = enteredBy.length;
  const of = new Int32Array(size).fill(-1);
  const states = new Int32Array(members.length);
  const starts = [0];
  const ints = (): Int32Array => new Int32Array(size);
  const walk: Walk = { found: ints(), lowest: ints(), edges: ints(), open: ints(), way: ints() };
  let opened = 0;
  let discovered = 0;
  let closed = 0;
  for (const root of members) {
    if (walk.found[root] !== 0) continue;
    let depth = 0;
    walk.way[0] = root;
    while (depth >= 0) {
      const state = walk.way[depth] ?? 0;
      if (walk.found[state] === 0) {
        walk.found[state] = ++discovered;
        walk.lowest[state] = discovered;
        walk.edges[state] = graph.starts.data[state] ?? 0;
        walk.open[opened++] = state;
      }
      const child = nextChild(graph, enteredBy, walk, of, state);
      if (child >= 0) {
        walk.way[++depth] = child;
        continue;
      }
      if (walk.lowest[state] === walk.found[state]) {
        for (let member = -1; member !== state; ) {
          member = walk.open[--opened] ?? 0;
          of[member] = starts.length - 1;
          states[closed++] = member;
        }
        starts.push(closed);
      }
      depth--;
      if (depth >= 0) lower(walk.lowest, walk.way[depth] ?? 0, walk.lowest[state] ?? 0);
    }
  }
  return { of, states, starts };
}

/** The next state of the region that is not discovered yet; others only lower the number of this one. -1 after the last edge. */
function nextChild(graph: Graph, enteredBy: Int32Array, walk: Walk, of: Int32Array, state: number): number {
  const end = graph.starts.data[state + 1] ?? 0;
  for (let edge = walk.edges[state] ?? 0; edge < end; edge++) {
    const target = graph.targets.data[edge] ?? 0;
    if (target >= enteredBy.length || enteredBy[target] === OUTSIDE) continue;
    if (walk.found[target] === 0) {
      walk.edges[state] = edge + 1;
      return target;
    }
    if (of[target] === -1) lower(walk.lowest, state, walk.found[target] ?? 0);
  }
  walk.edges[state] = end;
  return -1;
}

function lower(lowest: Int32Array, state: number, to: number): void {
  if (to < (lowest[state] ?? 0)) lowest[state] = to;
}
