/** What the calls of one trace add up to, and the JSON object that `ioasis replay --json` prints. */
import type { Violation } from '../reducers/invariants-register.ts';
import { describeDma } from './dma-line.ts';
import { type DmaResult, dmaJson } from './dma-result.ts';
import type { CallResult } from './engine.ts';
import type { Linearised } from './linearise.ts';
import { namedObjects } from './named-objects.ts';
import type { LostLine, RecordedLine } from './recording.ts';
import type { ModelDefect, Session } from './replay-trace.ts';
import {
  type Counts,
  type DmaEntry,
  emptyReport,
  noCounts,
  type ReportData,
  type Undetermined,
} from './report-data.ts';
import type { TraceFormatError } from './trace-format-error.ts';

/** Entries of each list of a report, where not all are asked for. */
export const LISTED = 1000;

/** `4096` and `0x7f00` are left out of the reasons that are counted together. */
const numbers = /0x[0-9a-f]+|\d+/gi;

/** Adds up one trace. Lists keep at most `limit` entries, so memory does not grow with the trace. */
export class TraceReport {
  readonly data: ReportData = emptyReport();
  private readonly trace: string;
  private readonly limit: number;
  /** Those of `data`, by command: a map is looked up faster. */
  private readonly counts = new Map<string, Counts>();
  private session: Session | undefined;

  constructor(trace: string, limit: number) {
    this.trace = trace;
    this.limit = limit;
  }

  begin(session: Session): void {
    const { kernels, iommus } = this.data;
    this.session = session;
    this.data.traces++;
    if (!kernels.includes(session.kernel.release)) kernels.push(session.kernel.release);
    for (const fact of session.header.assumed ?? [])
      if (!this.data.assumed.includes(fact)) this.data.assumed.push(fact);
    if (!iommus.includes(session.platform.driver.name)) iommus.push(session.platform.driver.name);
  }

  add(result: CallResult): void {
    count(this.data.totals, result);
    count(this.countsOf(result.command), result);
    if (result.verdict === 'conforming') return;
    if (result.verdict === 'diverging') this.addDivergence(result);
    if (result.verdict === 'undetermined') this.addUndetermined(result);
  }

  private countsOf(command: string): Counts {
    const known = this.counts.get(command);
    if (known !== undefined) return known;
    const counts = noCounts();
    this.counts.set(command, counts);
    this.data.commands[command] = counts;
    return counts;
  }

  /** The kernel broke an invariant of its own: at a call, or when a file was closed. */
  addBroken(line: RecordedLine, invariant: string, context: number): void {
    const { invariants } = this.data;
    if (line.ev === 'trace' || invariants.length >= this.limit) return;
    const who = 'pid' in line ? `${line.ev} of process ${line.pid}` : line.ev;
    const detail = `at ${who}; nothing after it is checked in context ${context}`;
    invariants.push({ trace: this.trace, seq: line.seq, invariant, detail });
  }

  /** What the kernel's state must never look like showed after a call. */
  addViolation(line: RecordedLine, { invariant, detail }: Violation): void {
    const { invariants } = this.data;
    if (line.ev === 'trace' || invariants.length >= this.limit) return;
    invariants.push({ trace: this.trace, seq: line.seq, invariant, detail });
  }

  /** A capture lost events. */
  addLoss({ seq, count, place }: LostLine): void {
    const { lossTotals, losses } = this.data;
    lossTotals.gaps++;
    lossTotals.events += count ?? 0;
    if (losses.length < this.limit) losses.push({ trace: this.trace, seq, count: count ?? null, place });
  }

  /** Overlapping calls that the order of their beginnings does not explain. */
  addWindow({ calls, order, effects, conflict }: Linearised): void {
    const { overlaps } = this.data;
    if (overlaps.length >= this.limit) return;
    overlaps.push({ trace: this.trace, calls, order: order ?? null, effects, conflict: conflict ?? null });
  }

  /** A device accessed memory. */
  addDma(result: DmaResult): void {
    const { dma, dmaTotals } = this.data;
    const { verdict, difference, outcome } = result;
    dmaTotals.accesses++;
    dmaTotals[verdict === 'predicted' ? 'unrecorded' : verdict]++;
    if (dma.length >= this.limit) return;
    const prediction = dmaJson(this.trace, result);
    dma.push({ prediction, verdict, says: describeDma(outcome), difference: difference ?? null });
  }

  /** The model itself broke: the rest of the trace is not checked. */
  addDefect(defect: ModelDefect): void {
    this.data.defects.push({ trace: this.trace, seq: defect.seq, detail: defect.message });
  }

  /** The rest of the trace cannot be read. */
  addDamage(error: TraceFormatError): void {
    this.data.damaged.push({ trace: this.trace, detail: error.message });
  }

  private addDivergence(result: CallResult): void {
    const { line, difference, outcome, command } = result;
    const { divergences } = this.data;
    if (difference === undefined || divergences.length >= this.limit) return;
    const context = this.session?.engine.world.contexts.get(result.context);
    divergences.push({
      trace: this.trace,
      seq: line.seq,
      pid: line.pid,
      command,
      field: difference.field,
      recorded: difference.recorded,
      predicted: difference.predicted,
      rule: outcome.rule ?? null,
      objects: line.ev === 'ioctl' ? namedObjects(line, context) : [],
      events: outcome.events.map(({ type }) => type),
    });
  }

  private addUndetermined({ line, outcome, command }: CallResult): void {
    const { undetermined, reasons } = this.data;
    const missing = outcome.missing ?? 'a fact that the model did not name';
    const entry: Undetermined = { trace: this.trace, seq: line.seq, pid: line.pid, command, missing };
    const reason = missing.replace(numbers, 'N');
    reasons[reason] ??= { count: 0, first: entry };
    reasons[reason].count++;
    if (undetermined.length < this.limit) undetermined.push(entry);
  }
}

function count(counts: Counts, { verdict }: CallResult): void {
  counts.calls++;
  if (verdict === 'conforming') counts.conforming++;
  else counts[verdict === 'predicted' ? 'unrecorded' : verdict]++;
}

/** Whether the kernel and the model were of one mind, and the model with itself. */
export function isClean({ totals, dmaTotals, invariants, defects }: ReportData): boolean {
  return (
    totals.diverging === 0 && dmaTotals.diverging === 0 && invariants.length === 0 && defects.length === 0
  );
}

function dmaEntry({ prediction, verdict, difference }: DmaEntry): Record<string, unknown> {
  return { ...prediction, verdict, ...(difference === null ? {} : { difference }) };
}

/** The object of `ioasis replay --json`, without how long it took. The order of keys and entries is fixed. */
export function reportJson(data: ReportData): Record<string, unknown> {
  const { totals, divergences, undetermined, invariants, overlaps, defects, damaged } = data;
  const commands = Object.keys(data.commands).sort();
  return {
    schema: 'ioasis.replay/1',
    kernel: data.kernels.join(', '),
    iommu: data.iommus.join(', '),
    totals: { traces: data.traces, ...totals },
    commands: Object.fromEntries(commands.map((command) => [command, data.commands[command]])),
    divergences,
    undetermined,
    invariants,
    defects,
    damaged,
    overlaps,
    losses: { totals: data.lossTotals, gaps: data.losses },
    assumed: data.assumed,
    dma: { totals: data.dmaTotals, accesses: data.dma.map(dmaEntry) },
  };
}
