/** Higher words, which scenarios use: what is meant is the same for every proposal, the commands that say it are not. */
import { type DeviceKind, type Ground, type Platform, traitsOf } from './setup.ts';
import { type Param, VERBS, type Verb } from './verb.ts';

/** A number that the kernel picks: the lowest that is accepted. */
export type Picked = 'any';
export type Spoken = number | Picked;

/** One word of verb.ts with its arguments in order. */
export type Saying = Readonly<{ verb: Verb; args: readonly Spoken[] }>;

/** Arguments for such parameters. */
export type SpokenArgs<P extends readonly Param[]> = {
  readonly [I in keyof P]: P[I] extends 'wire' ? Spoken : number;
};

export function say<V extends Verb>(verb: V, ...args: SpokenArgs<(typeof VERBS)[V]>): Saying {
  return { verb, args: [...args] };
}

/** Each higher word with its parameters. */
const PHRASES = {
  /** Open the device and bind it. */
  assign: ['device', 'context'],
  /** Bind a device that is open. */
  take: ['device', 'context'],
  /** A space that keeps mappings, for anything. */
  'make-space': ['space', 'context'],
  /** The same, so that the DMA of every device in it snoops, where that can be asked for. */
  'snooped-space': ['space', 'context'],
  /** A space that a device reaches without a PASID, and that maps a page. */
  'give-memory': ['space', 'context', 'device', 'page'],
  /** A space over another, whose table is the guest's. */
  'nest-table': ['space', 'parent'],
  /** The same, fit to be attached with a PASID, where that has to be said. */
  'nest-for-pasid': ['space', 'parent'],
  /** A space over another whose table is the guest's, and the device walks it. */
  'guest-table': ['space', 'parent', 'device'],
  /** A space over another that software merges with it. */
  'nest-shadow': ['space', 'parent'],
  /** The same, for the device. */
  'shadow-space': ['space', 'parent', 'device'],
  /** The PASID table of the device becomes the guest's, over this parent. */
  'guest-pasid-table': ['space', 'parent', 'device'],
  /** The device leaves a space that lies over another, and what lies below it. */
  'leave-nesting': ['device'],
  /** What has to come before the guest enables its first PASID. */
  'prepare-pasids': ['space', 'parent', 'device'],
  /** The guest enables a PASID with a table of its own, which needs a space where the host keeps the PASID table. */
  'enable-pasid': ['device', 'pasid', 'space', 'parent'],
  /** The guest maps a page where such a PASID leads: in its table, if the host knows that table. */
  'fill-table': ['space', 'page'],
  /** A space is what a device reaches with a PASID. */
  'route-pasid': ['device', 'space', 'pasid'],
  /** Memory is counted once from here on, where a proposal has a command for it. */
  'count-once': ['page'],
  /** The guest may submit with ENQCMD: the CPU translates its PASID, and the device takes submissions. */
  'let-enqcmd': ['device', 'pasid', 'space'],
  /** The CPU translates PASIDs from here on, where that is a command. */
  'translate-pasids': [],
  /** The submission that is under way arrives. */
  'submission-arrives': [],
} as const satisfies Readonly<Record<string, readonly Param[]>>;

export type Phrase = keyof typeof PHRASES;

/** What the way to say a phrase may depend on. */
export type Scene = Readonly<{
  platform: Platform;
  kindOf: (device: number) => DeviceKind;
  /** A guest may submit to it with ENQCMD. */
  submits: (device: number) => boolean;
}>;

export function sceneOf(ground: Ground): Scene {
  return {
    platform: ground.platform,
    kindOf: (device) => traitsOf(ground, device).kind,
    submits: (device) => traitsOf(ground, device).enqcmd,
  };
}

/** Numbers for the parameters of a phrase, in order. */
type Numbers<P extends readonly Param[]> = { readonly [I in keyof P]: number };
export type PhraseArgs<P extends Phrase> = Numbers<(typeof PHRASES)[P]>;

/** Sequences of words that say it, best first; a proposal says it with the first whose words it has. */
export type Ways<P extends Phrase> = (scene: Scene, ...args: PhraseArgs<P>) => readonly (readonly Saying[])[];

/** How a proposal says phrases; others are said in the usual way. */
export type Phrasing = Readonly<{ [P in Phrase]?: Ways<P> }>;

const bindings = ({ kindOf }: Scene, device: number, context: number): Saying[][] =>
  kindOf(device) === 'mdev' ? [[say('bind-mdev', device, context, 'any')]] : [[say('bind', device, context)]];

const plainSpaces = (space: number, context: number): Saying[] => [
  say('alloc', space, context),
  say('alloc-enforced', space, context),
];

const nestings = (space: number, parent: number): Saying[] => [
  say('alloc-user', space, parent),
  say('create-nesting', space, parent),
];

const pasidRoutes = ({ kindOf }: Scene, device: number, space: number, pasid: number): Saying[] =>
  kindOf(device) === 'mdev'
    ? [say('attach-vpasid', device, space, pasid, 'any')]
    : [say('attach-pasid', device, space, pasid)];

/** Spaces over a parent are made with their table, or get it once a device is attached to them. */
const tables = (space: number, parent: number, attach: Saying): Saying[][] => [
  [say('alloc-user', space, parent), attach],
  [say('create-nesting', space, parent), attach, say('bind-table', space)],
];

const pasidTables = (space: number, parent: number, device: number): Saying[][] => [
  [say('alloc-table', space, parent), say('attach', device, space)],
  [say('create-nesting', space, parent), say('attach', device, space), say('bind-pasid-table', space)],
];

/** The usual ways. */
export const USUAL: Readonly<{ [P in Phrase]: Ways<P> }> = {
  assign: (scene, device, context) =>
    bindings(scene, device, context).map((way) => [say('open-device', device), ...way]),
  take: bindings,
  'make-space': (_, space, context) => plainSpaces(space, context).map((alloc) => [alloc]),
  'snooped-space': (_, space, context) =>
    plainSpaces(space, context)
      .toReversed()
      .map((alloc) => [alloc]),
  'give-memory': (_, space, context, device, page) =>
    plainSpaces(space, context).map((alloc) => [
      alloc,
      say('attach', device, space),
      say('map', space, page),
    ]),
  'nest-table': (_, space, parent) => nestings(space, parent).map((nest) => [nest]),
  'nest-for-pasid': (_, space, parent) => nestings(space, parent).map((nest) => [nest]),
  'guest-table': (_, space, parent, device) => tables(space, parent, say('attach', device, space)),
  'nest-shadow': (_, space, parent) => [
    [say('alloc-shadow', space, parent)],
    [say('create-nesting', space, parent)],
  ],
  'shadow-space': (_, space, parent, device) => [
    [say('alloc-shadow', space, parent), say('attach', device, space)],
    [say('create-nesting', space, parent), say('attach', device, space)],
  ],
  'guest-pasid-table': (_, space, parent, device) => pasidTables(space, parent, device),
  'leave-nesting': (_, device) => [[say('detach', device)]],
  'prepare-pasids': ({ platform }, space, parent, device) =>
    platform === 'intel' ? [[]] : pasidTables(space, parent, device),
  'enable-pasid': (scene, device, pasid, space, parent) =>
    scene.platform === 'intel'
      ? pasidRoutes(scene, device, space, pasid).flatMap((attach) => tables(space, parent, attach))
      : [[say('guest-enables-pasid', device, pasid)]],
  'fill-table': ({ platform }, space, page) => [platform === 'intel' ? [say('guest-maps', space, page)] : []],
  'route-pasid': (scene, device, space, pasid) =>
    pasidRoutes(scene, device, space, pasid).map((attach) => [attach]),
  'count-once': (_, page) => [[say('register', page)], []],
  'let-enqcmd': (_, device, pasid, space) => [
    [say('enable-translation'), say('cpu-map', pasid, space, device), say('open-portal', device)],
    [say('cpu-map', pasid, space, device), say('open-portal', device)],
    [say('enable-translation'), say('cpu-map', pasid, space, device)],
    [say('cpu-map', pasid, space, device)],
  ],
  'translate-pasids': () => [[say('enable-translation')], []],
  'submission-arrives': () => [[{ verb: 'cpu-drains', args: ['any'] }]],
};

/** A word that a scenario may use: one of verb.ts, or a higher one. */
export type Word = Verb | Phrase;

function isPhrase(word: Word): word is Phrase {
  return Object.hasOwn(PHRASES, word);
}

export function paramsOf(word: Word): readonly Param[] {
  return isPhrase(word) ? PHRASES[word] : VERBS[word];
}

/** The ways to say a word with these arguments, best first. */
export function waysOf(
  phrasing: Phrasing | undefined,
  scene: Scene,
  word: Word,
  args: readonly Spoken[],
): readonly (readonly Saying[])[] {
  if (!isPhrase(word)) return [[{ verb: word, args }]];
  // A scenario gives each word as many numbers as its parameters: does(), fails() and tries() check that.
  const ways = (phrasing?.[word] ?? USUAL[word]) as (
    scene: Scene,
    ...args: readonly number[]
  ) => readonly (readonly Saying[])[];
  return ways(
    scene,
    ...args.map((arg) => {
      if (arg === 'any') throw new Error(`invariant: ${word} leaves no number to the kernel`);
      return arg;
    }),
  );
}
