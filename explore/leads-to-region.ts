/** The part of a state graph in which a promise is open: it has begun and has not come to its end. */
import { BEGINS, ENDS } from './properties.ts';
import type { Graph } from './search-graph.ts';

/** A graph as a search left it, and for each state whether the promise begins or ends there. */
export type Promised = Readonly<{
  graph: Graph;
  /** States that were expanded; nothing is known of what follows the others. */
  expanded: number;
  marks: Uint8Array;
  parents: Int32Array;
}>;

export type Region = Readonly<{
  /** The states, the fewest steps from the initial state first, on a way that opens the promise where it enters the region. */
  members: Int32Array;
  /** For each state the edge by which it was entered, `OPENS` where the promise began, or `OUTSIDE`. */
  enteredBy: Int32Array;
  /** For each state the member from which it was entered. */
  enteredFrom: Int32Array;
}>;

export const OPENS = -1;
export const OUTSIDE = -2;

export function isOpen(mark: number | undefined): boolean {
  return ((mark ?? ENDS) & ENDS) === 0;
}

/** Every state with the promise open, by a breadth-first search from all states that open it. */
export function openRegion({ graph, expanded, marks, parents }: Promised): Region {
  const enteredBy = new Int32Array(expanded).fill(OUTSIDE);
  const enteredFrom = new Int32Array(expanded).fill(-1);
  const members = new Int32Array(expanded);
  const depths = new Int32Array(expanded);
  let count = 0;
  let next = 0;
  let source = 0;
  for (let level = 0; next < count || source < expanded; level++) {
    const levelEnd = count;
    for (; source < expanded; source++) {
      const depth = source === 0 ? 0 : (depths[parents[source] ?? 0] ?? 0) + 1;
      if (depth > level) break;
      depths[source] = depth;
      if (marks[source] !== BEGINS || enteredBy[source] !== OUTSIDE) continue;
      enteredBy[source] = OPENS;
      members[count++] = source;
    }
    for (; next < levelEnd; next++) {
      const member = members[next] ?? 0;
      const end = graph.starts.data[member + 1] ?? 0;
      for (let edge = graph.starts.data[member] ?? 0; edge < end; edge++) {
        const target = graph.targets.data[edge] ?? 0;
        if (target >= expanded || !isOpen(marks[target]) || enteredBy[target] !== OUTSIDE) continue;
        enteredBy[target] = edge;
        enteredFrom[target] = member;
        members[count++] = target;
      }
    }
  }
  return { members: members.slice(0, count), enteredBy, enteredFrom };
}
