/** Tells a scenario to a proposal: each step is said in its commands, and what it answers is written down. */
import { located } from '../explore/model-error.ts';
import { openState } from '../explore/model-state.ts';
import { type DesignState, declareDesign } from './design-state.ts';
import { applyDecision, type Design, decideDesign, designOf, prepare } from './model-of.ts';
import { type Saying, sceneOf, waysOf } from './phrase.ts';
import { type Decision, isRefusal, type Proposal } from './proposal.ts';
import { answerQuestion } from './question.ts';
import {
  type AskedStep,
  groundOfScenario,
  isAsked,
  type SaidStep,
  type Scenario,
  wordsOf,
  wordText,
} from './scenario.ts';
import { eventText, slotsOf } from './scenario-names.ts';
import type { Platform } from './setup.ts';
import { type Args, VERBS } from './verb.ts';

/** What a proposal answers to one of its commands. */
export type CommandAnswer = Readonly<{
  /** The neutral word with its arguments. */
  words: string;
  /** As the proposal calls it. */
  name: string;
  on: string;
  answer: 'accepted' | 'refused';
  rule: string | null;
  errno: string | null;
  says: string | null;
  source: string;
  events: readonly string[];
}>;

/** What comes of a step. `answer` is that of the last command, or to the question. */
export type StepAnswer = Readonly<{
  step: number;
  words: string;
  answer: string;
  /** What was hoped for; null where the scenario leaves it open. */
  wish: string | null;
  granted: boolean;
  rule: string | null;
  errno: string | null;
  /** Why it is refused, or cannot be said. */
  says: string | null;
  commands: readonly CommandAnswer[];
}>;

/**
 * `works`: everything came as it was hoped; `answers`: and the open steps were answered; `fails`: something came otherwise;
 * `not-expressible`: a word is missing.
 */
export type Verdict = 'works' | 'answers' | 'fails' | 'not-expressible';

export type Telling = Readonly<{
  scenario: string;
  proposal: string;
  platform: Platform;
  verdict: Verdict;
  /** In a few words: the answers to the open steps, or the step that fails and how. */
  brief: string;
  /** The reason, as a sentence; null where everything works. */
  why: string | null;
  steps: readonly StepAnswer[];
  /** What the hardware holds at the end. */
  slots: readonly string[];
}>;

/** Throws ModelError where the proposal breaks: a machine that forbids its own event, a guard that throws. */
export function tellScenario(proposal: Proposal, platform: Platform, scenario: Scenario): Telling {
  const base = { scenario: scenario.id, proposal: proposal.id, platform };
  const { only } = scenario;
  if (only !== undefined && !only.platforms.includes(platform))
    return { ...base, verdict: 'not-expressible', brief: '–', why: only.because, steps: [], slots: [] };
  const stage = openStage(proposal, platform, scenario);
  const steps: StepAnswer[] = [];
  for (const step of scenario.steps) {
    const number = steps.length + 1;
    const place = `scenario ${scenario.id} on ${platform}, step ${number}: ${wordsOf(scenario, step)}`;
    try {
      steps.push(isAsked(step) ? ask(stage, step, number) : speak(stage, step, number));
    } catch (thrown) {
      throw located(thrown, { file: proposal.file, place });
    }
    if (steps.at(-1)?.answer === 'missing') break;
  }
  return { ...base, ...verdictOf(steps), steps, slots: slotsOf(scenario, stage.design.ground, stage.state) };
}

type Stage = Readonly<{ scenario: Scenario; design: Design; state: DesignState }>;

function openStage(proposal: Proposal, platform: Platform, scenario: Scenario): Stage {
  const ground = groundOfScenario(scenario, platform);
  const { layout } = declareDesign(proposal.file, ground);
  // The view that is opened on this layout has just the fields that declareDesign() declares.
  const state = openState(layout).view as DesignState;
  const design = designOf(proposal, platform, ground.setup);
  prepare(design, state);
  return { scenario, design, state };
}

function ask({ scenario, design, state }: Stage, { question, wish }: AskedStep, step: number): StepAnswer {
  const answer = answerQuestion(scenario, design, state, question);
  return {
    step,
    words: wordsOf(scenario, { question, wish }),
    answer,
    wish: wish ?? null,
    granted: wish === undefined || answer.startsWith(wish),
    rule: null,
    errno: null,
    says: null,
    commands: [],
  };
}

function speak(stage: Stage, said: SaidStep, step: number): StepAnswer {
  const { scenario, design } = stage;
  const base = { step, words: wordsOf(scenario, said), wish: said.wish ?? null };
  const ways = waysOf(design.proposal.phrases, sceneOf(design.ground), said.word, said.args);
  const way = ways.find((one) => one.every(({ verb }) => design.commands.has(verb)));
  if (way === undefined) {
    const says = lackOf(design, ways);
    return { ...base, answer: 'missing', granted: false, rule: null, errno: null, says, commands: [] };
  }
  const commands: CommandAnswer[] = [];
  for (const saying of way) {
    commands.push(give(stage, saying));
    if (commands.at(-1)?.answer === 'refused') break;
  }
  const last = commands.at(-1);
  const answer = last?.answer ?? 'accepted';
  const granted = said.wish === undefined || said.wish === answer;
  const { rule = null, errno = null, says = null } = last ?? {};
  return { ...base, answer, granted, rule, errno, says, commands };
}

/** Why none of these ways can be gone: the reason that the proposal gives for a word that it lacks. */
function lackOf({ proposal, commands }: Design, ways: readonly (readonly Saying[])[]): string {
  const lacking = ways.map((way) => way.map(({ verb }) => verb).filter((verb) => !commands.has(verb)));
  const reason = lacking
    .flat()
    .map((verb) => proposal.lacks[verb])
    .find((one) => one !== undefined);
  const words = new Set(lacking.map((verbs) => verbs.join(' and ')));
  return reason ?? `it has no command to ${[...words].join(', or to ')}`;
}

function give({ scenario, design, state }: Stage, saying: Saying): CommandAnswer {
  const { args, decision } = decide(design, state, saying);
  const command = design.commands.get(saying.verb);
  if (command === undefined) throw new Error(`invariant: ${saying.verb} was looked up before`);
  const base = { words: wordText(scenario, saying.verb, args), name: command.name, on: command.on };
  if (isRefusal(decision)) {
    const { rule, errno = null, says, source } = decision;
    return { ...base, answer: 'refused', rule, errno, says, source, events: [] };
  }
  applyDecision(design, state, decision);
  return {
    ...base,
    answer: 'accepted',
    rule: null,
    errno: null,
    says: null,
    source: command.source,
    events: decision.map((event) => eventText(scenario, event)),
  };
}

/** Asks the proposal; for a number that the kernel picks, with each until one is accepted. */
function decide(design: Design, state: DesignState, { verb, args }: Saying) {
  const choices = args.includes('any') ? design.ground.pasids : [0];
  let answered: { args: number[]; decision: Decision } | undefined;
  for (const choice of choices) {
    const chosen = args.map((arg) => (arg === 'any' ? choice : arg));
    const named: Args = Object.fromEntries(VERBS[verb].map((param, index) => [param, chosen[index]]));
    const decision = decideDesign(design, state, verb, named);
    if (decision === undefined) throw new Error(`invariant: ${verb} was looked up before`);
    answered = { args: chosen, decision };
    if (!isRefusal(decision)) break;
  }
  if (answered === undefined) throw new Error(`invariant: ${verb} has no number to choose from`);
  return answered;
}

function verdictOf(steps: readonly StepAnswer[]): Pick<Telling, 'verdict' | 'brief' | 'why'> {
  const lost = steps.find(({ granted }) => !granted);
  if (lost?.answer === 'missing') {
    return { verdict: 'not-expressible', brief: '–', why: `${lost.words}: ${lost.says}` };
  }
  if (lost !== undefined) {
    const { step, words, says, wish } = lost;
    const why = says === null ? `${briefOf(lost)}, not ${wish}` : says;
    return { verdict: 'fails', brief: `${step}: ${briefOf(lost)}`, why: `${words}: ${why}` };
  }
  const open = steps.filter(({ wish }) => wish === null);
  if (open.length === 0) return { verdict: 'works', brief: 'works', why: null };
  const reasons = open.flatMap(({ words, says }) => (says === null ? [] : [`${words}: ${says}`]));
  return {
    verdict: 'answers',
    brief: open.map(briefOf).join('; '),
    why: reasons.length === 0 ? null : reasons.join('; '),
  };
}

/** `accepted`, the errno, `refused` where the text names none, or the answer to a question. */
export function briefOf({ answer, errno }: StepAnswer): string {
  if (answer === 'missing') return 'not expressible';
  return answer === 'refused' ? (errno ?? 'refused') : answer;
}
