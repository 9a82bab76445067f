/** A recording as a trace of states: ITF for other model checkers, a Mermaid sequence diagram for people. */
import { INITIAL, type ItfValue, itfHead, itfState } from '../explore/itf.ts';
import type { Snapshot } from '../explore/model-snapshot.ts';
import type { TraceStep } from '../explore/search-trace.ts';
import { sequenceDiagram } from '../explore/sequence-diagram.ts';
import { emptyWorld } from '../machines/world.ts';
import { callStep } from './call-step.ts';
import type { CallResult } from './engine.ts';
import type { Session } from './replay-trace.ts';
import { SNAPSHOT_FIELDS, worldSnapshot } from './state-snapshot.ts';

/** What was returned, beside the state. */
const RETURNED = 'returned';

/** Writes ITF as the calls come: a state for each of them, after it, behind the state before the first. */
export class ItfWriter {
  private readonly print: (text: string) => void;
  private states = 0;

  constructor(source: string, print: (text: string) => void) {
    this.print = print;
    const head = itfHead(source, 'states after each call of a recording', [...SNAPSHOT_FIELDS, RETURNED]);
    print(`${JSON.stringify(head).slice(0, -1)},"states":[\n`);
    this.state(worldSnapshot(emptyWorld(0)), undefined);
  }

  call(result: CallResult, { engine }: Session): void {
    this.state(worldSnapshot(engine.world), callStep(result, engine.world));
  }

  end(): void {
    this.print('\n]}\n');
  }

  private state(snapshot: Snapshot, step: TraceStep | undefined): void {
    const picks: ItfValue = { '#map': Object.entries(step?.args ?? {}) };
    const told = { ...snapshot, [RETURNED]: step?.answer ?? '' };
    const state = itfState(this.states++, told, step?.command ?? INITIAL, picks);
    this.print(`${this.states > 1 ? ',\n' : ''}${JSON.stringify(state)}`);
  }
}

/** Collects the calls of a diagram. */
export class SequenceWriter {
  private readonly steps: TraceStep[] = [];
  private readonly states: Snapshot[] = [worldSnapshot(emptyWorld(0))];
  private last = -1;

  get length(): number {
    return this.steps.length;
  }

  call(result: CallResult, { engine }: Session): void {
    this.steps.push(callStep(result, engine.world));
    this.states.push(worldSnapshot(engine.world));
    this.last = result.line.seq;
  }

  diagram(): string {
    const { steps, states } = this;
    return sequenceDiagram({ steps, states, loop: undefined }, `after seq ${this.last}`);
  }
}
