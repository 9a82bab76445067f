/**
 * Replay without results: where a call could have succeeded or failed, both worlds are followed, and only what they agree on
 * is claimed.
 */
import { type DmaOutcome, decideDma } from '../machines/dma.ts';
import { doubtful } from './call-result.ts';
import { dmaAccess } from './dma-line.ts';
import { sameDma } from './dma-result.ts';
import type { CallResult, ReplayEngine } from './engine.ts';
import { errnoOfOutcome } from './prediction.ts';
import type { DmaLine, RecordedLine } from './recording.ts';

/** Worlds followed at a time; a recording that needs more is followed in these. */
const WORLDS_MAX = 12;

type Alternative = Readonly<{ engine: ReplayEngine; context: number; reason: string }>;

export class Hypotheses {
  private readonly main: ReplayEngine;
  private others: Alternative[] = [];

  constructor(main: ReplayEngine) {
    this.main = main;
  }

  /** As ReplayEngine.feed(): the answer of the main world, unless another one contradicts it. */
  feed(line: RecordedLine): CallResult | undefined {
    const result = this.step(this.main, line);
    if (this.others.length === 0) return result;
    let answer = result;
    const claims = result?.verdict !== 'undetermined' && result?.verdict !== 'unchecked';
    for (const other of this.others.slice()) {
      if (other.engine.seenLast === line) continue;
      const differing = this.step(other.engine, line);
      if (!claims || answer !== result || result === undefined || differing === undefined) continue;
      if (!agree(result, differing)) answer = doubtful(result, other.reason);
    }
    if (line.ev === 'close' || line.ev === 'program' || line.ev === 'exit') this.forget();
    return answer;
  }

  /** The outcome of DMA in the main world is not that in another one: the fact that both leave open. */
  doubtOf(line: DmaLine, outcome: DmaOutcome): string | undefined {
    const differing = this.others.find(
      ({ engine }) => !sameDma(decideDma(engine.world, dmaAccess(line)), outcome),
    );
    return differing?.reason;
  }

  finish(): void {
    this.main.finish();
    this.others = [];
  }

  /** Feeds one world; a call that it cannot tell gives birth to the world in which the call succeeded. */
  private step(engine: ReplayEngine, line: RecordedLine): CallResult | undefined {
    const result = engine.feed(line);
    const born = engine.takeFork();
    if (born !== undefined && result !== undefined && this.others.length < WORLDS_MAX) {
      const reason = `whether call ${result.line.seq} succeeded: ${result.outcome.missing}`;
      this.others.push({ engine: born, context: result.context, reason });
    }
    return result;
  }

  /** Worlds differ only within a context: when it is gone from both, they are one again. */
  private forget(): void {
    this.others = this.others.filter(
      ({ engine, context }) => engine.world.contexts.has(context) || this.main.world.contexts.has(context),
    );
  }
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
