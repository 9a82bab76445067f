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

export type ItfHead = Readonly<{
  '#meta': Readonly<{ format: 'ITF'; 'format-description': string; source: string; description: string }>;
  vars: readonly string[];
}>;

export type ItfTrace = ItfHead & Readonly<{ states: readonly ItfState[]; loop?: number }>;

/** The command that led to a state, and its arguments, under the names that Quint gives them. */
const ACTION = 'mbt::actionTaken';
const PICKS = 'mbt::nondetPicks';
/** The step before the first state. */
export const INITIAL = 'init';

/** The trace as ITF: numbers as `#bigint`, sets as `#set`, what is indexed by members as `#map`. */
export function toItf(model: Model, trace: Trace): ItfTrace {
  const { states, steps, property, loop } = trace;
  const params = [...new Set(model.commands.flatMap((command: Command) => Object.keys(command.params)))];
  const picksOf = (step: TraceStep | undefined): ItfValue =>
    Object.fromEntries(params.map((param) => [param, optional(step?.args[param])] as const));
  return {
    ...itfHead(
      model.file,
      `${model.name}: ${property}`,
      model.layout.fields.map(({ name }) => name),
    ),
    states: states.map((snapshot, index) => {
      const step = steps[index - 1];
      return itfState(index, snapshot, step?.command ?? INITIAL, picksOf(step));
    }),
    ...(loop === undefined ? {} : { loop }),
  };
}

/** What stands before the states; `fields` are the names of the variables besides those that tell the step. */
export function itfHead(source: string, description: string, fields: readonly string[]): ItfHead {
  return {
    '#meta': {
      format: 'ITF',
      'format-description': 'https://apalache-mc.org/docs/adr/015adr-trace.html',
      source,
      description,
    },
    vars: [...fields, ACTION, PICKS],
  };
}

/** One state, with the command that led to it and what it was given. */
export function itfState(index: number, snapshot: Snapshot, action: string, picks: ItfValue): ItfState {
  const values = Object.entries(snapshot).map(([name, value]) => [name, itfValue(value)] as const);
  return { '#meta': { index }, ...Object.fromEntries(values), [ACTION]: action, [PICKS]: picks };
}

function optional(value: string | undefined): ItfValue {
  return value === undefined ? { tag: 'None', value: { '#tup': [] } } : { tag: 'Some', value };
}

/** Numbers as `#bigint`, sets, maps and tuples as the format has them. */
function itfValue(value: Value): ItfValue {
  if (typeof value === 'number' || typeof value === 'bigint') return { '#bigint': String(value) };
  if (typeof value !== 'object') return value;
  if ('set' in value) return { '#set': value.set.map(itfValue) };
  if ('tuple' in value) return { '#tup': value.tuple.map(itfValue) };
  return { '#map': value.map.map(([key, entry]) => [itfValue(key), itfValue(entry)] as const) };
}
