import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CallResult } from '../traces/engine.ts';
import { idsOf } from '../traces/linearise-call.ts';
import { showTrace } from '../traces/show-trace.ts';
import { corpus, corpusText, replayed } from './support/captures.ts';
import { CORPUS, fileWith, ioasis } from './support/cli.ts';

const DEEP = corpus('kernel-7.3.4/deep/deep-005101.jsonl.gz');
const THREADS = corpus('kernel-7.3.4/threads/three-threads.jsonl.gz');
const CAPTURE = corpus('kernel-7.3.4/ftrace/viommu.ftrace.txt.gz');
const QEMU_LOG = corpus('qemu-10.0.2/qemu.log.gz');

type TraceEvent = Readonly<{
  ph: 'X' | 'i' | 'b' | 'e' | 'M';
  name: string;
  cat?: string;
  ts?: number;
  dur?: number;
  pid: number;
  tid: number;
  id?: string;
  s?: string;
  args?: Readonly<Record<string, string | number>>;
}>;

function converted(path: string, to: string, ...options: string[]): string {
  const { status, stdout, stderr } = ioasis(['convert', path, '--to', to, ...options]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

function eventsOf(path: string): TraceEvent[] {
  const parsed: { displayTimeUnit: string; traceEvents: TraceEvent[] } = JSON.parse(
    converted(path, 'perfetto'),
  );
  expect(parsed.displayTimeUnit).toBe('ns');
  return parsed.traceEvents;
}

/** Whether the event has what the Trace Event Format asks of its phase. */
function isWellFormed({ ph, name, pid, tid, ts, dur, id, s, cat, args }: TraceEvent): boolean {
  if (typeof name !== 'string' || !Number.isInteger(pid) || !Number.isInteger(tid)) return false;
  if (ph === 'M') return ['process_name', 'thread_name'].includes(name) && typeof args?.['name'] === 'string';
  if (typeof ts !== 'number' || ts < 0 || typeof cat !== 'string') return false;
  if (ph === 'X') return typeof dur === 'number' && dur >= 0;
  if (ph === 'i') return s === 't' || s === 'p' || s === 'g';
  return (ph === 'b' || ph === 'e') && typeof id === 'string';
}

/** Slices of one row that neither follow one another nor lie inside of each other, in ns. */
function crossing(events: readonly TraceEvent[]): string[] {
  const rows = new Map<string, { start: number; end: number }[]>();
  for (const { ph, pid, tid, ts = 0, dur = 0 } of events) {
    if (ph !== 'X') continue;
    const row = rows.get(`${pid}/${tid}`) ?? [];
    rows.set(`${pid}/${tid}`, row);
    const start = Math.round(ts * 1000);
    row.push({ start, end: start + Math.round(dur * 1000) });
  }
  return [...rows].flatMap(([name, slices]) => {
    slices.sort((one, other) => one.start - other.start);
    return slices.some(({ start }, index) => index > 0 && start < (slices[index - 1]?.end ?? 0))
      ? [name]
      : [];
  });
}

/** Spans that are open at the end of the events, by id, innermost last. */
function openSpans(
  events: readonly TraceEvent[],
  until = Number.POSITIVE_INFINITY,
): Map<string, TraceEvent[]> {
  const open = new Map<string, TraceEvent[]>();
  for (const event of events) {
    const { ph, id = '', ts = 0 } = event;
    if ((ph !== 'b' && ph !== 'e') || (ph === 'e' && ts >= until)) continue;
    const spans = open.get(id) ?? [];
    open.set(id, spans);
    if (ph === 'b') spans.push(event);
    else {
      const last = spans.pop();
      const fits = last !== undefined && last.ts !== undefined && last.ts <= ts && last.pid === event.pid;
      if (!fits || last.name !== event.name || last.cat !== event.cat) expect(event).toEqual(last);
      if (spans.length === 0) open.delete(id);
    }
  }
  return open;
}

const seqsOf = (events: readonly TraceEvent[]) => events.map(({ args }) => args?.['seq']);

describe('a recording on a time line', () => {
  it.each([DEEP, THREADS, CAPTURE, QEMU_LOG])(
    '%s is well formed, and no slice crosses another',
    async (path) => {
      const events = eventsOf(path);
      expect(events.filter((event) => !isWellFormed(event))).toEqual([]);
      expect(crossing(events)).toEqual([]);
      expect(openSpans(events).size).toBe(0);
      const named = new Set(events.filter(({ ph }) => ph === 'M').map(({ pid, tid }) => `${pid}/${tid}`));
      const slices = events.filter(({ ph }) => ph === 'X');
      expect(slices.filter(({ pid, tid }) => !named.has(`${pid}/${tid}`))).toEqual([]);
    },
  );

  it('has each call on its thread, with its times, and on every object that it names', async () => {
    const events = eventsOf(THREADS).filter(({ ph }) => ph === 'X');
    const { calls } = await replayed(THREADS);
    const threads = new Map<number, TraceEvent>();
    for (const event of events)
      if (event.args?.['thread'] === undefined) threads.set(Number(event.args?.['seq']), event);
    expect(threads.size).toBe(calls.length);
    for (const { line, verdict, command } of calls) {
      const { ts = 0, dur, pid, cat, name } = threads.get(line.seq) as TraceEvent;
      expect([pid, cat, name]).toEqual([line.pid, verdict, command]);
      expect(Math.round(ts * 1000)).toBe(line.ns);
      expect(Math.round((dur ?? 0) * 1000)).toBe('dur' in line ? (line.dur ?? 0) : 0);
    }
    const onObjects = events.filter(({ args }) => args?.['thread'] !== undefined);
    const destroys = calls.filter(
      ({ command, line }) => command === 'IOMMU_DESTROY' && 'ret' in line && line.ret === 0,
    );
    expect(destroys.length).toBeGreaterThan(10);
    for (const { line } of destroys) expect(seqsOf(onObjects)).toContain(line.seq);
    const most = new Map<number, number>();
    for (const { args } of onObjects)
      most.set(Number(args?.['seq']), (most.get(Number(args?.['seq'])) ?? 0) + 1);
    for (const { line } of calls) expect(most.get(line.seq) ?? 0).toBeLessThanOrEqual(idsOf(line).size);
  });

  it('shows the attachments and objects of a moment', async () => {
    const { contexts } = await showTrace(DEEP, { at: 3192 });
    const events = JSON.parse(converted(DEEP, 'perfetto', '--until', '3192')).traceEvents as TraceEvent[];
    const last = Math.max(...events.map(({ ts = 0, dur = 0 }) => ts + dur));
    // What lasts to the end is ended there, at the time of the last line.
    const spans = [...openSpans(events, last).values()].flat();
    const attached = contexts.flatMap(({ attachments }) => attachments.map(({ hwpt }) => `HWPT ${hwpt}`));
    const slots = new Set(
      contexts.flatMap(({ groups, attachments, id }) =>
        attachments.map(({ device, pasid, hwpt }) => {
          const group = groups.find(({ devices }) => devices.includes(device));
          return `${id} ${group?.key} ${pasid} HWPT ${hwpt}`;
        }),
      ),
    );
    expect(attached.length).toBeGreaterThan(3);
    const inner = spans.filter(({ cat, name }) => cat === 'attachment' && name.startsWith('HWPT'));
    expect(inner.length).toBe(slots.size);
    const objects = spans.filter(({ cat }) => cat === 'object');
    const alive = contexts.reduce((sum, { objects: ones, ioas }) => sum + ones.length + ioas.length, 0);
    const tombstones = contexts.flatMap(({ objects: ones }) =>
      ones.filter(({ kind }) => kind === 'tombstone'),
    );
    expect(objects.length).toBe(alive - tombstones.length);
  });

  it('marks divergences and losses', () => {
    const lines = corpusText('kernel-7.3.4/threads/three-threads.jsonl.gz').split('\n');
    const at = lines.findIndex((line) => line.includes('"req":"0x3b81"') && line.includes('"ret":0'));
    lines[at] = (lines[at] ?? '').replace('"ret":0', '"ret":-1,"errno":16');
    const path = fileWith('diverging.jsonl', lines.slice(0, at + 1).join('\n'));
    const instants = eventsOf(path).filter(({ ph }) => ph === 'i');
    expect(instants.map(({ name, s }) => [name, s])).toEqual([['divergence: IOMMU_IOAS_ALLOC', 't']]);
    expect(instants[0]?.args).toMatchObject({ field: 'errno', recorded: 'EBUSY', predicted: 'success' });
    const text = corpusText('kernel-7.3.4/ftrace/viommu.ftrace.txt.gz').split('\n');
    text.splice(200, 0, 'CPU:0 [LOST 7 EVENTS]');
    const lost = eventsOf(fileWith('lost.txt', text.join('\n'))).filter(({ cat }) => cat === 'loss');
    expect(lost.map(({ name, s }) => [name, s])).toEqual([['7 events lost', 'g']]);
  });
});

type ItfState = Readonly<Record<string, unknown>>;
const entriesOf = (value: unknown): [unknown, unknown][] =>
  (value as { '#map': [unknown, unknown][] })['#map'];
const bigints = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, one) =>
    one?.['#bigint'] === undefined ? one : Number(one['#bigint']),
  );

describe('a recording as ITF', () => {
  it.each([THREADS, CAPTURE])('%s has the state after each call', async (path) => {
    const { calls } = await replayed(path);
    const trace: { vars: string[]; states: ItfState[] } = JSON.parse(converted(path, 'itf'));
    expect(trace.states.length).toBe(calls.length + 1);
    trace.states.forEach((state, index) => {
      expect(Object.keys(state)).toEqual(['#meta', ...trace.vars]);
      expect(state['#meta']).toEqual({ index });
    });
    expect(trace.states[0]?.['mbt::actionTaken']).toBe('init');
    expect(entriesOf(trace.states[0]?.['objects'])).toEqual([]);
    const names = trace.states.slice(1).map((state) => state['mbt::actionTaken']);
    expect([...names].sort()).toEqual(calls.map(({ command }) => command).sort());
  });

  it('tells the same state as show', async () => {
    const { states } = JSON.parse(converted(CAPTURE, 'itf', '--until', '20')) as { states: ItfState[] };
    const last = states.at(-1) as ItfState;
    const { contexts } = await showTrace(CAPTURE, { at: 20, areas: true });
    const shown = contexts.flatMap(({ id, ioas, objects }) =>
      [...ioas, ...objects].map((one) => JSON.stringify([{ '#tup': [id, one.id] }, one.kind])),
    );
    expect(shown.length).toBeGreaterThan(3);
    const objects = entriesOf(bigints(last['objects'])).map((entry) => JSON.stringify(entry));
    expect(objects.sort()).toEqual(shown.sort());
    const attached = contexts.flatMap(({ attachments }) => attachments.map(({ hwpt }) => hwpt));
    expect(entriesOf(bigints(last['attached'])).map(([, hwpt]) => hwpt)).toEqual(attached);
  });
});

describe('the objects of a recording as a graph', () => {
  it('has the same nodes and edges for Mermaid as for Graphviz', () => {
    const dot = converted(DEEP, 'dot', '--until', '3192');
    expect(dot).toBe(ioasis(['show', DEEP, '--dot', '--at', '3192']).stdout);
    const mermaid = converted(DEEP, 'mermaid', '--until', '3192');
    const [first, ...lines] = mermaid.split('---\n')[2]?.trimEnd().split('\n') ?? [];
    expect(first).toBe('flowchart BT');
    const node = /^\s*(\w+)(?:\[\[|\[\/|\{\{|[[(>])"([^"]*)"(?:\]\]|\\\]|\}\}|[\])])$/;
    const edge = /^\s*(\w+) (?:-->|==>|-\.->)(?:\|"([^"]*)"\|)? (\w+)$/;
    const ids: string[] = [];
    const edges: string[] = [];
    for (const line of lines) {
      const [isNode, isEdge] = [node.exec(line), edge.exec(line)];
      if (isNode !== null) ids.push(`${isNode[1]}`);
      else if (isEdge !== null) edges.push(`${isEdge[1]} ${isEdge[3]}`);
      else expect(line).toMatch(/^ {2}(subgraph context\d+ \["context \d+"\]|end)$/);
    }
    const drawn = [...dot.matchAll(/^\s*(\w+) \[shape=(?!point)/gm)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThan(20);
    expect(ids.sort()).toEqual(drawn.sort());
    const joined = [...dot.matchAll(/^\s*(\w+) -> (\w+)/gm)].map(([, from, to]) => `${from} ${to}`);
    expect(edges.sort()).toEqual(joined.sort());
  });
});

describe('the calls of a recording as a sequence diagram', () => {
  const arrow = /^ {2}(\w+)->>(\w+): (\S+)/;

  it('asks in the order in which calls took effect, each answered', async () => {
    const { calls } = await replayed(CAPTURE);
    const [first, ...lines] = converted(CAPTURE, 'sequence').trimEnd().split('\n');
    expect(first).toBe('sequenceDiagram');
    const declared = new Set(
      lines.flatMap((line) => /^ {2}(?:actor|participant) (\w+) as /.exec(line)?.[1] ?? []),
    );
    const asked = lines.map((line) => arrow.exec(line)).filter((found) => found !== null);
    expect(asked.map((found) => found[3])).toEqual(calls.map(({ command }: CallResult) => command));
    for (const [, from, to] of asked)
      expect([declared.has(`${from}`), declared.has(`${to}`)]).toEqual([true, true]);
    expect(lines.filter((line) => line.includes('-->>')).length).toBe(calls.length);
  });

  it('refuses more calls than can be drawn', () => {
    const { status, stderr } = ioasis(['convert', DEEP, '--to', 'sequence']);
    expect([status, stderr]).toEqual([
      2,
      'ioasis: expected at most 1000 calls in a diagram, found more: give --until\n',
    ]);
  });

  it('is of one recording', () => {
    const { status, stderr } = ioasis(['convert', join(CORPUS, 'kernel-7.3.4/threads'), '--to', 'itf']);
    expect([status, stderr]).toEqual([2, 'ioasis: expected one trace for --to itf, found 2\n']);
  });
});
