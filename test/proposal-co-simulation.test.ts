/** The packed design of mainline against the full model: the same step on both, from the same states. */
import { describe, expect, it } from 'vitest';
import { Random } from '../explore/random.ts';
import { openMainline } from '../proposals/iommufd-mainline/adapter.ts';
import { iommufdMainline } from '../proposals/iommufd-mainline/proposal.ts';
import type { Proposal } from '../proposals/proposal.ts';
import { PLATFORMS, type Platform, type Setup } from '../proposals/setup.ts';
import { type SetupId, setupsFor } from '../proposals/setups.ts';
import type { Verb } from '../proposals/verb.ts';
import { coSimulate, coWalk } from './support/co-simulation.ts';

/** Setups that are walked to their end, and those of which the first states are. */
const WHOLE: readonly SetupId[] = ['kinds', 'faults', 'migration'];
const BEGUN: readonly SetupId[] = [
  'routes',
  'groups',
  'pasids',
  'nesting',
  'caches',
  'mixed-group',
  'capabilities',
  'reports',
];
const FIRST_STATES = 60;
const SEED = 20_260_701;

function setupOf(platform: Platform, id: SetupId): Setup {
  const setup = setupsFor(platform).get(id);
  if (setup === undefined) throw new Error(`no setup ${id}`);
  return setup;
}

const every = (ids: readonly SetupId[]) =>
  PLATFORMS.flatMap((platform) => ids.map((id) => [platform, id] as const));

describe('mainline, packed and full', () => {
  // What the last two show does not depend on the driver.
  it.each([...every(WHOLE), ['intel', 'capabilities'], ['intel', 'reports']] as const)(
    'agree on %s in every state of %s',
    (platform, id) => {
      const { differences, complete, steps } = coSimulate(platform, setupOf(platform, id));
      expect({ differences, complete }).toEqual({ differences: [], complete: true });
      expect(steps).toBeGreaterThan(100);
    },
  );

  it.each(every(BEGUN))('agree on %s in the first states of %s', (platform, id) => {
    const { differences, states } = coSimulate(platform, setupOf(platform, id), { states: FIRST_STATES });
    expect(differences).toEqual([]);
    expect(states).toBeGreaterThanOrEqual(FIRST_STATES);
  });

  it.each(every(BEGUN))('agree on %s along random walks through %s', (platform, id) => {
    const random = new Random(SEED);
    const walks = { count: 30, length: 40, random: (below: number) => random.below(below) };
    expect(coWalk(platform, setupOf(platform, id), walks).differences).toEqual([]);
  });

  /** Mainline with another answer to one word. */
  const but = (verb: Verb, decide: Proposal['commands'][number]['decide']): Proposal => ({
    ...iommufdMainline,
    commands: iommufdMainline.commands.map((one) => (one.verb === verb ? { ...one, decide } : one)),
  });

  it.each<[string, SetupId, Proposal]>([
    ['detach that is refused where nothing is attached', 'pasids', but('detach', () => refusal)],
    [
      'detach that leaves the slot as it is',
      'pasids',
      but('detach', (_, { device = 0 }) => [{ type: 'Detached', device }]),
    ],
    ['attach of a PASID that is never refused', 'mixed-group', but('attach-pasid', unguarded)],
    ['unmap that goes on counting', 'nesting', but('unmap', uncounted)],
  ])('is told from a design with a %s', (_, id, proposal) => {
    const { differences } = coSimulate('intel', setupOf('intel', id), { proposal, depth: 6, states: 400 });
    expect(differences).not.toEqual([]);
  });
});

const refusal = { rule: 'test/refused', errno: 'EINVAL', says: 'is refused', source: 'test' } as const;

const unguarded: Proposal['commands'][number]['decide'] = (state, { device = 0, space = 0, pasid = 0 }) =>
  state.space.get(space) === 'free'
    ? refusal
    : [
        { type: 'PasidAttached', device, space, pasid, wire: pasid },
        { type: 'SlotRouted', rid: device, pasid, space },
      ];

const uncounted: Proposal['commands'][number]['decide'] = (state, { space = 0, page = 0 }) =>
  state.mapped.has(space, page) ? [{ type: 'PageUnmapped', space, page }] : refusal;

describe('the adapter', () => {
  it('answers a word with the rule and the errno of the full model', () => {
    const mainline = openMainline('arm', setupOf('arm', 'pasids'));
    expect(mainline.perform('alloc', { space: 0, context: 0 })?.accepted).toBe(true);
    expect(mainline.perform('alloc-user', { space: 1, parent: 0 })).toEqual({
      accepted: false,
      errno: 'EOPNOTSUPP',
      rule: 'hwpt-alloc/nested-flags',
    });
    expect(mainline.perform('alloc-table', { space: 1, parent: 0 })?.accepted).toBe(true);
    expect(mainline.perform('attach-pasid', { device: 0, space: 1, pasid: 0 })).toEqual({
      accepted: false,
      errno: 'EINVAL',
      rule: 'attach/pasid-compat',
    });
    expect(mainline.perform('attach', { device: 0, space: 1 })?.accepted).toBe(true);
    expect(mainline.slot(0, undefined)).toEqual({ kind: 'nested', space: 1, parent: 0 });
    expect(mainline.slot(1, undefined)).toEqual({ kind: 'blocked' });
  });

  it('has no answer to what guests, other drivers and hardware do', () => {
    const mainline = openMainline('intel', setupOf('intel', 'caches'));
    expect(mainline.perform('guest-maps', { space: 1, page: 0 })).toBeUndefined();
    expect(mainline.perform('bind-process', { device: 0, wire: 0 })).toBeUndefined();
  });
});
