import { beforeAll, describe, expect, it } from 'vitest';
import { DEVICE_STATES, SPACE_STATES } from '../proposals/design-state.ts';
import { PROPERTIES } from '../proposals/properties.ts';
import { lifecyclesOf } from '../proposals/proposal.ts';
import { PROPOSALS } from '../proposals/proposals.ts';
import { PLATFORMS } from '../proposals/setup.ts';
import { VERBS } from '../proposals/verb.ts';
import { allVerdicts, proposalsDocument, type Verdicts, verdictOn } from './support/proposals-document.ts';

let verdicts: Verdicts;
beforeAll(() => {
  verdicts = allVerdicts();
}, 300_000);

describe('docs/PROPOSALS.md', () => {
  it('is what the searches say; write it anew with: npx vitest run test/proposals.test.ts -u', async () => {
    await expect(proposalsDocument(verdicts)).toMatchFileSnapshot('../docs/PROPOSALS.md');
  });
});

describe('the properties', () => {
  it('are numbered without a gap, and each says who claims it', () => {
    const numbers = (letter: string): number[] =>
      PROPERTIES.filter(({ id }) => id.startsWith(letter)).map(({ id }) => Number(id.slice(1)));
    expect(numbers('P')).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect(numbers('G')).toEqual(numbers('G').map((_, index) => index + 1));
    expect(PROPERTIES.filter(({ says, source, outcome }) => !says || !source || !outcome)).toEqual([]);
  });

  it.each(PROPERTIES.map((property) => [property.id, property] as const))(
    '%s says something of some proposal',
    (_, property) => {
      const found = PROPOSALS.flatMap((proposal) =>
        PLATFORMS.map((platform) => verdictOn(verdicts, proposal, platform, property)),
      );
      // P29 is a duty of the VMM: no proposal has a word for it.
      if (property.id !== 'P29')
        expect(found.some(({ verdict }) => verdict !== 'not-expressible')).toBe(true);
      for (const { verdict, why, trace } of found) {
        if (verdict === 'not-expressible') expect(why).toMatch(/\w{3}/);
        if (verdict === 'violated' && property.kind === 'state') expect(trace).toBeDefined();
      }
    },
  );
});

describe.each(PROPOSALS.map((proposal) => [proposal.id, proposal] as const))('%s', (_, proposal) => {
  it('has machines whose states the snapshot knows', () => {
    const { device, space } = lifecyclesOf(proposal);
    expect(DEVICE_STATES).toEqual(expect.arrayContaining([...device.next.keys()]));
    expect(SPACE_STATES).toEqual(expect.arrayContaining([...space.next.keys()]));
    expect([device.initial, space.initial]).toEqual(['closed', 'free']);
  });

  it('has no two commands for one word, and names who says so', () => {
    const words = proposal.commands.map(({ verb }) => verb);
    expect(new Set(words).size).toBe(words.length);
    expect(Object.keys(VERBS)).toEqual(expect.arrayContaining(words));
    expect(proposal.commands.filter(({ source }) => source.length < 2)).toEqual([]);
  });

  it('is searched to the end on every platform', () => {
    for (const platform of PLATFORMS)
      expect(verdicts.get(proposal)?.get(platform)).toMatchObject({ complete: true });
  });

  it('has no command that is never accepted', () => {
    const found = [...(verdicts.get(proposal)?.values() ?? [])];
    const [first] = found;
    expect(first?.dead.filter((name) => found.every(({ dead }) => dead.includes(name)))).toEqual([]);
  });
});
