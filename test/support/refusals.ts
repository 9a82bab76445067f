/** Tables of refusals: rows of (change to a valid command, errno, rule), in the kernel's order of checks. */
import { describe, expect, it } from 'vitest';
import type { Command } from '../../events/command.ts';
import type { ErrnoName } from '../../events/errno.ts';
import { errnoOf, type RuleId } from '../../events/rules.ts';
import { copyWorld } from '../../traces/copy-world.ts';
import type { CallOptions, Given } from './given.ts';

/** How a row differs from the valid call: fields of the command, how it is issued, what happened before. */
export type Difference<C> = Readonly<{
  in?: (given: Given) => unknown;
  by?: CallOptions;
  /** This row cannot be combined with others: its change would undo theirs. */
  apart?: true;
}> &
  Readonly<{ set?: Partial<C> }>;

export type Row<C> = readonly [change: Partial<C> | Difference<C>, errno: ErrnoName, rule: RuleId];

export type Table<C extends Command> = Readonly<{
  given: () => Given;
  valid: C;
  by?: CallOptions;
}>;

type Plain<C> = Readonly<{ set: Partial<C>; by: CallOptions; in: (given: Given) => unknown; apart: boolean }>;

function plain<C>(change: Row<C>[0]): Plain<C> {
  const isDifference = 'in' in change || 'by' in change || 'apart' in change || 'set' in change;
  const difference: Difference<C> = isDifference ? (change as Difference<C>) : { set: change as Partial<C> };
  const { set = {}, by = {}, in: before = () => undefined, apart = false } = difference;
  return { set, by, in: before, apart };
}

function shown(change: Row<never>[0]): string {
  const hex = (_key: string, value: unknown) =>
    typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
  const text = JSON.stringify(change, hex);
  return text === '{}' || text === '{"apart":true}' ? 'what came before' : text;
}

function clash<C>(one: Plain<C>, other: Plain<C>): boolean {
  const keys = (plainRow: Plain<C>) => [...Object.keys(plainRow.set), ...Object.keys(plainRow.by)];
  return one.apart || other.apart || keys(one).some((key) => keys(other).includes(key));
}

/**
 * One test for the valid command, one for each row, and one for their order: of two rows that do not touch the same field,
 * both applied, the upper one has to answer.
 */
export function refusals<C extends Command>(title: string, table: Table<C>, rows: readonly Row<C>[]): void {
  const issue = (changes: readonly Plain<C>[]) => {
    const world = table.given();
    let command = table.valid;
    let by = table.by ?? {};
    for (const change of changes) {
      change.in(world);
      command = { ...command, ...change.set };
      by = { ...by, ...change.by };
    }
    return { world, outcome: () => world.outcome(command, by) };
  };

  describe(title, () => {
    it('accepts the command that the rows change', () => {
      const { outcome } = issue([]);
      expect(outcome()).toMatchObject({ rule: undefined, missing: undefined });
    });

    for (const [index, [change, errno, rule]] of rows.entries()) {
      it(`refuses ${index + 1} ${shown(change as never)} with ${errno}: ${rule}`, () => {
        const { world, outcome } = issue([plain(change)]);
        const before = copyWorld(world.world);
        const refused = outcome();
        expect(refused.missing ?? refused.rule).toBe(rule);
        expect(errnoOf(rule)).toBe(errno);
        expect(world.world.contexts.size).toBeGreaterThan(0);
        if (refused.events.length === 0) expect(world.world).toEqual(before);
      });
    }

    it('checks in this order', () => {
      for (const [index, [upperChange, , rule]] of rows.entries()) {
        const upper = plain(upperChange);
        for (const [lowerChange] of rows.slice(index + 1)) {
          const lower = plain(lowerChange);
          if (clash(upper, lower)) continue;
          const { outcome } = issue([lower, upper]);
          const both = `${shown(upperChange as never)} and ${shown(lowerChange as never)}`;
          expect(`${both}: ${outcome().rule}`).toBe(`${both}: ${rule}`);
        }
      }
    });
  });
}
