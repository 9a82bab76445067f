/**
 * A replayed recording on a time line: calls as slices of their threads and of the objects that they name, lives of objects and
 * attachments as spans, divergences and losses as instants. What is kept grows with what is alive, not with what happened.
 */
import type { Event } from '../events/event.ts';
import type { ObjectKind } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import { answerOf } from './call-step.ts';
import { describeCall } from './describe-command.ts';
import type { CallResult } from './engine.ts';
import { slotName } from './explain-holders.ts';
import { nameOf } from './explain-scene.ts';
import { idsOf } from './linearise-call.ts';
import { fatesOf } from './provenance.ts';
import type { RecordedLine } from './recording.ts';
import type { Session } from './replay-trace.ts';
import { type Row, TimelineEvents, type Track } from './timeline-events.ts';

/** A line without a time comes so long after the one before, in ns. */
const TICK = 1000;

type ShownObject = Readonly<{ name: string; span: string; track: Track }>;

/** A span that lasts: what it is called by, and what is inside of it now. */
type Attachment = Readonly<{ span: string; name: string; hwpt: string }>;

type ShownContext = Readonly<{
  pid: number;
  objects: Map<number, ShownObject>;
  attachments: Map<string, Attachment>;
}>;

export class Timeline {
  private readonly events: TimelineEvents;
  private session: Session | undefined;
  private readonly contexts = new Map<number, ShownContext>();
  private readonly threads = new Map<number, { pid: number; track: Track }>();
  /** Objects that ended at the line in work. */
  private ended: { context: number; id: number; object: ShownObject }[] = [];
  /** Objects that were made at it. */
  private begun: { pid: number; object: ShownObject }[] = [];
  private isTouched = false;
  /** Time at which the line in work began, and the latest of all, ns. */
  private now = 0;
  private latest = 0;
  /** Added to the times of this recording, which may be of another boot than the one before. */
  private offset = 0;
  private spans = 0;
  private calls = 0;

  constructor(print: (text: string) => void) {
    this.events = new TimelineEvents(print);
  }

  begin(session: Session): void {
    this.endAll();
    this.session = session;
    this.offset = Number.NaN;
  }

  /** Told of each event just before it is applied. */
  readonly onEvent = (event: Event): void => {
    const world = this.session?.engine.world;
    if (world === undefined) return;
    if (event.type === 'FileReleased' || event.type.startsWith('Device') || event.type === 'HwptReplaced')
      this.isTouched = true;
    for (const { context, id, kind, fate } of fatesOf(world, event)) {
      if (fate === 'made') this.made(context, id, kind);
      else this.gone(context, id);
    }
  };

  /** Told of each line after it was fed, in the order in which calls took effect. */
  fed(line: RecordedLine, result: CallResult | undefined): void {
    if (result !== undefined) this.call(result);
    else this.advance(line);
    if (line.ev === 'lost') this.lost(line);
    this.settle();
    if (line.ev === 'exit')
      for (const [tid, { pid }] of this.threads) if (pid === line.pid) this.threads.delete(tid);
  }

  /** Told of each call with its verdict. */
  verdict(result: CallResult): void {
    const { line, verdict, difference, command } = result;
    if (verdict !== 'diverging' || difference === undefined) return;
    const { field, recorded, predicted } = difference;
    const { pid, rows } = this.thread(line.pid, line.tid);
    const row = { pid, tid: rows[0]?.tid ?? line.tid };
    const args = { seq: line.seq, field, recorded, predicted, rule: result.outcome.rule ?? 'none' };
    this.events.instant(row, `divergence: ${command}`, 'divergence', this.placeOf(line), 't', args);
  }

  end(trace: string): void {
    this.endAll();
    this.events.end({ trace, calls: this.calls });
  }

  private timeOf(line: RecordedLine): number {
    const ns = 'ns' in line && line.ns !== undefined && line.ns > 0 ? line.ns : undefined;
    if (ns === undefined) return this.latest + TICK;
    if (Number.isNaN(this.offset)) this.offset = ns >= this.latest ? 0 : this.latest + TICK - ns;
    return ns + this.offset;
  }

  /** Where an instant of a line stands that was told already. */
  private placeOf(line: RecordedLine): number {
    const isTimed = 'ns' in line && line.ns !== undefined && line.ns > 0;
    return isTimed ? this.timeOf(line) : this.latest;
  }

  private advance(line: RecordedLine): number {
    this.now = this.timeOf(line);
    this.latest = Math.max(this.latest, this.now);
    return this.now;
  }

  private thread(pid: number, tid: number): Track {
    const known = this.threads.get(tid);
    if (known?.pid === pid) return known.track;
    if (![...this.threads.values()].some((one) => one.pid === pid))
      this.events.process(pid, `process ${pid}`);
    const track = this.events.track(pid, `thread ${tid}`, tid);
    this.threads.set(tid, { pid, track });
    return track;
  }

  private call(result: CallResult): void {
    const { line, command, verdict, context } = result;
    const start = this.advance(line);
    const end = start + ('dur' in line ? (line.dur ?? 0) : 0);
    this.latest = Math.max(this.latest, end);
    this.calls++;
    const args = { seq: line.seq, call: describeCall(line), answer: answerOf(result) };
    this.events.slice(this.thread(line.pid, line.tid), command, verdict, start, end, args);
    if (line.ev !== 'ioctl') return;
    const by = { ...args, thread: line.tid };
    for (const track of this.tracksOf(context, idsOf(line)))
      this.events.slice(track, command, verdict, start, end, by);
  }

  /** Tracks of the objects with these ids, and of those that ended by the call. */
  private tracksOf(context: number, ids: ReadonlySet<number>): Set<Track> {
    const tracks = new Set<Track>();
    const alive = this.contexts.get(context)?.objects;
    for (const id of ids) {
      const found =
        alive?.get(id) ?? this.ended.find((one) => one.context === context && one.id === id)?.object;
      if (found !== undefined) tracks.add(found.track);
    }
    return tracks;
  }

  private lost({ count, place }: Extract<RecordedLine, { ev: 'lost' }>): void {
    const row: Row = { pid: 0, tid: 0 };
    const name = `${count ?? 'some'} events lost`;
    this.events.instant(row, name, 'loss', this.latest, 'g', { place });
  }

  private context(id: number): ShownContext {
    const known = this.contexts.get(id);
    if (known !== undefined) return known;
    const pid = this.events.group(`context ${id}`);
    const context: ShownContext = { pid, objects: new Map(), attachments: new Map() };
    this.contexts.set(id, context);
    return context;
  }

  private made(contextId: number, id: number, kind: ObjectKind): void {
    const { pid, objects } = this.context(contextId);
    this.gone(contextId, id);
    const name = nameOf({ kind, id });
    const span = `object-${this.spans++}`;
    const object = { name, span, track: this.events.track(pid, name) };
    objects.set(id, object);
    this.begun.push({ pid, object });
  }

  private gone(contextId: number, id: number): void {
    const context = this.contexts.get(contextId);
    const object = context?.objects.get(id);
    if (context === undefined || object === undefined) return;
    context.objects.delete(id);
    this.ended.push({ context: contextId, id, object });
  }

  /** After the events of a line: spans that ended, contexts that went, slots that changed. */
  private settle(): void {
    for (const { pid, object } of this.begun)
      this.events.begin(pid, object.span, object.name, 'object', this.now, {});
    this.begun = [];
    for (const { context, object } of this.ended) {
      const { pid } = this.context(context);
      this.events.finish(pid, object.span, object.name, 'object', this.latest);
    }
    this.ended = [];
    if (!this.isTouched) return;
    this.isTouched = false;
    for (const [id, shown] of this.contexts) {
      const context = this.session?.engine.world.contexts.get(id);
      if (context === undefined) this.endContext(id, shown);
      else this.compare(shown, context);
    }
  }

  /** What is attached now, against what was. */
  private compare({ pid, attachments }: ShownContext, { groups }: Context): void {
    const now = new Map<string, { name: string; hwpt: string }>();
    for (const { key, slots } of groups.values())
      for (const [pasid, { hwptId }] of slots)
        now.set(`${key}/${pasid}`, { name: `group ${key}, ${slotName(pasid)}`, hwpt: `HWPT ${hwptId}` });
    for (const [slot, was] of attachments) {
      const is = now.get(slot);
      if (is?.hwpt === was.hwpt) continue;
      this.events.finish(pid, was.span, was.hwpt, 'attachment', this.latest);
      if (is === undefined) this.detached(pid, attachments, slot, was);
      else this.attached(pid, attachments, slot, { ...was, hwpt: is.hwpt });
    }
    for (const [slot, { name, hwpt }] of now) {
      if (attachments.has(slot)) continue;
      const span = `attachment-${this.spans++}`;
      this.events.begin(pid, span, name, 'attachment', this.latest, {});
      this.attached(pid, attachments, slot, { span, name, hwpt });
    }
  }

  private attached(pid: number, all: Map<string, Attachment>, slot: string, one: Attachment): void {
    all.set(slot, one);
    this.events.begin(pid, one.span, one.hwpt, 'attachment', this.latest, {});
  }

  private detached(
    pid: number,
    all: Map<string, Attachment>,
    slot: string,
    { span, name }: Attachment,
  ): void {
    all.delete(slot);
    this.events.finish(pid, span, name, 'attachment', this.latest);
  }

  private endContext(id: number, { pid, objects, attachments }: ShownContext): void {
    for (const { span, name } of objects.values()) this.events.finish(pid, span, name, 'object', this.latest);
    for (const [slot, one] of attachments) {
      this.events.finish(pid, one.span, one.hwpt, 'attachment', this.latest);
      this.detached(pid, attachments, slot, one);
    }
    this.contexts.delete(id);
  }

  private endAll(): void {
    for (const [id, shown] of this.contexts) this.endContext(id, shown);
  }
}
