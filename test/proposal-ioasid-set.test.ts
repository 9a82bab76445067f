/** Known answers of the sketches of spring 2021: what explicit local and global numbers give, and what they cost. */
import { describe, expect, it } from 'vitest';
import { ioasidSet } from '../proposals/ioasid-set/proposal.ts';
import type { PropertyId } from '../proposals/property.ts';
import type { DesignCommand } from '../proposals/proposal.ts';
import type { Platform } from '../proposals/setup.ts';
import { verify } from '../proposals/verify.ts';

type Row = readonly [property: PropertyId, platform: Platform, verdict: string, steps: number | undefined];

/** Shortest counterexamples; a number that is global is taken from every RID (Jason Gunthorpe, 10 May 2021). */
const ROWS: readonly Row[] = [
  ['P30', 'intel', 'holds', undefined],
  ['P31', 'intel', 'holds', undefined],
  ['P32', 'intel', 'holds', undefined],
  ['P33', 'intel', 'holds', undefined],
  ['P34', 'intel', 'violated', 3],
  ['P39', 'intel', 'violated', 0],
  ['P41', 'intel', 'holds', undefined],
  ['P43', 'arm', 'holds', undefined],
  ['P43', 'amd', 'holds', undefined],
  ['P43', 'intel', 'not-expressible', undefined],
  ['P47', 'intel', 'holds', undefined],
  ['P48', 'arm', 'violated', 2],
  ['P54', 'amd', 'not-expressible', undefined],
];

describe('ioasid-set', () => {
  it.each(ROWS)('%s on %s: %s', (property, platform, verdict, steps) => {
    const [found] = verify(ioasidSet, platform, { properties: [property] }).verdicts;
    expect([found?.verdict, found?.trace?.steps.length]).toEqual([verdict, steps]);
  });

  it('gives a number out too early where freeing it parks nothing', () => {
    const freePasid: DesignCommand['decide'] = (state, { wire = 0 }) =>
      state.allocated.has(wire) && !ioasidSetUses(state, wire)
        ? [{ type: 'PasidFreed', pasid: wire }]
        : { rule: 'test/used', errno: undefined, says: 'is in use', source: 'test' };
    const alloc: DesignCommand['decide'] = (state, { wire = 0 }) =>
      state.allocated.has(wire) || ioasidSetUses(state, wire)
        ? { rule: 'test/used', errno: undefined, says: 'is in use', source: 'test' }
        : [{ type: 'PasidAllocated', pasid: wire, global: true }];
    const hasty = {
      ...ioasidSet,
      commands: ioasidSet.commands.map((one) => {
        if (one.verb === 'free-pasid') return { ...one, decide: freePasid };
        return one.verb === 'alloc-global-pasid' ? { ...one, decide: alloc } : one;
      }),
    };
    expect(verify(hasty, 'intel', { properties: ['P47'] }).verdicts[0]?.verdict).toBe('violated');
  });
});

/** Some device has the number. */
function ioasidSetUses(state: Parameters<DesignCommand['decide']>[0], wire: number): boolean {
  return state.wire.includes(wire) || state.defPasid.includes(wire);
}
