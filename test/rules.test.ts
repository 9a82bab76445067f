import { beforeAll, describe, expect, it } from 'vitest';
import { ERRNO } from '../events/errno.ts';
import { errnoOf, RULES } from '../events/rules.ts';
import { type CorpusRun, corpusRun } from './support/corpus-run.ts';
import { needlessKeys, releasesOf } from './support/rule-releases.ts';
import { examplesOf, ruleIds, rulesDocument } from './support/rules-document.ts';

let run: CorpusRun;
beforeAll(async () => {
  run = await corpusRun();
}, 180_000);

describe('the register of rules', () => {
  it('has for each rule an errno, a kernel function and a sentence', () => {
    for (const id of ruleIds) {
      const { errno, source, says } = RULES[id];
      expect(ERRNO[errno], id).toBeGreaterThan(0);
      expect(errnoOf(id)).toBe(errno);
      expect(source, id).toMatch(/^[a-z][a-z0-9_]+$/);
      expect(says, id).toMatch(/^[^A-Z\n].{8,}[^.]$|^RLIMIT|^DIRTY|^WRITEABLE|^CAP_|^IOVA|^PASID/);
    }
  });

  it.each(ruleIds)('%s is hit by the corpus or by an example', (id) => {
    expect([run.rules[id]?.calls ?? 0, examplesOf(id).length]).not.toEqual([0, 0]);
  });

  it('has an example for every rule', () => {
    expect(ruleIds.filter((id) => examplesOf(id).length === 0)).toEqual([]);
  });

  it('answers only where the release has what the rule is about', () => {
    const strange = ruleIds.filter((id) =>
      (run.rules[id]?.releases ?? []).some((release) => !releasesOf(id).includes(release)),
    );
    expect(strange).toEqual([]);
    expect(ruleIds.filter((id) => releasesOf(id).length === 0)).toEqual([]);
    expect(needlessKeys(ruleIds)).toEqual([]);
  });
});

describe('docs/RULES.md', () => {
  it('is what the register and the corpus say; write it anew with: npx vitest run test/rules.test.ts -u', async () => {
    await expect(rulesDocument(run)).toMatchFileSnapshot('../docs/RULES.md');
  });
});
