/** Overlapping calls without results: how each of them may be answered, and the worlds that they may leave. */
import { type CallResult, doubtful, sameAnswer } from './call-result.ts';
import type { ReplayEngine } from './engine.ts';
import { mayComeNext, type OverlappingCall, overlaps } from './linearise-call.ts';
import { possibilities } from './linearise-effects.ts';
import { feedStep } from './linearise-step.ts';
import { dangling, referencesOf } from './references.ts';
import { stateOf } from './state-of.ts';

/** Places reached at most in one window; past that its order is left open. */
const PLACES_MAX = 400;

/** A world that the calls may leave, what they answer on the way to it, and how many names meant nothing on that way. */
export type Ending = Readonly<{
  engine: ReplayEngine;
  answers: ReadonlyMap<OverlappingCall, CallResult>;
  dangling: number;
}>;

type Place = Ending & Readonly<{ moved: Map<number, number>; done: ReadonlySet<OverlappingCall> }>;

const ORDER = 'the order of overlapping calls';

/**
 * All of them, that of the order in which the calls began first; answers that differ between ways to the same world are
 * undetermined. Only the first where there are too many. `from` stays as it is.
 */
export function endingsOf(from: ReplayEngine, calls: readonly OverlappingCall[]): readonly Ending[] {
  const start = { engine: from, answers: new Map(), dangling: 0, moved: new Map(), done: new Set<never>() };
  let places: readonly Place[] = [start];
  let reached = 0;
  for (let step = 0; step < calls.length; step++) {
    const next = new Map<string, Place>();
    for (const place of places) {
      for (const call of mayComeNext(calls, place.done)) {
        for (const one of stepsFrom(place, call, calls)) {
          if (++reached > PLACES_MAX) return [plainly(from, calls)];
          const key = keyOf(one);
          const same = next.get(key);
          next.set(key, same === undefined ? one : merged(same, one));
        }
      }
    }
    places = [...next.values()];
  }
  return places;
}

/** The calls in the order in which they began, each of them in doubt. */
function plainly(from: ReplayEngine, calls: readonly OverlappingCall[]): Ending {
  const engine = from.clone();
  const answers = new Map<OverlappingCall, CallResult>();
  for (const call of calls) {
    const result = engine.feed(call.line);
    if (result !== undefined) answers.set(call, doubtful(result, ORDER));
  }
  return { engine, answers, dangling: 0 };
}

function stepsFrom(place: Place, call: OverlappingCall, calls: readonly OverlappingCall[]): Place[] {
  const others = calls.filter((other) => overlaps(call, other));
  const ways = [
    undefined,
    ...possibilities(place.engine.world, call, others, (other) => refusedAt(place, other)),
  ];
  return ways.map((alternative) => {
    const engine = place.engine.clone();
    const moved = new Map(place.moved);
    const { line } = call;
    const names = referencesOf(engine.world, line);
    const missing =
      'fd' in line && line.fd !== undefined ? dangling(engine.world, { ...line, fd: line.fd }, names) : 0;
    const result = feedStep({ engine, doubts: engine, moved }, { call, alternative });
    engine.takeFork();
    const answers = new Map(place.answers);
    if (result !== undefined) answers.set(call, result);
    return {
      engine,
      answers,
      dangling: place.dangling + missing,
      moved,
      done: new Set([...place.done, call]),
    };
  });
}

/** Whether a call was refused on the way here, or would be if it came now. */
function refusedAt({ engine, answers, done }: Place, call: OverlappingCall): boolean {
  const answer = done.has(call) ? answers.get(call) : engine.clone().feed(call.line);
  return answer === undefined || answer.outcome.rule !== undefined || answer.outcome.missing !== undefined;
}

function keyOf({ engine, done, moved }: Place): string {
  const progress = [...done].map(({ index }) => index).sort((one, other) => one - other);
  return `${progress.join()} ${[...moved.keys()].join()} ${stateOf(engine.world)}`;
}

function merged(one: Place, other: Place): Place {
  if (other.dangling < one.dangling) return merged(other, one);
  if (other.dangling > one.dangling + 1) return one;
  const answers = new Map<OverlappingCall, CallResult>();
  for (const [call, answer] of one.answers) {
    const differing = other.answers.get(call);
    const same = differing !== undefined && sameAnswer(answer, differing);
    answers.set(call, same ? answer : doubtful(answer, ORDER));
  }
  return { ...one, answers };
}
