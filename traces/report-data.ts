/** What a replay found, as plain data: it passes between threads and is what the JSON report is made of. */

import type { DmaDifference, DmaResult } from './dma-result.ts';

/** Calls by verdict. `unrecorded`: predicted, but the recording holds no result to compare with. */
export type Counts = {
  calls: number;
  conforming: number;
  diverging: number;
  undetermined: number;
  unchecked: number;
  unrecorded: number;
};

/** A call that the kernel answered otherwise; `objects` are those that its struct names, `events` what the model made of it. */
export type Divergence = Readonly<{
  trace: string;
  seq: number;
  pid: number;
  command: string;
  field: string;
  recorded: string;
  predicted: string;
  /** The rule that refused the call in the model; null where it succeeded. */
  rule: string | null;
  objects: readonly string[];
  events: readonly string[];
}>;

/** DMA of a device, as a scenario tells it: the outcome in words, and what the line says otherwise. */
export type DmaEntry = Readonly<{
  prediction: Readonly<Record<string, unknown>>;
  verdict: DmaResult['verdict'];
  says: readonly string[];
  difference: DmaDifference | null;
}>;

/** Accesses by verdict. */
export type DmaCounts = {
  accesses: number;
  conforming: number;
  diverging: number;
  undetermined: number;
  unrecorded: number;
};

export type Undetermined = Readonly<{
  trace: string;
  seq: number;
  pid: number;
  command: string;
  missing: string;
}>;

export type BrokenInvariant = Readonly<{ trace: string; seq: number; invariant: string; detail: string }>;

/**
 * Calls that overlapped and that the order of their beginnings does not explain: the order that does, with what they saw of each
 * other; or, where none does, the smallest set that conflicts.
 */
export type Overlap = Readonly<{
  trace: string;
  calls: readonly number[];
  order: readonly number[] | null;
  effects: readonly Readonly<{ seq: number; effect: string; cause: number }>[];
  conflict: readonly number[] | null;
}>;

/** Events that a capture lost: how many, where it tells, and the place. */
export type Loss = Readonly<{ trace: string; seq: number; count: number | null; place: string }>;

/** Gaps, and the events in them that captures count. */
export type LossCounts = { gaps: number; events: number };

/** An invariant of the model itself that broke: the rest of the trace was not checked. */
export type Defect = Readonly<{ trace: string; seq: number; detail: string }>;

/** A trace that could not be read, or not to its end. */
export type Damage = Readonly<{ trace: string; detail: string }>;

/** Why results could not be told: the missing fact with its numbers left out, how often, and where first. */
export type Reason = { count: number; first: Undetermined };

export type ReportData = {
  kernels: string[];
  iommus: string[];
  traces: number;
  totals: Counts;
  commands: Record<string, Counts>;
  divergences: Divergence[];
  undetermined: Undetermined[];
  reasons: Record<string, Reason>;
  invariants: BrokenInvariant[];
  overlaps: Overlap[];
  dmaTotals: DmaCounts;
  dma: DmaEntry[];
  lossTotals: LossCounts;
  losses: Loss[];
  /** What headers of captures took for granted. */
  assumed: string[];
  defects: Defect[];
  damaged: Damage[];
};

export function noCounts(): Counts {
  return { calls: 0, conforming: 0, diverging: 0, undetermined: 0, unchecked: 0, unrecorded: 0 };
}

export function emptyReport(): ReportData {
  return {
    kernels: [],
    iommus: [],
    traces: 0,
    totals: noCounts(),
    commands: {},
    divergences: [],
    undetermined: [],
    reasons: {},
    invariants: [],
    overlaps: [],
    dmaTotals: { accesses: 0, conforming: 0, diverging: 0, undetermined: 0, unrecorded: 0 },
    dma: [],
    lossTotals: { gaps: 0, events: 0 },
    losses: [],
    assumed: [],
    defects: [],
    damaged: [],
  };
}

function addCounts(into: Counts, from: Counts): void {
  into.calls += from.calls;
  into.conforming += from.conforming;
  into.diverging += from.diverging;
  into.undetermined += from.undetermined;
  into.unchecked += from.unchecked;
  into.unrecorded += from.unrecorded;
}

const DMA_COUNTS = ['accesses', 'conforming', 'diverging', 'undetermined', 'unrecorded'] as const;

function addNames(into: string[], from: readonly string[]): void {
  for (const name of from) if (!into.includes(name)) into.push(name);
}

/** Appends what fits below `limit`. */
function addUpTo<T>(limit: number, into: T[], from: readonly T[]): void {
  for (const one of from) {
    if (into.length >= limit) return;
    into.push(one);
  }
}

/**
 * Adds what one trace said to what the traces before it said. Lists keep at most `limit` entries; counts are exact.
 * Merging per-trace reports in the order of the traces gives one report, whoever replayed which.
 */
export function mergeReport(into: ReportData, from: ReportData, limit: number): void {
  addNames(into.kernels, from.kernels);
  addNames(into.iommus, from.iommus);
  into.traces += from.traces;
  addCounts(into.totals, from.totals);
  for (const [command, counts] of Object.entries(from.commands)) {
    into.commands[command] ??= noCounts();
    addCounts(into.commands[command], counts);
  }
  for (const [reason, { count, first }] of Object.entries(from.reasons)) {
    into.reasons[reason] ??= { count: 0, first };
    into.reasons[reason].count += count;
  }
  addUpTo(limit, into.divergences, from.divergences);
  addUpTo(limit, into.undetermined, from.undetermined);
  addUpTo(limit, into.invariants, from.invariants);
  addUpTo(limit, into.overlaps, from.overlaps);
  addUpTo(limit, into.dma, from.dma);
  for (const name of DMA_COUNTS) into.dmaTotals[name] += from.dmaTotals[name];
  into.lossTotals.gaps += from.lossTotals.gaps;
  into.lossTotals.events += from.lossTotals.events;
  addUpTo(limit, into.losses, from.losses);
  addNames(into.assumed, from.assumed);
  into.defects.push(...from.defects);
  into.damaged.push(...from.damaged);
}
