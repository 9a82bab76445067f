/** Lifecycles are xstate machines; each is compiled once into a table, and only the table is read on the hot path. */
import { type AnyStateMachine, setup } from 'xstate';

/** State value to event type to next state value. */
export type Table = Readonly<{
  id: string;
  initial: string;
  next: ReadonlyMap<string, ReadonlyMap<string, string>>;
}>;

type StateConfig = Readonly<{ on?: Readonly<Record<string, string>>; type?: 'final' }>;
export type LifecycleConfig = Readonly<{
  id: string;
  initial: string;
  states: Readonly<Record<string, StateConfig>>;
}>;

/** The machine itself, to be drawn or asked by xstate. */
export type LifecycleMachine = AnyStateMachine;

/** A flat machine without context, guards or actions: legality only. */
export function lifecycleMachine(config: LifecycleConfig): LifecycleMachine {
  return setup({ types: { events: {} as { type: string } } }).createMachine(config);
}

/** Reads the table out of the machine's own definition. */
export function compile(machine: LifecycleMachine): Table {
  const next = new Map<string, ReadonlyMap<string, string>>();
  for (const [name, node] of Object.entries(machine.states)) {
    const row = new Map<string, string>();
    for (const [event, transitions] of node.transitions) {
      const target = transitions[0]?.target?.[0]?.key;
      row.set(event, target ?? name);
    }
    next.set(name, row);
  }
  return { id: machine.id, initial: String(machine.config.initial), next };
}

/** The state after `event`; undefined where the machine forbids it. */
export function next(table: Table, state: string, event: string): string | undefined {
  return table.next.get(state)?.get(event);
}

/** The state after `event`. That the machine forbids it is a defect of ours. */
export function advance(table: Table, state: string, event: string): string {
  const after = next(table, state, event);
  if (after === undefined)
    throw new Error(`invariant: ${table.id} in state '${state}' does not accept ${event}`);
  return after;
}
