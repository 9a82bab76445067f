/** docs/PROPOSALS.md: every property on every proposal and platform, with the run that violates it. */
import { PROPERTIES } from '../../proposals/properties.ts';
import type { PropertySpec } from '../../proposals/property.ts';
import type { Proposal } from '../../proposals/proposal.ts';
import { PROPOSALS } from '../../proposals/proposals.ts';
import { PLATFORMS, type Platform } from '../../proposals/setup.ts';
import { type DesignVerdict, type Verification, verify } from '../../proposals/verify.ts';
import { loopLines } from '../../proposals/verify-report.ts';

/** Each proposal on each platform; worked out once for a test file. */
export type Verdicts = ReadonlyMap<Proposal, ReadonlyMap<Platform, Verification>>;

let known: Verdicts | undefined;

export function allVerdicts(): Verdicts {
  known ??= new Map(
    PROPOSALS.map((proposal) => [
      proposal,
      new Map(PLATFORMS.map((platform) => [platform, verify(proposal, platform)])),
    ]),
  );
  return known;
}

export function verdictOn(
  verdicts: Verdicts,
  proposal: Proposal,
  platform: Platform,
  { id }: PropertySpec,
): DesignVerdict {
  const found = verdicts
    .get(proposal)
    ?.get(platform)
    ?.verdicts.find(({ property }) => property.id === id);
  if (found === undefined) throw new Error(`no verdict on ${id} of ${proposal.id}`);
  return found;
}

const SIGNS = { holds: '✓', violated: '✗', 'not-expressible': '–' } as const;

function stepsOf({ trace }: DesignVerdict): string {
  if (trace === undefined) return '';
  const steps = trace.steps.map(({ label }, index) => `${index + 1}. ${label}`);
  return [...steps, ...loopLines(trace).map((line) => line.trim())].join('\n');
}

function anchorOf(property: PropertySpec, proposal: Proposal): string {
  return `${property.id}-in-${proposal.id}`.toLowerCase();
}

/** One sign where all platforms agree, otherwise one for each. */
function cell(verdicts: Verdicts, proposal: Proposal, property: PropertySpec): string {
  const found = PLATFORMS.map((platform) => verdictOn(verdicts, proposal, platform, property).verdict);
  const link = (sign: string): string =>
    found.includes('violated') && property.kind === 'state'
      ? `[${sign}](#${anchorOf(property, proposal)})`
      : sign;
  const claim = proposal.claims.includes(property.id) ? ' c' : '';
  const [first] = found;
  if (first !== undefined && found.every((verdict) => verdict === first))
    return `${link(SIGNS[first])}${claim}`;
  return `${link(found.map((verdict) => SIGNS[verdict]).join(' '))}${claim}`;
}

function propertyRows(verdicts: Verdicts): string[] {
  return PROPERTIES.map((property) => {
    const cells = PROPOSALS.map((proposal) => cell(verdicts, proposal, property));
    const words = [property.says, property.source, property.outcome].map(escaped);
    return `| ${property.id} | ${words[0]} | ${cells.join(' | ')} | ${words[2]} | ${words[1]} |`;
  });
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** The runs that violate one property: each with the platforms on which it is the shortest. */
function runsOf(verdicts: Verdicts, proposal: Proposal, property: PropertySpec): string[] {
  const runs = new Map<string, Platform[]>();
  for (const platform of PLATFORMS) {
    const verdict = verdictOn(verdicts, proposal, platform, property);
    if (verdict.trace === undefined) continue;
    const steps = stepsOf(verdict);
    runs.set(steps, [...(runs.get(steps) ?? []), platform]);
  }
  if (runs.size === 0) return [];
  return [
    `### ${property.id} in ${proposal.id}`,
    '',
    `${property.says}`,
    '',
    ...[...runs].flatMap(([steps, platforms]) => [
      `On ${platforms.join(', ')}:`,
      '',
      '```text',
      steps,
      '```',
      '',
    ]),
  ].map((line) => line.trimEnd());
}

/** Why something cannot be said: one line for each reason, with the properties and platforms that it is given for. */
function reasonsOf(verdicts: Verdicts, proposal: Proposal): string[] {
  const reasons = new Map<string, Map<string, Platform[]>>();
  for (const property of PROPERTIES) {
    for (const platform of PLATFORMS) {
      const { verdict, why } = verdictOn(verdicts, proposal, platform, property);
      if (verdict !== 'not-expressible' || why === undefined) continue;
      const reason = why.replace(`on ${platform} `, '');
      const where = reasons.get(reason) ?? new Map<string, Platform[]>();
      where.set(property.id, [...(where.get(property.id) ?? []), platform]);
      reasons.set(reason, where);
    }
  }
  return [
    `### What ${proposal.id} cannot say`,
    '',
    ...[...reasons].map(([reason, where]) => {
      const names = [...where].map(([id, platforms]) =>
        platforms.length === PLATFORMS.length ? id : `${id} (${platforms.join(', ')})`,
      );
      return `* ${escaped(reason)}: ${names.join(', ')}`;
    }),
    '',
  ];
}

function sizeRows(verdicts: Verdicts): string[] {
  return PROPOSALS.flatMap((proposal) =>
    PLATFORMS.map((platform) => {
      const found = verdicts.get(proposal)?.get(platform);
      const { states = 0, transitions = 0, depth = 0, searches = [] } = found ?? {};
      return `| ${proposal.id} | ${platform} | ${searches.length} | ${states} | ${transitions} | ${depth} |`;
    }),
  );
}

/** The whole page. */
export function proposalsDocument(verdicts: Verdicts): string {
  const lines = [
    '# Design proposals: which properties hold',
    '',
    'Written by a test from exhaustive searches; change the proposals or the properties, not this file. To see a verdict with all',
    'that changes at each step, run `ioasis verify PROPOSAL --platform PLATFORM --property ID`.',
    '',
    '✓ holds in every state that can be reached; ✗ is violated, with a shortest run below; – cannot be expressed, with the reason below.',
    'Three signs stand for Intel, Arm and AMD. A `c` marks what the text of the proposal claims.',
    '',
    '| proposal | posted | what it is | source |',
    '|---|---|---|---|',
    ...PROPOSALS.map(({ id, date, title, source }) => `| ${id} | ${date} | ${title} | ${escaped(source)} |`),
    '',
    '## Properties',
    '',
    `| | property | ${PROPOSALS.map(({ id }) => id).join(' | ')} | in mainline | source |`,
    `|---|---|${PROPOSALS.map(() => ':-:|').join('')}---|---|`,
    ...propertyRows(verdicts),
    '',
    '## What cannot be expressed',
    '',
    ...PROPOSALS.flatMap((proposal) => reasonsOf(verdicts, proposal)),
    '## Counterexamples',
    '',
    'Each step is the command, the neutral word for it, and its arguments.',
    '',
    ...PROPOSALS.flatMap((proposal) =>
      PROPERTIES.flatMap((property) => runsOf(verdicts, proposal, property)),
    ),
    '## How much was searched',
    '',
    '| proposal | platform | worlds | states up to renaming | transitions | depth |',
    '|---|---|--:|--:|--:|--:|',
    ...sizeRows(verdicts),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}
