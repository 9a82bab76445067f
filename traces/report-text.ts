/** The report of a replay for a person: a table by command, then what deserves a look, each with its reason. */
import type { Rule } from '../events/rule.ts';
import { RULES } from '../events/rules.ts';
import type { Counts, Divergence, DmaEntry, Overlap, ReportData } from './report-data.ts';

/** How a terminal shows it; the identity where there are no colours. */
export type Paint = Readonly<{
  bold: (text: string) => string;
  dim: (text: string) => string;
  good: (text: string) => string;
  bad: (text: string) => string;
  doubtful: (text: string) => string;
}>;

export type TextOptions = Readonly<{
  paint: Paint;
  elapsedMs: number;
  all: boolean;
  /** More to say of the first divergences, line by line. */
  details: readonly (readonly string[])[];
  /** Options that `ioasis explain` needs to take the traces for the same. */
  again?: readonly string[];
}>;

const DIVERGENCES_SHOWN = 10;
const REASONS_SHOWN = 5;
const OVERLAPS_SHOWN = 5;
const COLUMNS = ['calls', 'conforming', 'diverging', 'undetermined', 'unchecked', 'unrecorded'] as const;
const OPTIONAL: ReadonlySet<string> = new Set(['unchecked', 'unrecorded']);
const GAP = 2;
const HEX = 2;
/** Bytes shown from the first that differs. */
const BYTES_SHOWN = 16;

type Column = (typeof COLUMNS)[number];

/** Digits in groups of three, whatever the locale. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

function many(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** The whole report, without a newline at its end. */
export function reportText(data: ReportData, options: TextOptions): string {
  const sections = [
    headline(data, options),
    table(data, options.paint),
    divergences(data, options),
    reasons(data, options.paint),
    losses(data, options.paint),
    invariants(data, options.paint),
    overlaps(data, options),
    dmaAccesses(data, options),
    verdict(data, options.paint),
  ];
  return sections.filter((lines) => lines.length > 0).join('\n\n');
}

function headline(
  { kernels, iommus, traces, totals }: ReportData,
  { paint, elapsedMs }: TextOptions,
): string {
  const rate = elapsedMs > 0 ? ` (${grouped((totals.calls * 1000) / elapsedMs)} a second)` : '';
  const work = `${many(traces, 'trace')}, ${many(totals.calls, 'call')} in ${(elapsedMs / 1000).toFixed(1)} s${rate}`;
  return `${paint.bold(`Linux ${kernels.join(', ')} on ${iommus.join(', ')}`)}: ${work}`;
}

function table({ commands, totals }: ReportData, paint: Paint): string {
  const names = Object.keys(commands).sort(
    (one, other) => calls(commands, other) - calls(commands, one) || (one < other ? -1 : 1),
  );
  const columns = COLUMNS.filter((column) => totals[column] > 0 || !OPTIONAL.has(column));
  const rows: [string, Counts][] = names.map((name) => [name, commands[name] as Counts]);
  const all: [string, Counts][] = [...rows, ['total', totals]];
  const nameWidth = Math.max(...all.map(([name]) => name.length));
  const cells = ([name, counts]: [string, Counts]) =>
    name.padEnd(nameWidth) + columns.map((column) => cell(column, counts[column], paint)).join('');
  const head = 'command'.padEnd(nameWidth) + columns.map((column) => column.padStart(width(column))).join('');
  return [paint.bold(head), ...all.map(cells)].join('\n');
}

function calls(commands: ReportData['commands'], name: string): number {
  return commands[name]?.calls ?? 0;
}

function width(column: Column): number {
  return Math.max(column.length, grouped(999_999_999).length) + GAP;
}

function cell(column: Column, value: number, paint: Paint): string {
  const text = grouped(value).padStart(width(column));
  if (value === 0) return paint.dim(text);
  if (column === 'diverging') return paint.bad(text);
  return column === 'undetermined' || column === 'unchecked' ? paint.doubtful(text) : text;
}

function divergences(
  { divergences: found, totals }: ReportData,
  { paint, all, details, again = [] }: TextOptions,
): string {
  if (totals.diverging === 0) return '';
  const shown = all ? found : found.slice(0, DIVERGENCES_SHOWN);
  const rest = totals.diverging > shown.length ? `, the first ${shown.length}` : '';
  const title = paint.bold(`${many(totals.diverging, 'divergence')}${rest}:`);
  return [
    title,
    ...shown.map((one, nth) => divergence(one, { details: details[nth] ?? [], again, paint })),
  ].join('\n');
}

function divergence(
  one: Divergence,
  { details, again, paint }: Required<Pick<TextOptions, 'again' | 'paint'>> & { details: readonly string[] },
): string {
  const explain = ['ioasis explain', quoted(one.trace), one.seq, ...again].join(' ');
  const lines = [
    `  ${paint.bold(`${one.trace} seq ${one.seq}`)} process ${one.pid} ${one.command}`,
    `    ${paint.bad(difference(one))}`,
    `    ${because(one)}`,
  ];
  if (one.objects.length > 0) lines.push(`    names ${one.objects.join(', ')}`);
  lines.push(...details.map((detail) => `    ${detail}`));
  lines.push(paint.dim(`    more: ${explain}`));
  return lines.join('\n');
}

/** For bytes, from the first that differs; everything else as it is. */
function difference({ field, recorded, predicted }: Divergence): string {
  if (field === 'ret' || field === 'errno') return `${field}: recorded ${recorded}, predicted ${predicted}`;
  const at = firstDifferent(recorded, predicted);
  if (at === undefined)
    return `${field}: recorded ${bytesFrom(recorded, 0)}, predicted ${bytesFrom(predicted, 0)}`;
  return `${field} from byte ${at}: recorded ${bytesFrom(recorded, at)}, predicted ${bytesFrom(predicted, at)}`;
}

/** The byte at which two hex strings part; undefined where one of them is none. */
function firstDifferent(recorded: string, predicted: string): number | undefined {
  const isHex = (text: string) => /^[0-9a-f?]*$/.test(text);
  if (!isHex(recorded) || !isHex(predicted)) return undefined;
  const length = Math.min(recorded.length, predicted.length);
  for (let at = 0; at < length; at += HEX) {
    const byte = predicted.slice(at, at + HEX);
    if (byte !== '??' && byte !== recorded.slice(at, at + HEX)) return at / HEX;
  }
  return length / HEX;
}

function bytesFrom(hex: string, at: number): string {
  const from = at * HEX;
  const to = from + BYTES_SHOWN * HEX;
  return hex.slice(from, to) === '' ? 'nothing' : hex.slice(from, to) + (hex.length > to ? '…' : '');
}

function because({ rule, events }: Divergence): string {
  if (rule !== null) {
    const entry = RULES[rule as keyof typeof RULES] as Rule | undefined;
    if (entry !== undefined) return `rule ${rule}, ${entry.source}: ${entry.says}`;
  }
  return `no rule refuses it${events.length > 0 ? `; it would be ${events.join(', ')}` : ''}`;
}

/** A path that a shell takes as it stands. */
function quoted(path: string): string {
  return /^[\w./:@%+,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function reasons({ reasons: found, totals }: ReportData, paint: Paint): string {
  if (totals.undetermined === 0) return '';
  const entries = Object.entries(found).sort(
    ([one, { count: less }], [other, { count: more }]) => more - less || (one < other ? -1 : 1),
  );
  const rest = entries.length > REASONS_SHOWN ? `, the first ${REASONS_SHOWN} reasons` : '';
  const title = paint.bold(
    `${grouped(totals.undetermined)} undetermined, for lack of ${many(entries.length, 'fact')}${rest}:`,
  );
  const shown = entries
    .slice(0, REASONS_SHOWN)
    .map(
      ([reason, { count, first }]) =>
        `  ${grouped(count).padStart(7)}  ${reason} ${paint.dim(`(first: ${first.trace} seq ${first.seq})`)}`,
    );
  return [title, ...shown].join('\n');
}

/** What a capture lost, and what it never told. */
function losses({ lossTotals, losses: found, assumed }: ReportData, paint: Paint): string {
  const lines: string[] = [];
  const [first] = found;
  if (first !== undefined) {
    const known = lossTotals.events === 0 ? 'events' : `${many(lossTotals.events, 'event')} or more`;
    lines.push(
      `${paint.doubtful(`${many(lossTotals.gaps, 'gap')}, in which ${known} were lost`)}: nothing is claimed of what was open then ${paint.dim(`(first: ${first.trace} seq ${first.seq}, ${first.place})`)}`,
    );
  }
  if (assumed.length > 0)
    lines.push(paint.dim(`taken for granted, where the capture does not tell: ${assumed.join(', ')}`));
  return lines.join('\n');
}

function invariants({ invariants: found }: ReportData, paint: Paint): string {
  if (found.length === 0) return '';
  const shown = found.slice(0, DIVERGENCES_SHOWN).map(({ trace, seq, invariant, detail }) => {
    return `  ${paint.bold(`${trace} seq ${seq}`)} ${invariant}\n    ${detail}`;
  });
  const rest = found.length > shown.length ? `, the first ${shown.length}` : '';
  return [paint.bold(`${many(found.length, 'broken invariant')}${rest}:`), ...shown].join('\n');
}

function overlaps({ overlaps: found }: ReportData, { paint, all }: TextOptions): string {
  if (found.length === 0) return '';
  const shown = all ? found : found.slice(0, OVERLAPS_SHOWN);
  const rest = found.length > shown.length ? `, the first ${shown.length}` : '';
  const title = paint.bold(`${many(found.length, 'set')} of overlapping calls in another order${rest}:`);
  return [title, ...shown.map(overlap)].join('\n');
}

function dmaAccesses({ dma, dmaTotals }: ReportData, { paint, all }: TextOptions): string {
  if (dma.length === 0) return '';
  const shown = all ? dma : [...dma].sort(divergingFirst).slice(0, DIVERGENCES_SHOWN);
  const rest = dmaTotals.accesses > shown.length ? `, ${shown.length} of them` : '';
  const title = paint.bold(
    `${grouped(dmaTotals.accesses)} DMA ${dmaTotals.accesses === 1 ? 'access' : 'accesses'}${rest}:`,
  );
  return [title, ...shown.map((one) => dmaAccess(one, paint))].join('\n');
}

function divergingFirst(one: DmaEntry, other: DmaEntry): number {
  return Number(other.verdict === 'diverging') - Number(one.verdict === 'diverging');
}

function dmaAccess({ prediction, verdict, says, difference }: DmaEntry, paint: Paint): string {
  const { trace, seq, rid, pasid, iova, length, write } = prediction;
  const who = pasid === 0 ? `RID ${rid}` : `PASID ${pasid} of RID ${rid}`;
  const what = `${who} ${write ? 'writes' : 'reads'} ${length} bytes at ${iova}`;
  const lines = [`  ${paint.bold(`${trace} seq ${seq}`)} ${what}: ${verdict}`];
  if (difference !== null)
    lines.push(
      `    ${paint.bad(`${difference.field}: recorded ${difference.recorded}, predicted ${difference.predicted}`)}`,
    );
  return [...lines, ...says.map((line) => `    ${line}`)].join('\n');
}

function overlap({ trace, calls, order, effects, conflict }: Overlap): string {
  const saw = effects.map(({ seq, effect, cause }) => `; ${seq} saw ${effect} of ${cause}`).join('');
  const explained = order === null ? 'no order was found' : `explained as ${order.join(', ')}${saw}`;
  const said = conflict === null ? explained : `no order explains ${conflict.join(', ')}`;
  return `  ${trace} seq ${calls[0]} to ${calls.at(-1)}: ${said}`;
}

function verdict({ totals, dmaTotals, invariants: broken, defects: ours }: ReportData, paint: Paint): string {
  const said = totals.calls - totals.unrecorded - totals.unchecked - totals.undetermined;
  if (said === 0 && totals.diverging === 0) return '';
  const share = `${grouped(totals.conforming)} of ${many(said, 'comparable call')} as the kernel answered them`;
  const clean = totals.diverging + dmaTotals.diverging === 0 && broken.length === 0 && ours.length === 0;
  return clean ? paint.good(share) : paint.bad(share);
}
