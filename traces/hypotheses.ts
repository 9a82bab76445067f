/**
 * Replay where a fact is missing: a call that could have gone one way or the other is followed in both worlds, and only what
 * they agree on is claimed. What the program names later tells which world it lives in: programs name what exists, nearly
 * always. So answers are provisional as long as there are several worlds; see revised().
 */
import { type DmaOutcome, decideDma } from '../machines/dma.ts';
import { type CallResult, doubtful, isRecorded } from './call-result.ts';
import { dmaAccess } from './dma-line.ts';
import { sameDma } from './dma-result.ts';
import type { ReplayEngine } from './engine.ts';
import { endingsOf } from './interleavings.ts';
import type { OverlappingCall } from './linearise-call.ts';
import { contextOf } from './linearise-effects.ts';
import { errnoOfOutcome } from './prediction.ts';
import type { DmaLine, RecordedLine } from './recording.ts';
import { dangling, referencesOf } from './references.ts';

/** Worlds followed at a time. */
const WORLDS_MAX = 48;
/**
 * A world is given up when it leaves this many names dangling more than another one. In the fuzzed programs of the corpus one
 * name in six dangles, in all others fewer: the odds against such a world are 5 to the fourth.
 */
const DANGLING_MAX = 4;

type Alternative = {
  readonly engine: ReplayEngine;
  /** Names that meant nothing in this world. */
  dangling: number;
};

/** A call answered while there were several worlds: what each said; undefined where it could not tell. */
type Held = Readonly<{ given: CallResult; answers: Map<Alternative, CallResult> }>;

/** Answers that may still be revised; what is older stands as it was given. */
export const HELD_MAX = 4096;

export class Hypotheses {
  private readonly main: ReplayEngine;
  private readonly most: number;
  private readonly own: Alternative;
  private worlds: Alternative[];
  /** Contexts in which the worlds differ, and why. */
  private readonly disputed = new Map<number, string>();
  /** More worlds than are followed: of what is disputed nothing is claimed. */
  private crowded = false;
  private held: Held[] = [];
  private readonly revisions = new Map<CallResult, CallResult>();

  /** Past `most` worlds, nothing is claimed of what is disputed. */
  constructor(main: ReplayEngine, most = WORLDS_MAX) {
    this.main = main;
    this.most = most;
    this.own = { engine: main, dangling: 0 };
    this.worlds = [this.own];
  }

  /** Whether there is one world. */
  get settled(): boolean {
    return this.worlds.length === 1 && !this.crowded;
  }

  /** Whether the answers given so far are the last word. */
  get final(): boolean {
    return this.held.length === 0 || this.settled;
  }

  /** The last word on an answer of feed(), once all is settled; asked once for each answer. */
  revised(given: CallResult): CallResult {
    if (this.revisions.size === 0) return given;
    const last = this.revisions.get(given);
    if (last === undefined) return given;
    this.revisions.delete(given);
    return last;
  }

  /** As ReplayEngine.feed(): what all worlds agree on. */
  feed(line: RecordedLine): CallResult | undefined {
    if (this.settled) return this.alone(line);
    this.weigh(line);
    const answers = new Map<Alternative, CallResult>();
    for (const world of this.worlds.slice()) {
      const result = world.engine.feed(line);
      if (result !== undefined) answers.set(world, result);
      this.divide(world, answers, result);
    }
    const given = this.hold(this.agreed(answers), answers);
    this.ruleOut(answers);
    if (line.ev === 'close' || line.ev === 'program' || line.ev === 'exit') this.leave();
    this.giveUp();
    return given;
  }

  /** Calls that overlap, without results: every order of them begins a world. Answers in the order in which the calls began. */
  feedWindow(calls: readonly OverlappingCall[]): CallResult[] {
    const answers = calls.map(() => new Map<Alternative, CallResult>());
    const context = contextOf(this.main.world, calls[0]?.line as RecordedLine)?.id ?? 0;
    for (const world of this.worlds.slice()) {
      const [first, ...rest] = endingsOf(world.engine, calls);
      if (first === undefined) throw new Error('invariant: overlapping calls have an order');
      const room = this.worlds.length + rest.length <= this.most;
      if (rest.length > 0) this.disputed.set(context, 'the order of overlapping calls');
      if (!room) this.crowded = true;
      for (const ending of room ? rest : []) {
        const born = this.bear(world, ending.engine);
        born.dangling += ending.dangling;
        note(born, ending.answers);
      }
      world.engine.become(first.engine);
      world.dangling += first.dangling;
      note(world, first.answers);
    }
    function note(world: Alternative, said: ReadonlyMap<OverlappingCall, CallResult>): void {
      for (const [index, call] of calls.entries()) {
        const result = said.get(call);
        if (result !== undefined) answers[index]?.set(world, result);
      }
    }
    const given = answers.flatMap((said) => this.hold(this.agreed(said), said) ?? []);
    this.giveUp();
    return given;
  }

  private hold(given: CallResult | undefined, answers: Map<Alternative, CallResult>): CallResult | undefined {
    // A recorded result is no prediction: what it tells is for the calls that follow.
    if (given !== undefined && !this.settled && !isRecorded(given.line)) this.held.push({ given, answers });
    return given;
  }

  /** Worlds in which a recorded result could not have been are no more, as long as there are others. */
  private ruleOut(answers: ReadonlyMap<Alternative, CallResult>): void {
    if (this.crowded) return;
    const fitting = this.worlds.filter((world) => !contradicts(answers.get(world)));
    if (fitting.length === 0 || fitting.length === this.worlds.length) return;
    this.worlds = fitting;
    if (this.settled) this.conclude();
  }

  /** Calls are answered that not all worlds will see: of what is disputed nothing is claimed. */
  crowd(): void {
    this.worlds = [this.own];
    this.crowded = true;
  }

  /** A world that was like `parent` so far. */
  private bear(parent: Alternative, engine: ReplayEngine): Alternative {
    const born = { engine, dangling: parent.dangling };
    for (const { answers } of this.held) {
      const inherited = answers.get(parent);
      if (inherited !== undefined) answers.set(born, inherited);
    }
    this.worlds.push(born);
    return born;
  }

  /** The outcome of DMA in the main world is not that in another one: the fact that both leave open. */
  doubtOf(line: DmaLine, outcome: DmaOutcome): string | undefined {
    const access = dmaAccess(line);
    const alike = this.worlds.every(({ engine }) => sameDma(decideDma(engine.world, access), outcome));
    return alike ? undefined : [...this.disputed.values()].join('; ');
  }

  finish(): void {
    for (const { engine } of this.worlds) engine.finish();
    this.conclude();
  }

  private alone(line: RecordedLine): CallResult | undefined {
    const result = this.main.feed(line);
    if (!this.main.forks) return result;
    const answers = new Map<Alternative, CallResult>();
    this.divide(this.own, answers, result);
    return this.hold(result, answers);
  }

  /** Worlds in which the call went otherwise begin. */
  private divide(
    world: Alternative,
    answers: Map<Alternative, CallResult>,
    result: CallResult | undefined,
  ): void {
    const fork = world.engine.takeFork();
    if (fork === undefined || result === undefined) return;
    const { line, outcome, context } = result;
    const reason =
      outcome.missing === undefined
        ? `which descriptor call ${line.seq} handed out`
        : isRecorded(result.line)
          ? `how call ${line.seq} went: ${outcome.missing}`
          : `whether call ${line.seq} succeeded: ${outcome.missing}`;
    this.disputed.set(context, reason);
    if (this.worlds.length + fork.others.length > this.most) {
      this.crowded = true;
      return;
    }
    if (fork.own !== undefined) answers.set(world, fork.own);
    for (const other of fork.others) {
      answers.set(this.bear(world, other.engine), other.result);
    }
  }

  /** What the line names exists or not, in each world. */
  private weigh(line: RecordedLine): void {
    if (!('fd' in line) || line.fd === undefined) return;
    const { pid, fd } = line;
    const references = referencesOf(this.main.world, line);
    if (references.length === 0) return;
    for (const world of this.worlds) world.dangling += dangling(world.engine.world, { pid, fd }, references);
  }

  /** The answer of all these worlds; undetermined where they differ, or where one of them cannot tell. */
  private agreed(answers: ReadonlyMap<Alternative, CallResult>, given?: CallResult): CallResult | undefined {
    const said = this.worlds.map((world) => answers.get(world));
    const [first] = said;
    const any = given ?? first ?? said.find((one) => one !== undefined);
    if (any === undefined) return undefined;
    const reason = this.disputed.get(any.context);
    if (this.crowded && reason !== undefined) return doubtful(any, reason);
    if (said.every((one) => one?.verdict === 'diverging')) return first;
    const unsure = said.find((one) => one === undefined || !claims(one));
    if (unsure !== undefined) return unsure;
    const same = first !== undefined && said.every((one) => one !== undefined && agree(first, one));
    return same ? first : doubtful(any, reason ?? 'what an earlier call did');
  }

  /** Worlds in which the program would name too much that is not there; of one that is not followed nobody knows. */
  private giveUp(): void {
    if (!this.crowded) {
      const least = Math.min(...this.worlds.map((world) => world.dangling));
      this.worlds = this.worlds.filter((world) => world.dangling < least + DANGLING_MAX);
      if (this.settled) this.conclude();
    }
    if (this.held.length > HELD_MAX) this.held.shift();
  }

  /** Worlds differ only within a context: when it is gone from all, they are one again. */
  private leave(): void {
    for (const context of this.disputed.keys())
      if (this.worlds.some(({ engine }) => engine.world.contexts.has(context))) return;
    this.conclude();
  }

  /** Goes on in the world that is left, or in the likeliest of some that are alike by now. */
  private conclude(): void {
    for (const { given, answers } of this.crowded ? [] : this.held) {
      const last = this.agreed(answers, given);
      if (last !== undefined && last !== given) this.revisions.set(given, last);
    }
    const [best = this.own] = this.worlds.toSorted((one, other) => one.dangling - other.dangling);
    if (best !== this.own) this.main.become(best.engine);
    this.own.dangling = 0;
    this.worlds = [this.own];
    this.held = [];
    this.crowded = false;
    this.disputed.clear();
  }
}

/** What a recording says cannot have been; what it lacks says nothing. */
function contradicts(result: CallResult | undefined): boolean {
  if (result?.verdict !== 'diverging') return false;
  const lacks = result.line.ev === 'ioctl' ? result.line.lacks : undefined;
  if (lacks === undefined) return true;
  const field = result.difference?.field;
  if (field === 'out') return !lacks.out;
  if (field === 'ptrOut') return !(lacks.second || lacks.secondOut);
  return !(lacks.ret || lacks.errno);
}

function claims({ verdict }: CallResult): boolean {
  return verdict !== 'undetermined' && verdict !== 'unchecked';
}

function agree(one: CallResult, other: CallResult): boolean {
  return (
    one.verdict === other.verdict &&
    one.outcome.ret === other.outcome.ret &&
    errnoOfOutcome(one.outcome) === errnoOfOutcome(other.outcome) &&
    one.out === other.out &&
    one.ptrOut === other.ptrOut
  );
}
