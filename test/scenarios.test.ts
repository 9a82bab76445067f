import { describe, expect, it } from 'vitest';
import { iommufdRfc } from '../proposals/iommufd-rfc-2021-09/proposal.ts';
import { paramsOf } from '../proposals/phrase.ts';
import { PROPOSALS } from '../proposals/proposals.ts';
import { isAsked, nameIn, type Scenario, wordsOf } from '../proposals/scenario.ts';
import { type Telling, tellScenario } from '../proposals/scenario-run.ts';
import { SCENARIOS } from '../proposals/scenarios.ts';
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
