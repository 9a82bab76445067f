/** Timing: contenders take turns, so that a busy machine slows all of them alike. */
import { performance } from 'node:perf_hooks';

export type Times = Readonly<{ median: number; least: number }>;

/**
 * Milliseconds of each contender over `rounds` turns, after `warmUp` turns: V8 compiles for speed what has run for a while, and what
 * lasts a tenth of a second only has to run a dozen times for it.
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

function summarise(times: readonly number[]): Times {
  const ascending = [...times].sort((one, other) => one - other);
  return { median: ascending[ascending.length >> 1] ?? 0, least: ascending[0] ?? 0 };
}

/** `1.93` of two times, by median and by least. */
export function ratio(slow: Times, fast: Times): string {
  return `${(slow.median / fast.median).toFixed(2)} (by the least: ${(slow.least / fast.least).toFixed(2)})`;
}

export function milliseconds({ median, least }: Times): string {
  return `${median.toFixed(0)} ms (least ${least.toFixed(0)})`;
}

/** Calls a second, in thousands. */
export function rate(calls: number, ms: number): string {
  return `${Math.round(calls / ms)}k calls/s`;
}
