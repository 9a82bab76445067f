/** X1 to X18: the same sequence, and what each proposal is known to answer. */
import { describe, expect, it } from 'vitest';
import { PROPOSALS } from '../proposals/proposals.ts';
import { tellScenario } from '../proposals/scenario-run.ts';
import { differentialScenarios } from '../proposals/scenarios/differential.ts';
import { PLATFORMS, type Platform } from '../proposals/setup.ts';

/** Answers to the open steps, on every platform unless told by platform; `–` is not expressible. */
type Answers = string | Readonly<Record<Platform, string>>;

/**
 * By proposal. What the texts leave open is marked [D]: what the model answers there is deduced. Nobody has answered them for the
 * allocator of May 2021 (`set`) and for one call per kind (`kinds`): these are V1 before, and V1 with kinds that are fixed at allocation.
 */
type Known = Readonly<Record<'set' | 'v1' | 'kinds' | 'v2' | 'rfc' | 'mainline', Answers>>;

const IDS = {
  set: 'ioasid-set',
  v1: 'ioasid-rfc-v1',
  kinds: 'alloc-per-kind',
  v2: 'iommu-rfc-v2',
  rfc: 'iommufd-rfc-2021-09',
  mainline: 'iommufd-mainline',
} as const;

const TOLD = 'PASIDs yes (of the IOMMU: yes)';
const DELEGATING = (answer: string): Answers => ({ intel: '–', arm: answer, amd: answer });

const KNOWN: Readonly<Record<string, Known>> = {
  X1: {
    set: 'refused',
    v1: 'refused',
    kinds: 'accepted',
    v2: 'accepted',
    rfc: 'EINVAL',
    mainline: 'accepted',
  },
  // V2: its changelog lets a device be bound to several descriptors; in September 2021 it is exactly one again.
  X2: { set: 'refused', v1: 'refused', kinds: 'refused', v2: 'accepted', rfc: 'EBUSY', mainline: 'EINVAL' },
  // V1 and V2 [D]: their users must present the whole group.
  X3: { set: 'refused', v1: 'refused', kinds: 'refused', v2: 'refused', rfc: 'EBUSY', mainline: 'EPERM' },
  // V1 and V2 say nothing of a second space on one route; a slot has one owner (V2T, 15 July 2021) [D].
  X4: { set: 'refused', v1: 'refused', kinds: 'refused', v2: 'refused', rfc: 'EBUSY', mainline: 'accepted' },
  'X4-child': {
    set: 'accepted',
    v1: 'accepted',
    kinds: 'accepted',
    v2: 'accepted',
    rfc: '–',
    mainline: 'accepted',
  },
  // V2 [D]: a group has a single IOASID. V1: both spaces have a part of the group, and are inert; R20 and mainline leave the first as it was.
  X5: {
    set: 'refused; refused',
    v1: 'accepted; refused',
    kinds: 'refused; accepted',
    v2: 'refused; accepted',
    rfc: 'EBUSY; accepted',
    mainline: 'EINVAL; accepted',
  },
  'X5-replace': {
    set: 'refused',
    v1: 'refused',
    kinds: 'refused',
    v2: 'refused',
    rfc: 'EBUSY',
    mainline: 'accepted',
  },
  X6: {
    set: 'refused',
    v1: 'refused',
    kinds: 'accepted',
    v2: 'accepted',
    rfc: 'accepted',
    mainline: 'accepted',
  },
  // V1 does not define it for a root.
  X7: { set: 'refused', v1: 'refused', kinds: 'refused', v2: 'refused', rfc: '–', mainline: 'EINVAL' },
  // V2 does not restate the rule of V1.
  X8: { set: 'accepted', v1: 'refused', kinds: 'accepted', v2: 'accepted', rfc: '–', mainline: 'accepted' },
  // V1: if GET_INFO says so. It does not for what hardware walks in two stages, and does where software merges.
  // Mainline: on Arm and AMD it is VIOMMU_ALLOC that is given the nested HWPT, and it looks for a paging one.
  X9: {
    set: 'refused',
    v1: 'refused',
    kinds: 'refused',
    v2: 'accepted',
    rfc: '–',
    mainline: { intel: 'EINVAL', arm: 'ENOENT', amd: 'ENOENT' },
  },
  'X9-software': { set: '–', v1: 'accepted', kinds: '–', v2: 'accepted', rfc: '–', mainline: '–' },
  // V1 and V2 do not say. May 2021: destroying a space blocks its DMA at once (31 March 2021).
  X10: { set: 'accepted', v1: 'refused', kinds: 'refused', v2: 'refused', rfc: 'EBUSY', mainline: 'EBUSY' },
  X11: { set: 'refused', v1: 'refused', kinds: 'refused', v2: 'refused', rfc: 'EINVAL', mainline: 'ENOENT' },
  'X11-more': {
    set: 'accepted',
    v1: 'refused',
    kinds: 'refused',
    v2: 'accepted',
    rfc: 'accepted',
    mainline: 'accepted',
  },
  // Mainline: a nested HWPT of Arm or AMD cannot even be allocated for PASIDs, so that there is none to attach.
  X12: {
    set: DELEGATING('accepted; refused'),
    v1: DELEGATING('accepted; accepted'),
    kinds: '–',
    v2: DELEGATING('accepted; refused'),
    rfc: '–',
    mainline: DELEGATING('EOPNOTSUPP; ENOENT'),
  },
  X13: { set: '–', v1: 'accepted', kinds: 'refused', v2: 'refused', rfc: 'ENODEV', mainline: 'EINVAL' },
  // V1: GET_INFO is of an IOASID, never of a device. R20 tells nothing of PASIDs.
  X14: {
    set: 'nothing; nothing; nothing',
    v1: 'nothing; nothing; nothing',
    kinds: 'nothing; nothing; nothing',
    v2: 'nothing; PASIDs yes; PASIDs yes',
    rfc: 'nothing; PASIDs no; PASIDs no',
    mainline: `nothing; ${TOLD}; ${TOLD}`,
  },
  X15: {
    set: 'accepted; memory through a',
    v1: 'accepted; memory through a',
    kinds: 'accepted; memory through a',
    v2: 'accepted; memory through a',
    rfc: 'accepted; memory through a',
    mainline: 'accepted; memory through a',
  },
  // V1 does not cover it.
  X16: {
    set: 'accepted',
    v1: 'accepted',
    kinds: 'accepted',
    v2: 'refused',
    rfc: 'EINVAL',
    mainline: 'accepted',
  },
  X17: {
    set: 'accepted',
    v1: 'refused',
    kinds: 'refused',
    v2: 'refused',
    rfc: 'EINVAL',
    mainline: 'accepted',
  },
  // Mainline: only where a mapping is out of reach; the reserved range collides with it.
  'X17-mapped': {
    set: 'refused',
    v1: 'refused',
    kinds: 'refused',
    v2: 'refused',
    rfc: 'EINVAL',
    mainline: 'EADDRINUSE',
  },
  X18: { set: 'refused', v1: 'refused', kinds: '–', v2: 'refused', rfc: '–', mainline: '–' },
};

describe('the differential tests', () => {
  it('are all known', () => {
    expect(Object.keys(KNOWN)).toEqual(differentialScenarios.map(({ id }) => id));
  });

  describe.each(differentialScenarios.map((one) => [one.id, one] as const))('%s', (id, scenario) => {
    it.each(Object.entries(IDS))('in %s', (name, proposalId) => {
      const proposal = PROPOSALS.find((one) => one.id === proposalId);
      const known = KNOWN[id]?.[name as keyof Known];
      if (proposal === undefined || known === undefined) throw new Error(`nothing is known of ${name}`);
      const expected = PLATFORMS.map((platform) => (typeof known === 'string' ? known : known[platform]));
      const tellings = PLATFORMS.map((platform) => tellScenario(proposal, platform, scenario));
      expect(tellings.map(({ brief }) => brief)).toEqual(expected);
      // Whatever was not asked came as the scenario supposes: the answer is to the question.
      for (const { verdict } of tellings) expect(['answers', 'not-expressible']).toContain(verdict);
    });
  });
});
