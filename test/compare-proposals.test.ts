import { describe, expect, it } from 'vitest';
import { iommufdRfc } from '../proposals/iommufd-rfc-2021-09/proposal.ts';
import type { Proposal } from '../proposals/proposal.ts';
import { PROPOSALS } from '../proposals/proposals.ts';
import { compareProposals } from '../proposals/scenario-difference.ts';
import { escapeHtml, tableHtml } from '../proposals/scenario-html.ts';
import { escapeMarkdown, tableMarkdown } from '../proposals/scenario-markdown.ts';
import { scenarioTable } from '../proposals/scenario-table.ts';
import { differenceText, tableText } from '../proposals/scenario-text.ts';
import { SCENARIOS, THEMES } from '../proposals/scenarios.ts';
import { PLATFORMS } from '../proposals/setup.ts';
import { ioasis } from './support/cli.ts';

const RFC = iommufdRfc.id;

/** The RFC as it would be if a space could be freed while a device is attached to it, and could not be unmapped. */
const careless: Proposal = {
  ...iommufdRfc,
  id: 'careless',
  commands: iommufdRfc.commands
    .filter(({ verb }) => verb !== 'unmap')
    .map((one) => (one.verb === 'destroy' ? { ...one, decide: () => [] } : one)),
};

describe('compare of two proposals', () => {
  it('finds nothing between a proposal and itself', () => {
    const comparison = compareProposals(iommufdRfc, iommufdRfc, SCENARIOS, PLATFORMS);
    expect(comparison).toMatchObject({ differing: 0, scenarios: SCENARIOS.length, differences: [] });
    expect(differenceText(comparison, false)).toBe(
      `${RFC} and ${RFC} on intel, arm, amd: 0 of ${SCENARIOS.length} scenarios are answered differently\n`,
    );
  });

  it('tells the first difference: scenario, platforms, step, both answers', () => {
    const chosen = SCENARIOS.filter(({ id }) => id === 'X10' || id === 'F-R20');
    const comparison = compareProposals(iommufdRfc, careless, chosen, PLATFORMS);
    expect(comparison.differing).toBe(2);
    expect(
      comparison.differences.map(({ scenario, step, platforms }) => [scenario, step, platforms]),
    ).toEqual([
      ['F-R20', 14, PLATFORMS],
      ['X10', 6, PLATFORMS],
    ]);
    const lines = differenceText(comparison, false).split('\n');
    expect(lines.slice(2)).toEqual([
      'F-R20: the example of the RFC, with every command that should be refused on the way (R20-20; errnos of R20-05 to R20-18)',
      'on intel, arm, amd, first at step 14: destroy(gpa)',
      '  iommufd-rfc-2021-09: IOMMU_IOASID_FREE is refused with EBUSY: devices are attached to it (iommufd-rfc-2021-09/ioasid-unused; R20-11)',
      '  careless: IOMMU_IOASID_FREE is accepted',
      '',
      'scenario  platforms        first at step     iommufd-rfc-2021-09  careless',
      'F-R20     intel, arm, amd  14: destroy(gpa)  EBUSY                accepted',
      'X10       intel, arm, amd  6: destroy(a)     EBUSY                accepted',
      '',
    ]);
  });

  it('tells a word that only one of them has', () => {
    const chosen = SCENARIOS.filter(({ id }) => id === 'X11');
    const [found] = compareProposals(careless, iommufdRfc, chosen, ['arm']).differences;
    expect(found).toMatchObject({
      step: 7,
      platforms: ['arm'],
      a: { answer: 'missing' },
      b: { errno: 'EINVAL' },
    });
    expect(found?.a.says).toBe('it has no command to unmap');
  });
});

describe('the table', () => {
  const nasty: Proposal = { ...iommufdRfc, id: 'a|b', title: '<script>alert("1")</script> & \'so\'' };
  const table = scenarioTable([iommufdRfc, nasty], PLATFORMS, THEMES);

  it('has a cell for every scenario and proposal, and every platform in it', () => {
    const rows = table.themes.flatMap((theme) => theme.rows);
    expect(rows.map(({ scenario }) => scenario.id)).toEqual(SCENARIOS.map(({ id }) => id));
    for (const { cells } of rows)
      for (const { groups } of cells)
        expect(groups.flatMap(({ platforms }) => platforms).toSorted()).toEqual(PLATFORMS.toSorted());
  });

  it('is text', () => {
    const text = tableText(table);
    expect(text).toContain(
      'X10: free a space while a device is attached to it\n  iommufd-rfc-2021-09  EBUSY  destroy(a): devices are attached to it\n',
    );
    expect(text).toMatch(
      / 2 proposals × 3 platforms: \d+ work, \d+ answer what is asked, \d+ fail, \d+ cannot/,
    );
  });

  it('is Markdown whose cells stay cells', () => {
    const markdown = tableMarkdown(table);
    expect(markdown).toContain('| **X10** free a space while a device is attached to it | EBUSY | EBUSY |');
    const widths = new Set(
      markdown
        .split('\n')
        .filter((line) => line.startsWith('| **'))
        .map((line) => line.replaceAll('\\|', '').split('|').length),
    );
    expect([...widths]).toEqual([5]);
    expect(escapeMarkdown('a|b <i> *x* _y_ `z` [l]')).toBe('a\\|b \\<i\\> \\*x\\* \\_y\\_ \\`z\\` \\[l\\]');
  });

  it('is an HTML page that needs nothing else, with what it tells escaped', () => {
    const html = tableHtml(table);
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;so&#39;');
    expect(html).not.toMatch(/<script|<link|src=|href=|@import|url\(/);
    const opened = [
      ...html.matchAll(/<(table|tr|td|th|ol|li|details|summary|p|small|thead|tbody|h1|h2)[ >]/g),
    ];
    const closed = [
      ...html.matchAll(/<\/(table|tr|td|th|ol|li|details|summary|p|small|thead|tbody|h1|h2)>/g),
    ];
    expect(opened.length).toBe(closed.length);
    expect(escapeHtml(`<&>"'`)).toBe('&lt;&amp;&gt;&quot;&#39;');
  });
});

describe('ioasis compare with proposals', () => {
  it('ends with status 0 for a proposal and itself', () => {
    const { status, stdout, stderr } = ioasis(['compare', RFC, RFC, '--platform', 'arm']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(' on arm: 0 of ');
  });

  it('prints the whole table, and one scenario step by step', () => {
    const all = ioasis(['compare', '--all']);
    expect(all.status).toBe(0);
    for (const { id, title } of SCENARIOS) expect(all.stdout).toContain(`${id}: ${title}\n`);
    for (const { id } of PROPOSALS) expect(all.stdout).toContain(`  ${id} `);
    const one = ioasis(['compare', '--all', '--scenario', 'x10', '--platform', 'amd']);
    expect(one.stdout).toContain('X10: free a space while a device is attached to it\n');
    expect(one.stdout).toContain('Attached device=d1 space=a; SlotRouted rid=d1 space=a');
    expect(one.stdout).toContain('   6  destroy(a) → refused, EBUSY\n');
  });

  it('prints Markdown, HTML and JSON', () => {
    expect(ioasis(['compare', '--all', '--format', 'markdown']).stdout).toMatch(/^# Scenarios\n/);
    expect(ioasis(['compare', '--all', '--format', 'html']).stdout).toMatch(/^<!DOCTYPE html>\n/);
    const { schema, tellings, scenarios } = JSON.parse(ioasis(['compare', '--all', '--json']).stdout);
    expect(schema).toBe('ioasis.scenarios/1');
    expect(scenarios.length).toBe(SCENARIOS.length);
    expect(tellings.length).toBe(SCENARIOS.length * PROPOSALS.length * PLATFORMS.length);
    const pair = JSON.parse(ioasis(['compare', RFC, RFC, '--json']).stdout);
    expect(pair).toMatchObject({ schema: 'ioasis.compare-proposals/1', differing: 0, first: null });
  });

  it.each([
    [['compare'], 'expected two releases, two proposals ('],
    [['compare', 'rfc', RFC], `expected two of the proposals ${PROPOSALS.map(({ id }) => id).join(', ')}`],
    [['compare', RFC, 'rfc'], 'found "rfc"'],
    [['compare', RFC], `expected another name after ${RFC}, found none`],
    [['compare', RFC, '7.3.4'], 'found "7.3.4"'],
    [['compare', RFC, RFC, 'run.jsonl'], 'expected no trace after two proposals, found run.jsonl'],
    [['compare', RFC, RFC, '--iommu', 'mock'], 'expected --iommu with two releases only'],
    [['compare', RFC, RFC, '--format', 'html'], 'expected --format with --all without names only'],
    [['compare', '7.3.4', '6.12.117', 'x', '--platform', 'arm'], 'expected --platform with proposals only'],
    [['compare', '--all', '--json', '--format', 'html'], 'expected --json or --format, found both'],
    [['compare', '--all', '--scenario', 'X99'], 'expected one of the scenarios assign, '],
    [['compare', '--all', '--platform', 'riscv'], 'intel, arm, amd'],
  ])('%j is refused with one line', (args, message) => {
    const { status, stdout, stderr } = ioasis(args);
    expect(stderr).toContain(message);
    expect(stderr.split('\n').length).toBe(2);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});
