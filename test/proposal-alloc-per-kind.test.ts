import { describe, expect, it } from 'vitest';
import {
  disputes,
  isLegal,
  KINDS,
  type Kind,
  MATRIX,
  OPERATIONS,
} from '../proposals/alloc-per-kind/matrix.ts';
import { allocPerKind } from '../proposals/alloc-per-kind/proposal.ts';
import type { PropertyId } from '../proposals/property.ts';
import { PLATFORMS } from '../proposals/setup.ts';
import type { Verb } from '../proposals/verb.ts';
import { broken, refusing, stageOf, verdictsOn, withoutEvents } from './support/proposals.ts';

const ours: readonly PropertyId[] = [
  ...Array.from(
    { length: 18 },
    (_, index): PropertyId => `P${String(index + 2).padStart(2, '0')}` as PropertyId,
  ),
  'P58',
];

/** How S3 makes space 0 of each kind that it has a call for; of the world `kinds`, where device 1 has no PRI. */
const MAKING: Partial<Record<Kind, readonly (readonly [Verb, ...number[]])[]>> = {
  kernel: [['alloc', 0, 0]],
  mm: [['alloc-mm', 0, 0]],
  kvm: [['alloc-kvm', 0, 0]],
  user: [
    ['alloc', 1, 0],
    ['alloc-user', 0, 1],
  ],
};

function stageWith(kind: Kind) {
  const stage = stageOf(allocPerKind, 'intel', 'kinds');
  for (const [verb, ...args] of MAKING[kind] ?? []) stage.say(verb, ...args);
  return stage;
}

const made = KINDS.filter((kind) => MAKING[kind] !== undefined);

describe('one call for each kind', () => {
  it.each(PLATFORMS)('has the answers of the mails on %s', (platform) => {
    expect(verdictsOn(allocPerKind, platform, ours)).toEqual({
      P02: 'holds',
      P03: 'holds',
      P04: 'holds',
      P05: 'holds',
      P06: 'holds',
      P07: 'holds',
      P08: 'holds',
      P09: 'violated in 3',
      P10: 'violated in 1',
      P11: 'holds',
      P12: 'holds',
      P13: 'holds',
      P14: 'holds',
      P15: 'not-expressible',
      P16: 'holds',
      P17: 'holds',
      P18: 'holds',
      P19: 'violated in 2',
      P58: 'holds',
    });
  });

  it.each([
    ['P02', 'map', 'kind-operation'],
    ['P03', 'invalidate', 'kind-operation'],
    ['P18', 'respond', 'fault-pending'],
  ] as const)('without the rule that %s needs, %s is found to be accepted', (id, verb, rule) => {
    const mutant = broken(allocPerKind, verb, refusing(`alloc-per-kind/${rule}`, []));
    expect(verdictsOn(mutant, 'intel', [id])[id]).toMatch(/^violated/);
  });

  it('notices a device without PRI on a process’s page table, and on a table of the user over it', () => {
    const mutant = broken(allocPerKind, 'attach', refusing('alloc-per-kind/attach-faultable', []));
    expect(verdictsOn(mutant, 'intel', ['P06'])).toEqual({ P06: 'violated in 1' });
  });

  it('notices a report that goes nowhere', () => {
    const mutant = broken(allocPerKind, 'report-fault', () => ({
      rule: 'test',
      errno: undefined,
      says: 'never',
      source: 'test',
    }));
    expect(verdictsOn(mutant, 'intel', ['P05'])).toEqual({ P05: expect.stringMatching(/^violated/) });
  });

  it.each([
    ['P12', 'unmap', 'TranslationsDropped'],
    ['P13', 'invalidate', 'TranslationsDropped'],
  ] as const)('%s notices that %s leaves out %s', (id, verb, type) => {
    const mutant = broken(allocPerKind, verb, withoutEvents(type));
    expect(verdictsOn(mutant, 'intel', [id])[id]).toMatch(/^violated/);
  });
});

describe('the table of kinds and operations', () => {
  it('has a source for every cell', () => {
    for (const operation of OPERATIONS)
      for (const kind of KINDS) expect(MATRIX[operation][kind].source, `${operation} ${kind}`).not.toBe('');
  });

  it('knows where the mails differ', () => {
    expect(disputes().map(({ operation, kind }) => `${operation} ${kind}`)).toEqual([
      'invalidate shadow',
      'attach-pasid table',
      'parent user',
    ]);
  });

  it.each(made)('is what the commands do on %s', (kind) => {
    const { accepts } = stageWith(kind);
    const found = {
      map: accepts('map', 0, 0),
      invalidate: accepts('invalidate', 0),
      attach: accepts('attach', 0, 0),
      'attach without PRI': accepts('attach', 1, 0),
      'attach-pasid': accepts('attach-pasid', 0, 0, 0),
      'attach-pasid without PRI': accepts('attach-pasid', 1, 0, 0),
      destroy: accepts('destroy', 0),
    };
    expect(found).toEqual({
      map: isLegal('map', kind, true),
      invalidate: isLegal('invalidate', kind, true),
      attach: isLegal('attach', kind, true),
      'attach without PRI': isLegal('attach', kind, false),
      'attach-pasid': isLegal('attach-pasid', kind, true),
      'attach-pasid without PRI': isLegal('attach-pasid', kind, false),
      destroy: isLegal('destroy', kind, true),
    });
  });

  it.each(made.filter((kind) => kind !== 'user'))('lets %s be a parent', (kind) => {
    expect(stageWith(kind).accepts('alloc-user', 1, 0)).toBe(isLegal('parent', kind, true));
  });

  it.each(made)('sends page faults on %s to its provider', (kind) => {
    const { accepts, say } = stageWith(kind);
    say('attach', 0, 0);
    const isTaken = accepts('fault', 0);
    expect(isTaken).toBe(kind !== 'kernel');
    if (!isTaken) return;
    say('fault', 0);
    expect(accepts('report-fault', 0, 0)).toBe(isLegal('report-fault', kind, true));
    expect(accepts('kernel-resolves', 0)).toBe(!isLegal('report-fault', kind, true));
  });
});
