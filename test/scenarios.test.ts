import { describe, expect, it } from 'vitest';
import { iommufdRfc } from '../proposals/iommufd-rfc-2021-09/proposal.ts';
import { paramsOf } from '../proposals/phrase.ts';
import { PROPOSALS } from '../proposals/proposals.ts';
import { isAsked, nameIn, type Scenario, wordsOf } from '../proposals/scenario.ts';
import { tableMarkdown } from '../proposals/scenario-markdown.ts';
import { type Telling, tellScenario } from '../proposals/scenario-run.ts';
import { scenarioTable } from '../proposals/scenario-table.ts';
import { SCENARIOS, THEMES } from '../proposals/scenarios.ts';
import { PLATFORMS } from '../proposals/setup.ts';

function scenario(id: string): Scenario {
  const found = SCENARIOS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no scenario ${id}`);
  return found;
}

function tellings(): Telling[] {
  return SCENARIOS.flatMap((one) =>
    PROPOSALS.flatMap((proposal) => PLATFORMS.map((platform) => tellScenario(proposal, platform, one))),
  );
}

describe('the scenarios', () => {
  it('have ids of their own', () => {
    const ids = SCENARIOS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each([
    ...[1, 2, 3, 4, 5, 6, 7].map((number) => `F-V1-${number}`),
    ...['1', '2', '3', '4', '5a', '5b', '5c', '6'].map((number) => `F-V2-${number}`),
    ...['F-R20', 'F-SET-1', 'F-SET-2', 'F-SET-3', 'F-S0', 'F-GRP-1', 'F-GRP-2', 'F-GRP-3', 'F-GRP-4'],
    ...['F-ML-1a', 'F-ML-1b', 'F-ML-1c', 'F-ML-1d', 'F-ML-1e'],
    ...Array.from({ length: 18 }, (_, index) => `X${index + 1}`),
  ])('tell %s', (id) => {
    expect(scenario(id).steps.length).toBeGreaterThan(1);
  });

  it.each(SCENARIOS.map((one) => [one.id, one] as const))('name everything that %s speaks of', (_, one) => {
    const known = {
      device: Object.keys(one.devices).length,
      space: one.spaces.length,
      pasid: one.pasids.length,
      context: one.contexts,
      page: one.pages,
    };
    for (const step of one.steps) {
      expect(wordsOf(one, step)).not.toMatch(/undefined|space\d|device\d/);
      if (isAsked(step)) continue;
      paramsOf(step.word).forEach((param, index) => {
        const arg = step.args[index];
        const sort =
          param === 'other' ? 'device' : param === 'parent' ? 'space' : param === 'wire' ? 'pasid' : param;
        if (arg !== 'any') expect(arg, nameIn(one, param, Number(arg))).toBeLessThan(known[sort]);
      });
    }
  });

  it('get an answer from every proposal on every platform', () => {
    const all = tellings();
    expect(all.length).toBe(SCENARIOS.length * PROPOSALS.length * PLATFORMS.length);
    for (const telling of all) {
      const at = `${telling.scenario} in ${telling.proposal} on ${telling.platform}`;
      if (telling.verdict === 'not-expressible' || telling.verdict === 'fails')
        expect(telling.why, at).toMatch(/\w+ \w+/);
      else expect(telling.steps.length, at).toBe(scenario(telling.scenario).steps.length);
    }
  });

  it('leave nothing behind: the second telling is the first', () => {
    expect(tellings()).toEqual(tellings());
  });
});

/** What the mails say of whole scenarios: proposal, scenario, verdict or answers, by platform where not all are alike. */
type Answer = string | Readonly<{ intel: string; others: string }>;
const INTEL = (intel: string): Answer => ({ intel, others: '–' });
const KNOWN: readonly (readonly [string, string, Answer])[] = [
  // Each flow works in the proposal that tells it.
  ...['F-V1-1', 'F-V1-3', 'F-V1-4'].map((id) => ['ioasid-rfc-v1', id, 'works'] as const),
  ['ioasid-rfc-v1', 'F-V1-2', 'once; refused'],
  ['ioasid-rfc-v1', 'F-V1-5', INTEL('works')],
  // Jean-Philippe Brucker: the wrong device is blamed.
  ['ioasid-rfc-v1', 'F-V1-6', 'accepted; dev2; accepted; none'],
  ['ioasid-rfc-v1', 'F-V1-7', { intel: '9: refused', others: 'accepted; accepted' }],
  ...['F-V2-1', 'F-V2-3', 'F-V2-6'].map((id) => ['iommu-rfc-v2', id, 'works'] as const),
  ['iommu-rfc-v2', 'F-V2-2', '2 times'],
  ['iommu-rfc-v2', 'F-V2-4', 'accepted'],
  ['iommu-rfc-v2', 'F-V2-5a', INTEL('works')],
  ['iommu-rfc-v2', 'F-V2-5b', { intel: '6: refused', others: 'works' }],
  ['iommu-rfc-v2', 'F-V2-5c', INTEL('works')],
  ['iommufd-rfc-2021-09', 'F-R20', 'works'],
  ['kernel-picked-pasid', 'F-S0', 'works'],
  ['iommufd-mainline', 'F-S0', 'works'],
  ['iommufd-mainline', 'F-ML-1a', 'works'],
  ['iommufd-mainline', 'F-ML-1d', INTEL('works')],
  ['iommufd-mainline', 'F-ML-1e', 'works'],
  ...['iommu-rfc-v2', 'alloc-per-kind', 'iommufd-rfc-2021-09', 'iommufd-mainline'].map(
    (id) => [id, 'F-GRP-4', 'works'] as const,
  ),
  // V1 leaves groups to its users, and DMA as it was until a device is attached.
  ['ioasid-rfc-v1', 'F-GRP-1', '4: accepted'],
  ['ioasid-rfc-v1', 'bound-only', '3: accepted'],
  // A driver of the host on a member of an owned group: BUG_ON in 2021, refused in mainline.
  ['iommufd-rfc-2021-09', 'F-GRP-2', '14: accepted'],
  ['iommufd-mainline', 'F-GRP-2', 'memory through a; memory through a; memory through a'],
  ['ioasid-rfc-v1', 'guest-pasid', 'works'],
  ['iommu-rfc-v2', 'guest-pasid', 'works'],
  ['iommufd-mainline', 'guest-pasid', 'works'],
  ['iommufd-rfc-2021-09', 'guest-pasid', '–'],
  // Jason Gunthorpe, S0: a kernel's space on a PASID must not need a guest.
  ['iommu-rfc-v2', 'kernel-pasid', { intel: 'works', others: '5: refused' }],
  ['kernel-picked-pasid', 'kernel-pasid', 'works'],
  ['iommufd-mainline', 'kernel-pasid', 'works'],
  // One number for both with ENQCMD, so that they share a slot; a number each without.
  ['ioasid-rfc-v1', 'mdevs-enqcmd', INTEL('accepted; number 3; number 3')],
  ['iommu-rfc-v2', 'mdevs-enqcmd', INTEL('accepted; number 3; number 3')],
  ['iommu-rfc-v2', 'mdev-pasid', INTEL('number 3; number 4')],
  // V1 leaves it to the user not to mix them; V2 refuses.
  ['ioasid-rfc-v1', 'types-7-and-8', INTEL('8: accepted')],
  ['iommu-rfc-v2', 'types-7-and-8', INTEL('works')],
  ['iommu-rfc-v2', 'portal-first', INTEL('works')],
  ['iommufd-mainline', 'fault-detach', 'works'],
  ['iommu-rfc-v2', 'fault-detach', '11: yes'],
  ...['ioasid-rfc-v1', 'iommu-rfc-v2', 'iommufd-mainline'].map(
    (id) => [id, 'unmap-parent', 'works'] as const,
  ),
  ['ioasid-set', 'F-SET-1', { intel: '4: refused', others: 'works' }],
  ['ioasid-set', 'F-SET-2', INTEL('works')],
  ['ioasid-set', 'F-SET-3', INTEL('number 2; refused')],
  // S4: who asked for a number that is valid everywhere has it on a device that comes later; who did not has not.
  ['ioasid-set', 'hot-plug-global', 'works'],
  ['ioasid-set', 'hot-plug-implicit', 'accepted; refused'],
  // Two devices on one slot (RID, PASID) are refused.
  ['ioasid-set', 'mdevs-enqcmd', INTEL('refused; number 3; none')],
  // Nicolin Chen, S1: what was told of the first device does not hold for the second.
  ['iommufd-mainline', 'S1-frozen', 'PASIDs no (of the IOMMU: yes); PASIDs yes (of the IOMMU: yes)'],
  // Jacob Pan: the number of a submission under way is given to another, whose memory it then meets.
  ['iommu-rfc-v2', 'S4-in-flight', INTEL('17: a submission arrived elsewhere')],
];

describe('the answers that the mails give', () => {
  it.each(KNOWN)('%s tells %s: %j', (id, name, answer) => {
    const proposal = PROPOSALS.find((one) => one.id === id);
    if (proposal === undefined) throw new Error(`no proposal ${id}`);
    const briefs = PLATFORMS.map((platform) => tellScenario(proposal, platform, scenario(name)).brief);
    const expected = typeof answer === 'string' ? { intel: answer, others: answer } : answer;
    expect(briefs).toEqual([expected.intel, expected.others, expected.others]);
  });

  it('are written down in docs/SCENARIOS.md, with all others', async () => {
    const document = tableMarkdown(scenarioTable(PROPOSALS, PLATFORMS, THEMES));
    await expect(document).toMatchFileSnapshot('../docs/SCENARIOS.md');
  });
});

describe('a telling', () => {
  it('says of each step what the proposal answers, with its events and slots', () => {
    const telling = tellScenario(iommufdRfc, 'intel', scenario('X10'));
    expect(telling).toMatchObject({
      verdict: 'answers',
      brief: 'EBUSY',
      why: 'destroy(a): devices are attached to it',
    });
    expect(telling.steps.at(-1)).toMatchObject({
      words: 'destroy(a)',
      answer: 'refused',
      errno: 'EBUSY',
      rule: 'iommufd-rfc-2021-09/ioasid-unused',
      wish: null,
    });
    expect(telling.steps[2]?.commands.map(({ words, name }) => [words, name])).toEqual([
      ['open-device(d1)', 'open device'],
      ['bind(d1, fd1)', 'VFIO_DEVICE_BIND_IOMMUFD'],
    ]);
    expect(telling.steps[2]?.commands[1]?.events).toEqual([
      'DeviceBound device=d1 context=fd1',
      'SlotBlocked rid=d1',
    ]);
    expect(telling.slots).toEqual(['d1: a (kernel)', 'd2: default domain']);
  });

  it('ends at a word that the proposal lacks, and says which', () => {
    const telling = tellScenario(iommufdRfc, 'arm', scenario('F-V1-3'));
    expect(telling.verdict).toBe('not-expressible');
    expect(telling.why).toBe(
      'shadow-space(giova, gpa, dev2): it has no command to alloc-shadow, or to create-nesting',
    );
    expect(telling.steps.at(-1)?.answer).toBe('missing');
  });

  it('says where a scenario cannot happen at all', () => {
    const telling = tellScenario(iommufdRfc, 'arm', scenario('mdevs-enqcmd'));
    expect(telling).toMatchObject({ verdict: 'not-expressible', steps: [] });
    expect(telling.why).toContain('scalable mode of VT-d');
  });

  it('names proposal, scenario and step where a command throws', () => {
    const commands = iommufdRfc.commands.map((one) =>
      one.verb !== 'destroy'
        ? one
        : {
            ...one,
            decide: () => {
              throw new Error('broken');
            },
          },
    );
    expect(() => tellScenario({ ...iommufdRfc, commands }, 'amd', scenario('X10'))).toThrow(
      'proposals/iommufd-rfc-2021-09/proposal.ts: scenario X10 on amd, step 6: destroy(a): MDL004-threw: threw Error: broken',
    );
  });
});
