/** Timing: contenders take turns, so that a busy machine slows all of them alike. */
import { performance } from 'node:perf_hooks';

/** Milliseconds. `turns`: of each turn, in their order. */
export type Times = Readonly<{ median: number; least: number; turns: readonly number[] }>;

/**
 * Milliseconds of each contender over `rounds` turns, after `warmUp` turns: V8 compiles for speed what has run for a while, and what
 * lasts a tenth of a second only has to run some thirty times for it.
 */
export async function takeTurns<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, () => unknown>>,
  warmUp = 1,
): Promise<Readonly<Record<Name, Times>>> {
  const names = Object.keys(contenders) as Name[];
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of names) {
      const start = performance.now();
      await contenders[name]();
      if (round >= 0) times.get(name)?.push(performance.now() - start);
    }
  }
  const summary = names.map((name) => [name, summarise(times.get(name) ?? [])] as const);
  return Object.fromEntries(summary) as Record<Name, Times>;
}

function summarise(turns: readonly number[]): Times {
  return { median: medianOf(turns), least: Math.min(...turns), turns };
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;
}

/** Of one of `parts` equal parts. */
export function shareOf({ median, least, turns }: Times, parts: number): Times {
  return { median: median / parts, least: least / parts, turns: turns.map((time) => time / parts) };
}

/**
 * `1.93` of two contenders: the median of their ratios in each turn, since what disturbs one of them mostly disturbs the other beside
 * it; and the ratio of their least times.
 */
export function ratio(slow: Times, fast: Times): string {
  const ratios = slow.turns.map((time, turn) => time / (fast.turns[turn] as number));
  return `${medianOf(ratios).toFixed(2)} (by the least: ${(slow.least / fast.least).toFixed(2)})`;
}

export function milliseconds({ median, least }: Times): string {
  return `${median.toFixed(0)} ms (least ${least.toFixed(0)})`;
}

/** Calls a second, in thousands. */
export function rate(calls: number, ms: number): string {
  return `${Math.round(calls / ms)}k calls/s`;
}
