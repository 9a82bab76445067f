/** The edges between states, for properties that are about more than one state. */
import { bytesFor, type Growing, growInts, growShorts } from './search-growing.ts';

/** The edges of state n are those from `starts[n]` to `starts[n + 1]`; `starts` is one longer than the states that were expanded. */
export type Graph = Readonly<{ starts: Growing; targets: Growing; steps: Growing<Uint16Array> }>;

export function openGraph(): Graph {
  return {
    starts: { data: new Int32Array(1), length: 1 },
    targets: { data: new Int32Array(0), length: 0 },
    steps: { data: new Uint16Array(0), length: 0 },
  };
}

export function graphBytes({ starts, targets, steps }: Graph, states: number, edges: number): number {
  return bytesFor(starts, states + 1) + bytesFor(targets, edges) + bytesFor(steps, edges);
}

export function reserveGraph({ starts, targets, steps }: Graph, states: number, edges: number): void {
  growInts(starts, states + 1);
  growInts(targets, edges);
  growShorts(steps, edges);
}

export function addEdge({ targets, steps }: Graph, step: number, target: number): void {
  targets.data[targets.length++] = target;
  steps.data[steps.length++] = step;
}

/** All edges of the next state are added. */
export function closeState({ starts, targets }: Graph): void {
  starts.data[starts.length++] = targets.length;
}
