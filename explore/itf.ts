/** Traces in the Informal Trace Format (Apalache's ADR 015), which other model checkers and their viewers read. */
import type { Command, Model } from './model.ts';
import type { Snapshot, Value } from './model-snapshot.ts';
import type { Trace, TraceStep } from './search-trace.ts';

export type ItfValue =
  | boolean
  | string
  | Readonly<{ '#bigint': string }>
  | Readonly<{ '#set': readonly ItfValue[] }>
  | Readonly<{ '#map': readonly (readonly [ItfValue, ItfValue])[] }>
  | Readonly<{ '#tup': readonly ItfValue[] }>
  | ItfRecord;

/** A record, or a variant: `{ tag, value }`. */
export interface ItfRecord {
  readonly [field: string]: ItfValue;
}

export type ItfState = Readonly<{ '#meta': Readonly<{ index: number }> }> & ItfRecords;
type ItfRecords = Readonly<Record<string, ItfValue | Readonly<{ index: number }>>>;

export type ItfTrace = Readonly<{
  '#meta': Readonly<{ format: 'ITF'; 'format-description': string; source: string; description: string }>;
  vars: readonly string[];
  states: readonly ItfState[];
  loop?: number;
}>;

/** The command that led to a state, and its arguments, under the names that Quint gives them. */
const ACTION = 'mbt::actionTaken';
const PICKS = 'mbt::nondetPicks';

/** The trace as ITF: numbers as `#bigint`, sets as `#set`, what is indexed by members as `#map`. */
export function toItf(model: Model, trace: Trace): ItfTrace {
  const { states, steps, property, loop } = trace;
  const params = [...new Set(model.commands.flatMap((command: Command) => Object.keys(command.params)))];
  return {
    '#meta': {
      format: 'ITF',
      'format-description': 'https://apalache-mc.org/docs/adr/015adr-trace.html',
      source: model.file,
      description: `${model.name}: ${property}`,
    },
    vars: [...model.layout.fields.map(({ name }) => name), ACTION, PICKS],
    states: states.map((snapshot, index) => stateOf(snapshot, index, steps[index - 1], params)),
    ...(loop === undefined ? {} : { loop }),
  };
}

function stateOf(
  snapshot: Snapshot,
  index: number,
  step: TraceStep | undefined,
  params: readonly string[],
): ItfState {
  const values = Object.entries(snapshot).map(([name, value]) => [name, itfValue(value)] as const);
  const picks = params.map((param) => [param, optional(step?.args[param])] as const);
  return {
    '#meta': { index },
    ...Object.fromEntries(values),
    [ACTION]: step?.command ?? 'init',
    [PICKS]: Object.fromEntries(picks),
  };
}

function optional(value: string | undefined): ItfValue {
  return value === undefined ? { tag: 'None', value: { '#tup': [] } } : { tag: 'Some', value };
}

function itfValue(value: Value): ItfValue {
  if (typeof value === 'number') return { '#bigint': String(value) };
  if (typeof value !== 'object') return value;
  if ('set' in value) return { '#set': value.set.map(itfValue) };
  if ('tuple' in value) return { '#tup': value.tuple.map(itfValue) };
  return { '#map': value.map.map(([key, entry]) => [itfValue(key), itfValue(entry)] as const) };
}
