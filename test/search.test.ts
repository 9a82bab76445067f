import { describe, expect, it } from 'vitest';
import { smallModel } from '../bench/search-model.ts';
import { type Command, declareState, type Model, type Property } from '../explore/model.ts';
import { ModelError } from '../explore/model-error.ts';
import {
  distinct,
  flag,
  interchangeable,
  oneOf,
  range,
  reference,
  type Scalar,
  setOf,
} from '../explore/model-fields.ts';
import { faultOf } from '../explore/replay-steps.ts';
import { openSearch, search } from '../explore/search.ts';
import { refuseDeadCommands } from '../explore/search-result.ts';

const state = declareState(
  'lamps.ts',
  { lamp: interchangeable(3), room: distinct(['hall', 'attic']) },
  {
    lit: setOf('lamp'),
    in: reference('room').per('lamp'),
    worn: range(0, 2).per('lamp'),
    mood: oneOf('calm', 'cross'),
    fused: flag(),
  },
);

const light = state.command(
  'light',
  { lamp: 'lamp' },
  {
    guard: (now, { lamp }) => !now.lit.has(lamp) && now.worn.get(lamp) < 2,
    effect: (now, { lamp }) => {
      now.lit.add(lamp);
      now.worn.set(lamp, now.worn.get(lamp) + 1);
    },
  },
);
const dim = state.command(
  'dim',
  { lamp: 'lamp' },
  {
    fair: 'command',
    guard: (now, { lamp }) => now.lit.has(lamp),
    effect: (now, { lamp }) => now.lit.delete(lamp),
  },
);
const carry = state.command(
  'carry',
  { lamp: 'lamp', room: 'room' },
  {
    guard: (now, { lamp, room }) => now.in.get(lamp) !== room,
    effect: (now, { lamp, room }) => now.in.set(lamp, room),
  },
);
const vex = state.command(
  'vex',
  { how: ['calm', 'cross'] },
  {
    guard: (now, { how }) => now.mood.get() !== how,
    effect: (now, { how }) => now.mood.set(how),
  },
);

function lamps(commands: readonly Command[], properties: readonly Property[] = []): Model {
  return state.model({ name: 'lamps', commands, properties });
}

const ALL = [light, dim, carry, vex];
const FEW_LIT = state.always('few lit', (now) => now.lit.size() < 2, 'a mail');
const ALL_WORN = state.sometimes('all worn', (now) =>
  state.members('lamp').every((lamp) => now.worn.get(lamp) === 2),
);
const BLOWN = state.sometimes('fused', (now) => now.fused.get());

describe('search', () => {
  it('gives a shortest run that violates a property, with the states on the way', () => {
    const model = lamps(ALL, [FEW_LIT]);
    const [verdict] = search(model, { symmetry: false }).verdicts;
    expect(verdict).toMatchObject({ property: 'few lit', verdict: 'violated', source: 'a mail' });
    expect(verdict?.trace?.steps.map(({ label }) => label)).toEqual(['light(lamp0)', 'light(lamp1)']);
    expect(verdict?.trace?.states.at(-1)).toEqual({
      lit: { set: ['lamp0', 'lamp1'] },
      in: {
        map: [
          ['lamp0', 'none'],
          ['lamp1', 'none'],
          ['lamp2', 'none'],
        ],
      },
      worn: {
        map: [
          ['lamp0', 1],
          ['lamp1', 1],
          ['lamp2', 0],
        ],
      },
      mood: 'calm',
      fused: false,
    });
  });

  it('finds a run of the same length up to renaming, in steps that can be taken', () => {
    const model = lamps([light, dim, vex], [ALL_WORN]);
    const [plain, reduced] = [search(model, { symmetry: false }), search(model)];
    expect(reduced.states).toBeLessThan(plain.states / 3);
    expect(reduced.verdicts[0]?.trace?.steps).toHaveLength(9);
    expect(plain.verdicts[0]?.trace?.steps).toHaveLength(9);
    for (const { verdicts } of [plain, reduced]) {
      expect(verdicts.map(({ trace }) => trace && faultOf(model, trace))).toEqual([undefined]);
    }
  });

  it('says violated of what is never reached, and undecided where a bound leaves it open', () => {
    const model = lamps(ALL, [BLOWN, FEW_LIT, ALL_WORN]);
    expect(search(model).verdicts.map(({ verdict }) => verdict)).toEqual(['violated', 'violated', 'holds']);
    const bounded = search(model, { depth: 1 });
    expect(bounded.verdicts.map(({ verdict }) => verdict)).toEqual(['undecided', 'undecided', 'undecided']);
    expect(bounded).toMatchObject({ complete: false, stop: 'depth', depth: 1 });
  });

  it('keeps bounds of depth, states and memory', () => {
    const model = smallModel();
    const levels = [0, 1, 2, 3].map((depth) => search(model, { depth, symmetry: false }).states);
    expect(levels).toEqual([1, 4, 28, 134]);
    const some = search(model, { states: 1000, symmetry: false });
    expect([some.stop, some.complete]).toEqual(['states', false]);
    expect(some.states).toBeGreaterThanOrEqual(1000);
    expect(some.states).toBeLessThan(1100);
    const small = search(model, { memory: 300_000, symmetry: false });
    expect([small.stop, small.complete]).toEqual(['memory', false]);
    expect(small.bytes).toBeLessThanOrEqual(300_000);
  });

  it('finds states that accept nothing, and a shortest way there', () => {
    const model = lamps([light]);
    const { stuck } = search(model);
    expect(stuck.states).toBe(1);
    expect(stuck.trace?.steps.map(({ label }) => label)).toEqual([
      'light(lamp0)',
      'light(lamp1)',
      'light(lamp2)',
    ]);
    expect(stuck.trace && faultOf(model, stuck.trace)).toBeUndefined();
  });

  it('tells how far it is, and ends where it is told to', () => {
    const seen: number[] = [];
    const result = search(smallModel(), { symmetry: false }, (running) => {
      seen.push(running.progress().states);
      return seen.length < 3;
    });
    expect(result).toMatchObject({ stop: 'asked', complete: false });
    expect(seen).toHaveLength(3);
    expect([...seen].sort((one, other) => one - other)).toEqual(seen);
  });

  it('checks only the properties asked for', () => {
    const model = lamps(ALL, [BLOWN, FEW_LIT]);
    expect(search(model, { properties: ['few lit'] }).verdicts).toHaveLength(1);
    expect(() => search(model, { properties: ['bright'] })).toThrow(
      'lamps.ts: property bright: MDL001-declaration: expected one of fused, few lit',
    );
  });

  it('meets the same states by their hashes', () => {
    const wide = smallModel({ spaces: 3, slots: 30, devices: 2 });
    const bounds = { depth: 4, symmetry: false };
    const [exact, hashed] = [search(wide, bounds), search(wide, { ...bounds, compaction: true })];
    expect([hashed.states, hashed.transitions, hashed.depth]).toEqual([
      exact.states,
      exact.transitions,
      exact.depth,
    ]);
    expect([exact.compaction, hashed.compaction, exact.omission]).toEqual([false, true, 0]);
    expect(hashed.omission).toBeGreaterThan(0);
    expect(hashed.omission).toBeLessThan(1e-9);
    expect(search(wide, { depth: 4, compaction: true }).states).toBe(search(wide, { depth: 4 }).states);
  });

  it('goes on from a checkpoint of hashed states, bounded otherwise', () => {
    const wide = smallModel({ spaces: 3, slots: 30, devices: 2 });
    const whole = search(wide, { depth: 5, compaction: true });
    const part = openSearch(wide, { depth: 3, compaction: true });
    while (part.advance(10) === undefined);
    const rest = openSearch(wide, { depth: 5, compaction: true, resume: part.checkpoint() });
    while (rest.advance(1000) === undefined);
    expect({ ...rest.result(), bytes: 0 }).toEqual({ ...whole, bytes: 0 });
  });
});

describe('a model that cannot be searched', () => {
  const wrongs: readonly (readonly [string, Model | (() => Model), string])[] = [
    [
      'a guard that throws',
      lamps([...ALL, state.command('smash', { lamp: 'lamp' }, { guard: failing, effect: () => undefined })]),
      'lamps.ts: guard of smash(lamp0), in the initial state: MDL004-threw: threw TypeError: no hammer',
    ],
    [
      'an effect that throws, after steps',
      lamps([light, state.command('smash', {}, { guard: (now) => now.lit.size() === 2, effect: failing })]),
      'lamps.ts: effect of smash(), 2 steps in (up to renaming): light(lamp0), light(lamp1): MDL004-threw: threw TypeError: no hammer',
    ],
    [
      'a value outside of its bounds',
      lamps([
        state.command(
          'wear',
          { lamp: 'lamp' },
          {
            guard: () => true,
            effect: (now, { lamp }) => now.worn.set(lamp, now.worn.get(lamp) + 1),
          },
        ),
      ]),
      'lamps.ts: effect of wear(lamp0), 2 steps in (up to renaming): wear(lamp0), wear(lamp0): MDL003-out-of-bounds: writes 3 to worn, which is declared as 0..2',
    ],
    [
      'a property that reads a missing field',
      lamps(ALL, [state.always('dry', (now) => Reflect.get(now, 'damp'))]),
      'lamps.ts: property dry in the initial state: MDL002-missing-field: reads field damp; the state has lit, in, worn, mood, fused',
    ],
    [
      'an index of no member',
      lamps([state.command('drop', {}, { guard: (now) => now.lit.has(3), effect: () => undefined })]),
      'lamps.ts: guard of drop(), in the initial state: MDL002-missing-field: expected a lamp 0..2 as index of lit, found 3',
    ],
    [
      'a guard that writes',
      lamps([state.command('peek', {}, { guard: writing, effect: () => undefined })]),
      'lamps.ts: guard of peek(): MDL006-writes-while-asked: changes the state; only effects may',
    ],
    [
      'an effect that is not always the same',
      lamps([
        state.command('roll', {}, { guard: () => true, effect: (now) => now.worn.set(0, turns++ % 3) }),
      ]),
      'lamps.ts: effect of roll(): MDL010-not-deterministic: leaves different states behind one state',
    ],
    [
      'a command that tells interchangeable members apart',
      lamps([
        state.command('first', {}, { guard: (now) => !now.lit.has(0), effect: (now) => now.lit.add(0) }),
      ]),
      'lamps.ts: command first(): MDL007-not-symmetric: does something else when lamp0 and lamp1 change places; they are declared as interchangeable',
    ],
    [
      'a property that tells interchangeable members apart',
      lamps(ALL, [state.sometimes('lamp1 lit', (now) => now.lit.has(1))]),
      'lamps.ts: property lamp1 lit: MDL007-not-symmetric: answers otherwise when lamp0 and lamp1 change places',
    ],
    [
      'a parameter over a sort that is not declared',
      lamps([state.command('water', { plant: 'plant' }, { guard: () => true, effect: () => undefined })]),
      'lamps.ts: command water, parameter plant: MDL001-declaration: expected a declared sort, found plant',
    ],
    [
      'two commands of one name',
      () => lamps([light, light]),
      'lamps.ts: command light: MDL001-declaration: is declared twice',
    ],
    [
      'an empty domain',
      () =>
        declareState('empty.ts', {}, { none: range(1, 0) }).model({
          name: 'empty',
          commands: [],
          properties: [],
        }),
      'empty.ts: field none: MDL001-declaration: expected 1 to 65536 different values, found 0',
    ],
    [
      'too many commands with arguments',
      lamps([
        state.command(
          'choose',
          { one: Array.from({ length: 300 }, (_, index) => index), other: numbers() },
          {
            guard: () => true,
            effect: () => undefined,
          },
        ),
      ]),
      'lamps.ts: model lamps: MDL009-too-large: has 90000 commands with arguments, expected at most 65536',
    ],
  ];

  it.each(wrongs)('says where: %s', (_, model, message) => {
    const attempt = (): unknown => search(typeof model === 'function' ? model() : model);
    expect(attempt).toThrow(ModelError);
    expect(attempt).toThrow(message);
  });

  it('names a guard that gives no answer', () => {
    const silent = state.command(
      'ask',
      {},
      { guard: (now) => Reflect.get(now.lit, 'answer'), effect: () => undefined },
    );
    expect(() => search(lamps([silent]))).toThrow(
      'guard of ask(), in the initial state: MDL005-not-boolean: answered undefined',
    );
  });

  it('names a command that no state accepts ever, once that is sure', () => {
    const never = state.command('never', {}, { guard: (now) => now.fused.get(), effect: () => undefined });
    const model = lamps([...ALL, never]);
    const whole = search(model);
    expect(whole.dead).toEqual(['never']);
    expect(() => refuseDeadCommands(model, whole)).toThrow(
      `lamps.ts: command never: MDL008-dead-command: none of ${whole.states} states accepts it`,
    );
    expect(() => refuseDeadCommands(model, search(model, { depth: 2 }))).not.toThrow();
  });
});

let turns = 0;

function writing(now: Readonly<{ fused: Scalar<boolean> }>): boolean {
  now.fused.set(true);
  return true;
}

function failing(): never {
  throw new TypeError('no hammer');
}

function numbers(): readonly number[] {
  return Array.from({ length: 300 }, (_, index) => index);
}
