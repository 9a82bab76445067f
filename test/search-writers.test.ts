import { describe, expect, it } from 'vitest';
import { toItf } from '../explore/itf.ts';
import { declareState, type Model } from '../explore/model.ts';
import { distinct, interchangeable, range, reference, setOf } from '../explore/model-fields.ts';
import { search } from '../explore/search.ts';
import type { Trace } from '../explore/search-trace.ts';
import { sequenceDiagram } from '../explore/sequence-diagram.ts';

const state = declareState(
  'post.ts',
  { letter: interchangeable(2), box: distinct(['north; east', 'south']) },
  { in: reference('box').per('letter'), seen: setOf('letter').per('box'), sent: range(0, 2) },
);

const model: Model = state.model({
  name: 'post office',
  commands: [
    state.command(
      'post',
      { letter: 'letter', box: 'box' },
      {
        lane: 'box',
        guard: (now, { letter }) => now.in.get(letter) === undefined,
        effect: (now, { letter, box }) => {
          now.in.set(letter, box);
          now.seen.add(box, letter);
          now.sent.set(now.sent.get() + 1);
        },
      },
    ),
    state.command('close', {}, { guard: (now) => now.sent.get() === 1, effect: () => undefined }),
  ],
  properties: [
    state.always('one at a time', (now) => now.sent.get() < 2),
    state.leadsTo(
      'all are sent',
      {},
      { from: (now) => now.sent.get() === 1, to: (now) => now.sent.get() === 2 },
    ),
  ],
});

function traceOf(property: string): Trace {
  const { verdicts } = search(model, { properties: [property] });
  const trace = verdicts[0]?.trace;
  if (trace === undefined) throw new Error(`expected a trace of ${property}`);
  return trace;
}

describe('a trace as ITF', () => {
  it('writes numbers, sets, maps and what was taken', () => {
    const { states, ...rest } = toItf(model, traceOf('one at a time'));
    expect(rest).toEqual({
      '#meta': {
        format: 'ITF',
        'format-description': 'https://apalache-mc.org/docs/adr/015adr-trace.html',
        source: 'post.ts',
        description: 'post office: one at a time',
      },
      vars: ['in', 'seen', 'sent', 'mbt::actionTaken', 'mbt::nondetPicks'],
    });
    expect(states).toHaveLength(3);
    expect(states[1]).toEqual({
      '#meta': { index: 1 },
      in: {
        '#map': [
          ['letter0', 'north; east'],
          ['letter1', 'none'],
        ],
      },
      seen: {
        '#map': [
          ['north; east', { '#set': ['letter0'] }],
          ['south', { '#set': [] }],
        ],
      },
      sent: { '#bigint': '1' },
      'mbt::actionTaken': 'post',
      'mbt::nondetPicks': {
        letter: { tag: 'Some', value: 'letter0' },
        box: { tag: 'Some', value: 'north; east' },
      },
    });
  });

  it('says where a run goes on for ever', () => {
    expect(toItf(model, traceOf('all are sent')).loop).toBe(1);
  });
});

describe('a trace as a sequence diagram', () => {
  it('shows who is asked and what changes, with the signs of Mermaid escaped', () => {
    expect(sequenceDiagram(traceOf('one at a time'), 'violates "one at a time" <P01>')).toBe(`sequenceDiagram
  actor user
  participant p_north__east as north#59; east
  user->>p_north__east: post letter=letter0
  Note right of p_north__east: in letter0: none → north#59; east<br/>seen north#59; east: {} → {letter0}<br/>sent: 0 → 1
  user->>p_north__east: post letter=letter1
  Note right of p_north__east: in letter1: none → north#59; east<br/>seen north#59; east: {letter0} → {letter0, letter1}<br/>sent: 1 → 2
  Note over user,p_north__east: violates "one at a time" #60;P01#62;
`);
  });

  it('draws what goes on for ever as a loop, and says where nothing more happens', () => {
    const trace = traceOf('all are sent');
    const [first, second] = trace.states;
    if (first === undefined || second === undefined) throw new Error('expected two states');
    expect(sequenceDiagram(trace, 'never sent')).toContain('  Note over user: nothing more happens\n');
    const [step] = trace.steps;
    if (step === undefined) throw new Error('expected a step');
    const close = { command: 'close', args: {}, label: 'close()', lane: 'post office' };
    const looping = { ...trace, steps: [step, close], states: [first, second, second], loop: 1 };
    expect(sequenceDiagram(looping, 'never sent').split('\n').slice(5)).toEqual([
      expect.stringContaining('Note right of p_north__east'),
      '  loop for ever',
      '  user->>p_post_office: close',
      '  end',
      '  Note over user,p_post_office: never sent',
      '',
    ]);
  });
});
