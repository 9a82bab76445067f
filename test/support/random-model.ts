/** Small random models: interchangeable things, fields of every kind, commands and properties made of a few phrases. */
import * as fc from 'fast-check';
import { type Command, declareState, type Fairness, type Model, type Property } from '../../explore/model.ts';
import {
  flag,
  interchangeable,
  oneOf,
  range,
  reference,
  type Scalar,
  setOf,
} from '../../explore/model-fields.ts';

const MODES = ['idle', 'busy', 'gone'] as const;
type Mode = (typeof MODES)[number];

/** What may be asked about one `x`, one `y`, both, or neither. */
type Atom =
  | { is: 'up'; yes: boolean }
  | { is: 'linked'; to: 'y' | 'nothing' }
  | { is: 'mode'; mode: Mode }
  | { is: 'marked'; yes: boolean }
  | { is: 'level'; below: number }
  | { is: 'busy'; yes: boolean };

type Change =
  | { set: 'up'; yes: boolean }
  | { set: 'link'; to: 'y' | 'nothing' }
  | { set: 'mode'; mode: Mode }
  | { set: 'mark'; yes: boolean }
  | { set: 'level'; up: boolean }
  | { set: 'busy'; yes: boolean };

type Claimed = { kind: 'always' | 'sometimes'; every: boolean; atoms: Atom[]; end: Atom[]; leads: boolean };

type Done = Readonly<{ guard: readonly Atom[]; changes: readonly Change[]; fair: boolean }>;

export type Description = Readonly<{
  xs: number;
  ys: number;
  /** Commands that make room to move in, and others. */
  usual: readonly Done[];
  commands: readonly Done[];
  properties: readonly Claimed[];
}>;

const yes = fc.boolean();
const to = fc.constantFrom<'y' | 'nothing'>('y', 'nothing');
const mode = fc.constantFrom(...MODES);
const atom: fc.Arbitrary<Atom> = fc.oneof(
  fc.record({ is: fc.constant('up' as const), yes }),
  fc.record({ is: fc.constant('linked' as const), to }),
  fc.record({ is: fc.constant('mode' as const), mode }),
  fc.record({ is: fc.constant('marked' as const), yes }),
  fc.record({ is: fc.constant('level' as const), below: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ is: fc.constant('busy' as const), yes }),
);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ set: fc.constant('up' as const), yes }),
  fc.record({ set: fc.constant('link' as const), to }),
  fc.record({ set: fc.constant('mode' as const), mode }),
  fc.record({ set: fc.constant('mark' as const), yes }),
  fc.record({ set: fc.constant('level' as const), up: yes }),
  fc.record({ set: fc.constant('busy' as const), yes }),
);

const USUAL: readonly Done[] = [
  { guard: [{ is: 'up', yes: false }], changes: [{ set: 'up', yes: true }], fair: false },
  { guard: [{ is: 'up', yes: true }], changes: [{ set: 'up', yes: false }], fair: true },
  {
    guard: [
      { is: 'up', yes: true },
      { is: 'linked', to: 'nothing' },
    ],
    changes: [{ set: 'link', to: 'y' }],
    fair: false,
  },
  { guard: [{ is: 'linked', to: 'y' }], changes: [{ set: 'link', to: 'nothing' }], fair: true },
  { guard: [{ is: 'up', yes: true }], changes: [{ set: 'mark', yes: true }], fair: false },
  { guard: [{ is: 'mode', mode: 'idle' }], changes: [{ set: 'mode', mode: 'busy' }], fair: false },
];

export const description: fc.Arbitrary<Description> = fc.record({
  xs: fc.integer({ min: 1, max: 3 }),
  ys: fc.integer({ min: 1, max: 3 }),
  usual: fc.subarray([...USUAL]),
  commands: fc.array(
    fc.record({
      guard: fc.array(atom, { maxLength: 2 }),
      changes: fc.array(change, { minLength: 1, maxLength: 2 }),
      fair: yes,
    }),
    { minLength: 1, maxLength: 4 },
  ),
  properties: fc.array(
    fc.record({
      kind: fc.constantFrom<'always' | 'sometimes'>('always', 'sometimes'),
      every: yes,
      atoms: fc.array(atom, { minLength: 1, maxLength: 2 }),
      end: fc.array(atom, { minLength: 1, maxLength: 2 }),
      leads: yes,
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

/** The model that a description describes. `fair`: what fairness its fair commands have. */
export function modelOf(
  { xs, ys, usual, commands, properties }: Description,
  fair: Fairness = 'command',
): Model {
  const state = declareState(
    'random-model.ts',
    { x: interchangeable(xs), y: interchangeable(ys) },
    {
      busy: flag(),
      level: range(-1, 1),
      up: setOf('x'),
      link: reference('y').per('x'),
      mode: oneOf(...MODES).per('y'),
      marked: setOf('y').per('x'),
    },
  );
  type Now = Parameters<Parameters<typeof state.always>[1]>[0];
  const is = (now: Now, asked: Atom, x: number, y: number): boolean => {
    if (asked.is === 'up') return now.up.has(x) === asked.yes;
    if (asked.is === 'linked') return now.link.get(x) === (asked.to === 'y' ? y : undefined);
    if (asked.is === 'mode') return now.mode.get(y) === asked.mode;
    if (asked.is === 'marked') return now.marked.has(x, y) === asked.yes;
    return asked.is === 'level' ? now.level.get() < asked.below - 1 : now.busy.get() === asked.yes;
  };
  const holds = (now: Now, atoms: readonly Atom[], every: boolean): boolean => {
    const pairs = state.members('x').flatMap((x) => state.members('y').map((y) => [x, y] as const));
    const meets = ([x, y]: readonly [number, number]): boolean =>
      atoms.every((asked) => is(now, asked, x, y));
    return every ? pairs.every(meets) : pairs.some(meets);
  };
  const done = [...usual, ...commands].map(
    ({ guard, changes, fair: isFair }, number): Command =>
      state.command(
        `command${number}`,
        { x: 'x', y: 'y' },
        {
          fair: isFair ? fair : 'none',
          lane: 'x',
          guard: (now, { x, y }) => guard.every((asked) => is(now, asked, x, y)),
          effect: (now, { x, y }) => {
            for (const wanted of changes) {
              if (wanted.set === 'up') now.up[wanted.yes ? 'add' : 'delete'](x);
              else if (wanted.set === 'link') now.link.set(x, wanted.to === 'y' ? y : undefined);
              else if (wanted.set === 'mode') now.mode.set(y, wanted.mode);
              else if (wanted.set === 'mark') now.marked[wanted.yes ? 'add' : 'delete'](x, y);
              else if (wanted.set === 'level') shift(now.level, wanted.up);
              else now.busy.set(wanted.yes);
            }
          },
        },
      ),
  );
  const claimed = properties.map(({ kind, every, atoms, end, leads }, number): Property => {
    const asked = (now: Now): boolean => holds(now, atoms, every);
    if (!leads) return state[kind](`property${number}`, asked);
    const comes = (now: Now): boolean => holds(now, end, !every);
    return state.leadsTo(`property${number}`, {}, { from: asked, to: comes });
  });
  return state.model({ name: 'random', commands: done, properties: claimed });
}

function shift(level: Scalar<number>, up: boolean): void {
  level.set(up ? Math.min(1, level.get() + 1) : -1);
}
