/** A scenario: what happens, in words that belong to no proposal, and what whoever tells it hopes for. */
import { type Phrase, type PhraseArgs, paramsOf, type Spoken, type SpokenArgs, type Word } from './phrase.ts';
import type { DeviceTraits, Ground, Platform, Setup } from './setup.ts';
import { groundOf } from './setup.ts';
import type { Param, VERBS, Verb } from './verb.ts';

/** Something is said. `wish` is undefined where this is the question that the scenario asks. */
export type SaidStep = Readonly<{
  word: Word;
  args: readonly Spoken[];
  wish: 'accepted' | 'refused' | undefined;
}>;

/** What can be asked of the state that the steps lead to. */
export type Question =
  /** Where DMA of a device ends; `pasid` is the number as its user says it. */
  | Readonly<{ asks: 'dma'; device: number; pasid: number | undefined; page: number }>
  /** What is told of the PASIDs of a device. */
  | Readonly<{ asks: 'told'; device: number }>
  /** The number that a PASID of a device has on the bus. */
  | Readonly<{ asks: 'bus'; device: number; pasid: number }>
  /** How often a page counts against the limit of the user. */
  | Readonly<{ asks: 'charged'; page: number }>
  /** Whom the guest takes for the source of a page fault of this device. */
  | Readonly<{ asks: 'blamed'; device: number }>
  /** Whether a page fault of the device waits for an answer. */
  | Readonly<{ asks: 'waiting'; device: number }>
  /** Whether a cache may hold a translation of the page for DMA of the device. */
  | Readonly<{ asks: 'cached'; device: number; page: number }>
  /** What went wrong on the way: a crash, a stray answer, a submission that arrived elsewhere. */
  | Readonly<{ asks: 'damage' }>;

/** `wish`: how the answer should begin; undefined where it is left open. */
export type AskedStep = Readonly<{ question: Question; wish: string | undefined }>;

export type ScenarioStep = SaidStep | AskedStep;

export type Scenario = Readonly<{
  id: string;
  title: string;
  /** The mail, patch or section that tells it. */
  source: string;
  /** By name, in the order of their numbers. */
  devices: Readonly<Record<string, DeviceTraits>>;
  spaces: readonly string[];
  pasids: readonly string[];
  contexts: number;
  pages: number;
  /** Where it can happen at all, and why nowhere else. */
  only?: Readonly<{ platforms: readonly Platform[]; because: string }>;
  steps: readonly ScenarioStep[];
}>;

type WordArgs<W extends Word> = W extends Phrase
  ? PhraseArgs<W>
  : W extends Verb
    ? SpokenArgs<(typeof VERBS)[W]>
    : never;

/** A step that should be accepted. */
export function does<W extends Word>(word: W, ...args: WordArgs<W>): SaidStep {
  return said(word, args, 'accepted');
}

/** A step that should be refused. */
export function fails<W extends Word>(word: W, ...args: WordArgs<W>): SaidStep {
  return said(word, args, 'refused');
}

/** A step that proposals may well answer in different ways. */
export function tries<W extends Word>(word: W, ...args: WordArgs<W>): SaidStep {
  return said(word, args, undefined);
}

function said(word: Word, args: readonly Spoken[], wish: SaidStep['wish']): SaidStep {
  if (args.length !== paramsOf(word).length) throw new Error(`invariant: ${word}(${args.join(', ')})`);
  return { word, args: [...args], wish };
}

/** Asks where DMA ends. */
export function dma(device: number, page: number, wish?: string): AskedStep {
  return { question: { asks: 'dma', device, pasid: undefined, page }, wish };
}

/** The same for DMA with a PASID, as the user of the device says it. */
export function dmaWith(device: number, pasid: number, page: number, wish?: string): AskedStep {
  return { question: { asks: 'dma', device, pasid, page }, wish };
}

export function told(device: number, wish?: string): AskedStep {
  return { question: { asks: 'told', device }, wish };
}

export function bus(device: number, pasid: number, wish?: string): AskedStep {
  return { question: { asks: 'bus', device, pasid }, wish };
}

export function charged(page: number, wish?: string): AskedStep {
  return { question: { asks: 'charged', page }, wish };
}

export function blamed(device: number, wish?: string): AskedStep {
  return { question: { asks: 'blamed', device }, wish };
}

export function waiting(device: number, wish?: string): AskedStep {
  return { question: { asks: 'waiting', device }, wish };
}

export function cached(device: number, page: number, wish?: string): AskedStep {
  return { question: { asks: 'cached', device, page }, wish };
}

export function damage(wish?: string): AskedStep {
  return { question: { asks: 'damage' }, wish };
}

export function isAsked(step: ScenarioStep): step is AskedStep {
  return 'question' in step;
}

/** The world that a scenario takes place in. */
export function groundOfScenario(scenario: Scenario, platform: Platform): Ground {
  const setup: Setup = {
    id: scenario.id,
    says: scenario.title,
    devices: Object.values(scenario.devices),
    contexts: scenario.contexts,
    // A state has one of each thing at least.
    spaces: Math.max(1, scenario.spaces.length),
    pasids: Math.max(1, scenario.pasids.length),
    pages: scenario.pages,
    verbs: [],
    prelude: [],
  };
  return groundOf(platform, setup);
}

/** What a member of a sort is called in a scenario. */
export function nameIn(scenario: Scenario, param: Param, member: number): string {
  switch (param) {
    case 'device':
    case 'other':
      return Object.keys(scenario.devices)[member] ?? `device${member}`;
    case 'space':
    case 'parent':
      return scenario.spaces[member] ?? `space${member}`;
    case 'wire':
      // Of mediated devices the numbers on the bus are the kernel's, whatever their users say.
      if (hasMediated(scenario)) return `number ${member + 1}`;
      return `PASID ${scenario.pasids[member] ?? member}`;
    case 'pasid':
      return `PASID ${scenario.pasids[member] ?? member}`;
    case 'context':
      return `fd${member + 1}`;
    case 'page':
      return `page${member}`;
  }
}

function hasMediated({ devices }: Scenario): boolean {
  return Object.values(devices).some(({ kind }) => kind === 'mdev');
}

/** A step as it is shown: `attach(nic, gpa)`. */
export function wordsOf(scenario: Scenario, step: ScenarioStep): string {
  if (!isAsked(step)) return wordText(scenario, step.word, step.args);
  const { question } = step;
  const parts = Object.entries(question).flatMap(([key, value]) =>
    key === 'asks' || typeof value !== 'number' ? [] : [nameIn(scenario, key as Param, value)],
  );
  return parts.length === 0 ? `${question.asks}?` : `${question.asks}(${parts.join(', ')})?`;
}

/** One word with its arguments, by name. */
export function wordText(scenario: Scenario, word: Word, args: readonly Spoken[]): string {
  const params = paramsOf(word);
  const names = args.map((arg, index) => {
    const param = params[index];
    return arg === 'any' || param === undefined ? 'any number' : nameIn(scenario, param, arg);
  });
  return `${word}(${names.join(', ')})`;
}
