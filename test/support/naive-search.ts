/** The plainest search there is, to compare with: a Map of texts, no packing, no symmetry. And orbits counted by trying all names. */
import { type LeadsTo, type Model, type Step, stepsOf } from '../../explore/model.ts';
import { type Snapshot, snapshotOf, type Value } from '../../explore/model-snapshot.ts';
import { openState } from '../../explore/model-state.ts';

type Node = { cells: Int32Array; depth: number; edges: { step: Step; to: number }[] };

export type Naive = Readonly<{ nodes: readonly Node[]; transitions: number }>;

/** Undefined where there are more states than `most`. */
export function naiveSearch(model: Model, most: number): Naive | undefined {
  const state = openState(model.layout);
  model.prepare(state.view);
  const numbers = new Map([[state.cells.join(), 0]]);
  const nodes: Node[] = [{ cells: Int32Array.from(state.cells), depth: 0, edges: [] }];
  const steps = stepsOf(model);
  let transitions = 0;
  for (const node of nodes) {
    for (const step of steps) {
      state.cells.set(node.cells);
      if (!step.command.guard(state.view, step.args)) continue;
      step.command.effect(state.view, step.args);
      transitions++;
      const key = state.cells.join();
      const to = numbers.get(key) ?? numbers.size;
      node.edges.push({ step, to });
      if (numbers.has(key)) continue;
      numbers.set(key, to);
      nodes.push({ cells: Int32Array.from(state.cells), depth: node.depth + 1, edges: [] });
    }
    if (nodes.length > most) return undefined;
  }
  return { nodes, transitions };
}

/** The states in which a question is answered with yes. */
export function statesWhere(model: Model, { nodes }: Naive, ask: (view: object) => boolean): boolean[] {
  const state = openState(model.layout);
  return nodes.map(({ cells }) => {
    state.cells.set(cells);
    return ask(state.view);
  });
}

/** Whether a promise may be broken, by the definition: reach, stay among states without its end, pass no fair unit over. */
export function mayBreak(model: Model, naive: Naive, property: LeadsTo): boolean {
  const begins = statesWhere(model, naive, (view) => property.from(view, {}));
  const ends = statesWhere(model, naive, (view) => property.to(view, {}));
  const { nodes } = naive;
  const reach = (from: number): Set<number> => {
    const met = new Set([from]);
    for (const at of met) for (const { to } of nodes[at]?.edges ?? []) if (!ends[to]) met.add(to);
    return met;
  };
  const unit = ({ command, label }: Step): string | undefined =>
    command.fair === 'none' ? undefined : command.fair === 'command' ? command.name : label;
  const settles = (at: number): boolean => {
    const part = [...reach(at)].filter((other) => reach(other).has(at));
    const enabled = part.map((state) => new Set(nodes[state]?.edges.map(({ step }) => unit(step))));
    const inside = part.flatMap((state) => nodes[state]?.edges.filter(({ to }) => part.includes(to)) ?? []);
    const taken = new Set(inside.map(({ step }) => unit(step)));
    return [...(enabled[0] ?? [])].every(
      (name) => name === undefined || taken.has(name) || enabled.some((names) => !names.has(name)),
    );
  };
  const known = new Map<number, boolean>();
  return nodes.some(
    (_, number) =>
      begins[number] &&
      !ends[number] &&
      [...reach(number)].some((at) => {
        const verdict = known.get(at) ?? settles(at);
        known.set(at, verdict);
        return verdict;
      }),
  );
}

/** How many states there are if those count as one that differ only in the names of members of these sorts. */
export function orbitsOf(model: Model, { nodes }: Naive, sorts: Readonly<Record<string, number>>): number {
  const renamings = renamingsOf(Object.entries(sorts));
  const least = nodes.map(({ cells }) => {
    const snapshot = snapshotOf(model.layout, cells);
    return renamings
      .map((names) => textOf(snapshot, names))
      .reduce((one, other) => (one < other ? one : other));
  });
  return new Set(least).size;
}

function textOf(snapshot: Snapshot, names: ReadonlyMap<string, string>): string {
  const renamed = (value: Value): Value => {
    if (typeof value === 'string') return names.get(value) ?? value;
    if (typeof value !== 'object') return value;
    if ('set' in value) return { set: value.set.map(renamed).sort() };
    if ('tuple' in value) return { tuple: value.tuple.map(renamed) };
    const entries = value.map.map(([key, entry]) => [renamed(key), renamed(entry)] as const);
    return { map: entries.sort(([one], [other]) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)) };
  };
  return JSON.stringify(Object.entries(snapshot).map(([name, value]) => [name, renamed(value)]));
}

function renamingsOf(sorts: readonly (readonly [string, number])[]): Map<string, string>[] {
  const [first, ...others] = sorts;
  if (first === undefined) return [new Map()];
  const [sort, size] = first;
  const rest = renamingsOf(others);
  return orders(Array.from({ length: size }, (_, member) => member)).flatMap((order) =>
    rest.map(
      (names) => new Map([...names, ...order.map((to, from) => [`${sort}${from}`, `${sort}${to}`] as const)]),
    ),
  );
}

function orders(members: readonly number[]): number[][] {
  if (members.length === 0) return [[]];
  return members.flatMap((first) =>
    orders(members.filter((member) => member !== first)).map((rest) => [first, ...rest]),
  );
}
