import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialTransition, transition } from 'xstate';
import { advance, next } from '../machines/lifecycle.ts';
import { type MachineName, machines, tables } from '../machines/lifecycles.ts';

const names = Object.keys(machines) as MachineName[];

/** Every event that any machine knows, and one that none does. */
const vocabulary = [...new Set(names.flatMap((name) => machines[name].events as string[])), 'NeverHeardOf'];

describe.each(names)('the table of %s', (name) => {
  const machine = machines[name];
  const table = tables[name];

  it('begins where the machine begins', () => {
    const [initial] = initialTransition(machine);
    expect(table.initial).toBe(initial.value);
  });

  it('has a row for each state and a cell for each event that the machine takes there', () => {
    expect([...table.next.keys()].sort()).toEqual(Object.keys(machine.states).sort());
    const cells = [...table.next].flatMap(([state, row]) =>
      [...row.keys()].map((event) => `${state} ${event}`),
    );
    const known = Object.entries(machine.states).flatMap(([state, node]) =>
      [...node.transitions.keys()].map((event) => `${state} ${event}`),
    );
    expect(cells.sort()).toEqual(known.sort());
  });

  it('goes where transition() goes, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...vocabulary), { maxLength: 20 }), (events) => {
        let [snapshot] = initialTransition(machine);
        let state = table.initial;
        for (const type of events) {
          const allowed = snapshot.can({ type });
          const after = next(table, state, type);
          expect([type, after !== undefined]).toEqual([type, allowed]);
          if (after === undefined) {
            expect(() => advance(table, state, type)).toThrow(`invariant: ${machine.id} in state '${state}'`);
            continue;
          }
          [snapshot] = transition(machine, snapshot, { type });
          state = advance(table, state, type);
          expect(state).toBe(snapshot.value);
        }
      }),
      { seed: 20_260_907, numRuns: 60 },
    );
  });
});
