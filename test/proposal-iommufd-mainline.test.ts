/** Known answers of mainline, and of the properties of capabilities, reports, processes and migration. */
import { describe, expect, it } from 'vitest';
import { ioasidSet } from '../proposals/ioasid-set/proposal.ts';
import { iommufdMainline } from '../proposals/iommufd-mainline/proposal.ts';
import { iommufdRfc } from '../proposals/iommufd-rfc-2021-09/proposal.ts';
import type { PropertyId } from '../proposals/property.ts';
import type { DesignCommand, Proposal } from '../proposals/proposal.ts';
import { PLATFORMS, type Platform } from '../proposals/setup.ts';
import type { Verb } from '../proposals/verb.ts';
import { verify } from '../proposals/verify.ts';

const PROPERTIES: readonly PropertyId[] = [
  'P29',
  'P30',
  'P31',
  'P32',
  'P41',
  'P50',
  'P51',
  'P52',
  'P53',
  'P54',
  'P55',
  'P56',
  'P57',
];

/** `holds`, `violated in N steps`, `not-expressible`. */
function verdictsOf(proposal: Proposal, platform: Platform, properties = PROPERTIES): Record<string, string> {
  const { verdicts } = verify(proposal, platform, { properties });
  return Object.fromEntries(
    verdicts.map(({ property, verdict, trace }) => [
      property.id,
      verdict === 'violated' ? `violated in ${trace?.steps.length} steps` : verdict,
    ]),
  );
}

function but(proposal: Proposal, verb: Verb, decide: DesignCommand['decide']): Proposal {
  return {
    ...proposal,
    commands: proposal.commands.map((one) => (one.verb === verb ? { ...one, decide } : one)),
  };
}

describe('properties of capabilities, processes and migration', () => {
  it.each(PLATFORMS)('mainline on %s', (platform) => {
    expect(verdictsOf(iommufdMainline, platform)).toEqual({
      P29: 'not-expressible',
      P30: 'holds',
      P31: 'holds',
      P32: 'holds',
      P41: 'holds',
      P50: 'holds',
      P51: 'holds',
      P52: 'holds',
      P53: 'holds',
      P54: 'violated in 5 steps',
      P55: 'holds',
      P56: 'holds',
      P57: 'not-expressible',
    });
  });

  it.each(PLATFORMS)('the RFC of September 2021 on %s', (platform) => {
    expect(verdictsOf(iommufdRfc, platform, ['P50', 'P51', 'P54', 'P56', 'P57'])).toEqual({
      P50: 'holds',
      P51: 'holds',
      P54: 'not-expressible',
      P56: 'not-expressible',
      P57: 'holds',
    });
  });

  it.each(PLATFORMS)('explicit local and global numbers on %s', (platform) => {
    expect(verdictsOf(ioasidSet, platform, ['P30', 'P31', 'P32', 'P41', 'P51'])).toEqual({
      P30: 'holds',
      P31: 'holds',
      P32: 'holds',
      P41: 'holds',
      P51: 'holds',
    });
  });

  it('a vIOMMU made from its first device does not suit the second', () => {
    const { verdicts } = verify(iommufdMainline, 'intel', { properties: ['P54'] });
    expect(verdicts[0]?.trace?.steps.at(-1)?.label).toMatch(/freeze-viommu|IOMMU_GET_HW_INFO/);
  });
});

const bindLoadingAny: DesignCommand['decide'] = (state, { device = 0, wire = 0 }) => {
  const free = state.allocated.has(wire) && !state.process.has(device) && !state.taken.has(wire);
  const refused = { rule: 'test/refused', errno: undefined, says: 'is refused', source: 'test' };
  return free ? [{ type: 'ProcessBound', device, wire, loads: true }] : refused;
};

describe('a broken proposal is noticed', () => {
  it('an implicit allocator: a number of one device, loaded into the MSR, is taken on the next one', () => {
    const implicit = but(ioasidSet, 'bind-process', bindLoadingAny);
    const { P30, P31 } = verdictsOf(implicit, 'intel', ['P30', 'P31']);
    expect(P30).toBe('violated in 3 steps');
    expect(P31).toBe('violated in 3 steps');
  });

  it('numbers of the whole host on a RID of the guest', () => {
    const attach = ioasidSet.commands.find(({ verb }) => verb === 'attach-pasid');
    const shared = but(ioasidSet, 'attach-pasid', (state, args, ground) =>
      state.taken.has(args.pasid ?? 0)
        ? { rule: 'test/taken', errno: undefined, says: 'is in use', source: 'test' }
        : (attach?.decide(state, args, ground) ?? []),
    );
    expect(verdictsOf(shared, 'intel', ['P41'])).toEqual({ P41: 'violated in 2 steps' });
  });

  it('a PASID capability that is told without the IOMMU', () => {
    const naive: Proposal = {
      ...iommufdMainline,
      report: (state, device, ground) =>
        state.device.get(device) === 'bound'
          ? { pasid: ground.traits[device]?.pasid === true, iommuPasid: true }
          : undefined,
    };
    expect(verdictsOf(naive, 'arm', ['P52'])['P52']).toMatch(/^violated/);
  });

  it('a HWPT that is not made for PASIDs beside PASIDs', () => {
    const attach = iommufdMainline.commands.find(({ verb }) => verb === 'attach');
    const lax = but(iommufdMainline, 'attach', (state, args, ground) => {
      const decision = attach?.decide(state, args, ground) ?? [];
      const { device = 0, space = 0 } = args;
      const refused = 'rule' in decision && decision.rule === 'attach/pasids-attached';
      return refused ? [{ type: 'Attached', device, space }] : decision;
    });
    expect(verdictsOf(lax, 'amd', ['P56'])['P56']).toMatch(/^violated/);
  });

  it('a narrow device on mappings that it cannot reach', () => {
    const map = iommufdMainline.commands.find(({ verb }) => verb === 'map');
    const lax = but(iommufdMainline, 'map', (state, args, ground) => {
      const decision = map?.decide(state, args, ground) ?? [];
      const { space = 0, page = 0 } = args;
      const refused =
        'rule' in decision && decision.rule === 'map/reserved' && !state.mapped.has(space, page);
      if (!refused) return decision;
      return [
        { type: 'PageCharged', page },
        { type: 'PageMapped', space, page },
      ];
    });
    expect(verdictsOf(lax, 'intel', ['P51'])['P51']).toMatch(/^violated/);
  });
});
