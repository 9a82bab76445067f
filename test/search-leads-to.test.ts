import { describe, expect, it } from 'vitest';
import { declareState, type Fairness, type Model, type Property } from '../explore/model.ts';
import { interchangeable, oneOf, range } from '../explore/model-fields.ts';
import { faultOf } from '../explore/replay-steps.ts';
import { search } from '../explore/search.ts';

const state = declareState(
  'faults.ts',
  { fault: interchangeable(2) },
  { fault: oneOf('none', 'pending', 'answered').per('fault'), clock: range(0, 1) },
);

const promises = {
  each: state.leadsTo(
    'each is answered',
    { fault: 'fault' },
    {
      from: (now, { fault }) => now.fault.get(fault) === 'pending',
      to: (now, { fault }) => now.fault.get(fault) === 'answered',
    },
  ),
  some: state.leadsTo(
    'some are answered',
    {},
    {
      from: (now) => now.fault.includes('pending'),
      to: (now) => now.fault.includes('answered'),
    },
  ),
} satisfies Record<string, Property>;

/** Faults are raised, answered and forgotten, while a clock ticks. */
function faults(answer: Fairness, properties: readonly Property[]): Model {
  return state.model({
    name: 'faults',
    commands: [
      state.command('tick', {}, { guard: () => true, effect: (now) => now.clock.set(1 - now.clock.get()) }),
      state.command(
        'raise',
        { fault: 'fault' },
        {
          guard: (now, { fault }) => now.fault.get(fault) === 'none',
          effect: (now, { fault }) => now.fault.set(fault, 'pending'),
        },
      ),
      state.command(
        'answer',
        { fault: 'fault' },
        {
          fair: answer,
          guard: (now, { fault }) => now.fault.get(fault) === 'pending',
          effect: (now, { fault }) => now.fault.set(fault, 'answered'),
        },
      ),
      state.command(
        'forget',
        { fault: 'fault' },
        {
          guard: (now, { fault }) => now.fault.get(fault) === 'answered',
          effect: (now, { fault }) => now.fault.set(fault, 'none'),
        },
      ),
    ],
    properties,
  });
}

describe('a leads-to property', () => {
  const verdicts: readonly (readonly [string, Fairness, Property, string, string[], number | undefined])[] = [
    [
      'fails without fairness, for nothing more need happen',
      'none',
      promises.some,
      'violated',
      ['raise(fault0)'],
      1,
    ],
    ['holds where some answer is fair', 'command', promises.some, 'holds', [], undefined],
    [
      'fails for each where another may always be answered instead',
      'command',
      promises.each,
      'violated',
      ['raise(fault0)', 'raise(fault1)', 'answer(fault1)', 'forget(fault1)'],
      1,
    ],
    ['holds for each where each answer is fair', 'instance', promises.each, 'holds', [], undefined],
  ];

  it.each(verdicts)('%s', (_, fair, property, verdict, labels, loop) => {
    const model = faults(fair, [property]);
    const [found] = search(model).verdicts;
    expect(found?.verdict).toBe(verdict);
    expect(found?.trace?.steps.map(({ label }) => label) ?? []).toEqual(labels);
    expect(found?.trace?.loop).toBe(loop);
    expect(found?.trace && faultOf(model, found.trace)).toBeUndefined();
  });

  it('tells members apart only where it speaks of one, or fairness does', () => {
    expect(search(faults('command', [promises.some])).symmetry).toBe(true);
    expect(search(faults('command', [promises.each])).symmetry).toBe(false);
    expect(search(faults('instance', [promises.some])).symmetry).toBe(false);
  });

  it('is undecided where a bound hides what follows', () => {
    const [found] = search(faults('command', [promises.some]), { depth: 1 }).verdicts;
    expect(found?.verdict).toBe('undecided');
  });
});

describe('the replay of a trace', () => {
  const model = faults('none', [promises.some]);
  const trace = search(model).verdicts[0]?.trace;
  if (trace === undefined) throw new Error('expected a trace');
  const [start, raised] = trace.states;
  const [raise] = trace.steps;
  if (start === undefined || raised === undefined || raise === undefined)
    throw new Error('expected one step');

  it('takes the trace as it is', () => {
    expect(faultOf(model, trace)).toBeUndefined();
  });

  it('refuses a step that is not accepted', () => {
    const answer = { ...raise, label: 'answer(fault0)' };
    expect(faultOf(model, { ...trace, steps: [answer] })).toBe('step 0, answer(fault0), is not accepted');
  });

  it('refuses a state that the step does not lead to', () => {
    expect(faultOf(model, { ...trace, states: [start, start] })).toMatch(
      /^state 1 is fault=\{fault0: pending/,
    );
  });

  it('refuses a cycle that does not close, or passes a fair command over', () => {
    expect(faultOf(model, { ...trace, loop: 0 })).toBe('the last state is not state 0');
    expect(faultOf(model, { ...trace, loop: undefined })).toBe('the trace has no cycle');
    expect(faultOf(faults('command', [promises.some]), trace)).toBe(
      'answer(fault0) stays enabled and is never taken',
    );
  });

  it('refuses a promise that was kept, and a property that is not there', () => {
    expect(faultOf(model, { ...trace, steps: [], states: [start] })).toBe('nothing is promised in any state');
    expect(faultOf(model, { ...trace, property: 'other' })).toBe('there is no property other');
  });
});
