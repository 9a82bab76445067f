/** The replay engine: one line of a recording in, the prediction and the verdict of a call out. Predicts before it compares. */
import type { Command } from '../events/command.ts';
import type { Event } from '../events/event.ts';
import { DONE, type Outcome, refuse } from '../events/outcome.ts';
import { unreachable } from '../events/unreachable.ts';
import { decide } from '../machines/decide.ts';
import { decideDma } from '../machines/dma.ts';
import type { OpenFile, World } from '../machines/world.ts';
import { applyEvent } from '../reducers/evolve.ts';
import {
  type CallLine,
  type CallResult,
  callResult,
  type Predicted,
  uncheckedResult,
  withoutLineage,
} from './call-result.ts';
import { compareIoctl, compareMmap, compareRead, compareWrite } from './compare.ts';
import { copyWorld } from './copy-world.ts';
import { decideMapping, decideRead, decideWrite } from './decide-file.ts';
import { dispatchIommufd, dispatchVfioDevice } from './dispatch.ts';
import { dmaAccess } from './dma-line.ts';
import type { EngineOptions } from './engine-options.ts';
import { EngineSite } from './engine-site.ts';
import { closed, credentials, mappings, openDescriptors, opened } from './facts.ts';
import { type IoctlEntry, ioctlName, numberOf } from './ioctl-table.ts';
import { newDescriptor, recordedHandled, recordedIova } from './new-descriptor.ts';
import { bytesRead, overlayOf, secondAfter, structAfter } from './prediction.ts';
import type { DmaLine, IoctlLine, MmapLine, ReadLine, RecordedLine, WriteLine } from './recording.ts';
import { adopted, CLOSED, denied, heldAgainst, misses, waysOf } from './ways.ts';

export type { CallLine, CallResult, Verdict } from './call-result.ts';

/** The answer of the world that an engine goes on in, and the worlds in which the call went otherwise. */
export type Fork = Readonly<{
  own: CallResult | undefined;
  others: readonly Readonly<{ engine: ReplayEngine; result: CallResult }>[];
}>;

export class ReplayEngine {
  readonly world: World;
  private readonly site: EngineSite;
  private readonly onEvent: ((event: Event) => void) | undefined;
  private readonly onInvariant: EngineOptions['onInvariant'];
  private readonly onApplied: EngineOptions['onApplied'];
  private readonly onDma: EngineOptions['onDma'];
  private line: RecordedLine | undefined;
  /** The recording is a row of random programs. */
  private random = false;
  private readonly options: EngineOptions;
  private fork: Fork | undefined;
  /** Whether the last call's decision looked at the second buffer. */
  secondAsked = false;
  /** The last call succeeded, and the model could not do what it did. */
  unfollowed = false;
  /** The line that was fed last. */
  seenLast: RecordedLine | undefined;

  constructor(world: World, options: EngineOptions) {
    this.world = world;
    this.options = options;
    this.onEvent = options.onEvent;
    this.onInvariant = options.onInvariant;
    this.onApplied = options.onApplied;
    this.onDma = options.onDma;
    this.site = new EngineSite(world, options.kernel, options.platform);
  }

  /** Lines that follow the next one, told ahead: some facts show only later. */
  set upcoming(lines: Iterable<RecordedLine>) {
    this.site.upcoming = lines;
  }

  /** Takes one line; answers for calls, undefined for facts. */
  feed(line: RecordedLine): CallResult | undefined {
    this.seenLast = line;
    if (line.ev === 'ioctl') return this.ioctl(line);
    if (line.ev !== 'program') this.line = line;
    switch (line.ev) {
      case 'read':
      case 'write':
        return this.readWrite(line);
      case 'mmap':
        return this.mmap(line);
      case 'cred':
        return this.apply([credentials(line)]);
      case 'vmas':
        return this.apply([mappings(line)]);
      case 'open':
        return this.open(line.pid, line.errno === undefined ? (line.fd ?? line.nextFd ?? -1) : -1, line);
      case 'dup':
        return this.duplicate(
          line.pid,
          line.fd,
          line.errno === undefined ? (line.nextFd ?? line.ret ?? -1) : -1,
        );
      case 'close':
        return this.apply(closed(this.site, this.world, line.pid, line.fd));
      case 'fork':
        return this.apply([{ type: 'ProcessForked', pid: line.pid, parent: line.parent }]);
      case 'exit':
        for (const fd of openDescriptors(this.world, line.pid))
          this.apply(closed(this.site, this.world, line.pid, fd));
        return this.apply([{ type: 'ProcessExited', pid: line.pid }]);
      case 'ftruncate':
        if (line.ret !== undefined && line.ret < 0) return undefined;
        return this.apply([{ type: 'FileTruncated', ino: line.ino, size: BigInt(line.size) }]);
      case 'dma':
        return this.dma(line);
      case 'program':
        this.random = true;
        return this.endPrograms();
      case 'trace':
      case 'poll':
      case 'lost':
        return undefined;
      default:
        return unreachable(line);
    }
  }

  /** The recording ends: the last random program has closed what it had. */
  finish(): void {
    if (this.random) this.endPrograms();
  }

  /** A new random program begins where the one before has closed all it had, event queues included. */
  private endPrograms(): undefined {
    for (const pid of this.world.processes.keys()) {
      for (const fd of openDescriptors(this.world, pid)) this.apply(closed(this.site, this.world, pid, fd));
    }
    return undefined;
  }

  /** A device's own access: no call, so nothing is compared. */
  private dma(line: DmaLine): undefined {
    const outcome = decideDma(this.world, dmaAccess(line));
    this.onDma?.(line, outcome);
    return this.apply(outcome.events);
  }

  private apply(events: readonly Event[]): undefined {
    this.fold(events);
    return undefined;
  }

  /** Applies the events; answers the invariant that broke, if one did. */
  private fold(events: readonly Event[], outcome?: Outcome): string | undefined {
    let broken: string | undefined;
    for (const event of events) {
      this.onEvent?.(event);
      applyEvent(this.world, event);
      if (event.type !== 'InvariantBroken') continue;
      broken ??= event.invariant;
      if (this.line !== undefined) this.onInvariant?.(this.line, event.invariant, event.context);
    }
    if (this.onApplied !== undefined && this.line !== undefined)
      this.onApplied(this.world, events, outcome, this.line);
    return broken;
  }

  private open(pid: number, fd: number, line: Extract<RecordedLine, { ev: 'open' }>): undefined {
    if (fd < 0) return undefined;
    this.replaceDescriptor(pid, fd);
    const event = opened(line, fd);
    return event === undefined ? undefined : this.apply([event]);
  }

  private duplicate(pid: number, from: number, fd: number): undefined {
    if (fd < 0) return undefined;
    this.replaceDescriptor(pid, fd);
    return this.apply([{ type: 'DescriptorDuplicated', pid, from, fd }]);
  }

  /** A number is handed out again: whatever had it was closed unseen, or by dup2. */
  private replaceDescriptor(pid: number, fd: number): void {
    if (this.world.processes.get(pid)?.fds.has(fd)) this.apply(closed(this.site, this.world, pid, fd));
  }

  private ioctl(line: IoctlLine): CallResult {
    const { site } = this;
    this.line = line;
    const file = site.arrive(line.pid, line.fd);
    const number = numberOf(line.req);
    if (file === undefined) return withoutLineage(line, ioctlName(line.kind, number));
    site.load(line);
    this.describe(line);
    const { entry, command, refusal } = this.dispatch(file, number);
    const name = entry?.name ?? ioctlName(file.kind, number);
    site.newFd = newDescriptor(entry, line, this.world, site);
    if (site.context.broken !== '') return this.unchecked(line, name, entry);
    const outcome = refusal ?? (command === undefined ? DONE : decide(site, command, entry?.decider));
    this.secondAsked = site.secondAsked;
    let predicted = this.predicted(line, entry, outcome);
    let open = CLOSED;
    let followed = outcome;
    if (line.ret === undefined) {
      if (outcome.missing !== undefined && command !== undefined)
        followed = this.branch(line, name, entry, command, outcome);
    } else {
      if (outcome.missing !== undefined && command !== undefined)
        ({ predicted, open } = this.held(line, entry, command, predicted));
      if (command !== undefined && misses(outcome, line.ret)) {
        site.trusting = true;
        site.adoptedIova = recordedIova(entry, line);
        followed = adopted(line.ret, outcome, decide(site, command), open);
        if (open.length > 1) {
          const result = callResult(line, name, site.context.id, predicted, undefined);
          this.divide(followed, open.slice(1), () => result);
        }
      } else {
        const left = command === undefined ? outcome : denied(site, command, outcome);
        followed = adopted(line.ret, outcome, left);
      }
    }
    const refused = followed.rule !== undefined || followed.missing !== undefined;
    this.unfollowed = line.ret !== undefined && line.ret >= 0 && refused && followed.events.length === 0;
    const broken = this.fold(followed.events, followed);
    return callResult(line, name, site.context.id, predicted, broken);
  }

  /** A call that cannot be told, held against every answer that the missing fact allows; and how it may have gone. */
  private held(
    line: IoctlLine,
    entry: IoctlEntry | undefined,
    command: Command,
    predicted: Predicted,
  ): { predicted: Predicted; open: readonly Outcome[] } {
    const { site } = this;
    site.handled = recordedHandled(entry, line);
    site.adoptedIova = recordedIova(entry, line);
    const { contradiction: difference, open } = heldAgainst(
      site,
      command,
      line.ret ?? 0,
      (way) => this.predicted(line, entry, way).difference,
    );
    return { predicted: difference === undefined ? predicted : { ...predicted, difference }, open };
  }

  /** The bytes of an outcome, and what in them differs from the recording. */
  private predicted(line: IoctlLine, entry: IoctlEntry | undefined, outcome: Outcome): Predicted {
    const { site } = this;
    const limit = entry === undefined ? 0 : site.structLength;
    const out = structAfter(outcome, entry?.layout, site.struct, limit, line);
    const written = outcome.buffer !== undefined || (out !== undefined && line.ptr !== undefined);
    const second = written ? site.second : undefined;
    const ptrOut = second && secondAfter(outcome, second, overlayOf(line, this.site.arg, out, second));
    const difference = outcome.missing === undefined ? compareIoctl(line, outcome, out, ptrOut) : undefined;
    return { outcome, out, ptrOut, difference, recorded: line.ret !== undefined };
  }

  /** Whether the last call may have gone otherwise; see takeFork(). */
  get forks(): boolean {
    return this.fork !== undefined;
  }

  /** How else the last call may have gone, if the model could not tell and the recording does not. */
  takeFork(): Fork | undefined {
    const { fork } = this;
    this.fork = undefined;
    return fork;
  }

  /** The ways in which a call may have gone that cannot be told. Answers the outcome that this engine follows. */
  private branch(
    line: IoctlLine,
    name: string,
    entry: IoctlEntry | undefined,
    command: Command,
    outcome: Outcome,
  ): Outcome {
    const ways = waysOf(this.site, command);
    if (!ways.some(({ events }) => events.length > 0)) return outcome;
    // Refused in a way that nobody modelled: the world stays, and so does the doubt.
    const own = ways.at(-1)?.rule === undefined ? undefined : ways.pop();
    this.divide(own, ways, (way) =>
      callResult(line, name, this.site.context.id, this.predicted(line, entry, way), undefined),
    );
    return own ?? outcome;
  }

  /** This engine goes on in `own`; each of the others has an engine of its own. */
  private divide(own: Outcome | undefined, ways: readonly Outcome[], answer: (way: Outcome) => CallResult) {
    const others = ways.map((way) => {
      const engine = this.clone();
      engine.apply(way.events);
      return { engine, result: answer(way) };
    });
    this.fork = { own: own === undefined ? undefined : answer(own), others };
  }

  /** Goes on in the world of another engine, which is not to be used any more. */
  become(other: ReplayEngine): void {
    Object.assign(this.world, other.world);
  }

  /** An engine that goes on from here without this one noticing; nobody is told of what it does. */
  clone(): ReplayEngine {
    const { kernel, platform } = this.options;
    const clone = new ReplayEngine(copyWorld(this.world), { kernel, platform });
    clone.site.upcoming = this.site.upcoming;
    clone.random = this.random;
    clone.line = this.line;
    clone.seenLast = this.seenLast;
    return clone;
  }

  private dispatch(file: OpenFile, number: number) {
    switch (file.kind) {
      case 'iommufd':
      case 'vfio-container':
        return dispatchIommufd(this.site, number);
      case 'vfio-dev':
        return dispatchVfioDevice(this.site, number);
      default:
        return { entry: undefined, command: undefined, refusal: refuse('event-file/ioctl') };
    }
  }

  /** What MAP_FILE's descriptor was: a fact of the recording, learned before the call is decided. */
  private describe(line: IoctlLine): void {
    const { file } = line;
    this.site.descriptor = undefined;
    if (file === undefined) return;
    const open = file.errno === undefined;
    const size = BigInt(file.size ?? 0);
    this.site.descriptor = { open, ino: file.ino ?? 0, size, type: file.type ?? '' };
    if (open && file.ino !== undefined) this.apply([{ type: 'FileSized', ino: file.ino, size }]);
  }

  private readWrite(line: ReadLine | WriteLine): CallResult {
    const { site } = this;
    const file = site.arrive(line.pid, line.fd);
    const name = `${line.ev}(${file?.kind ?? line.kind})`;
    if (file === undefined) return withoutLineage(line, name);
    if (site.context.broken !== '') return this.unchecked(line, name, undefined);
    const outcome = line.ev === 'read' ? decideRead(site, file, line.len) : decideWrite(site, file, line);
    const difference =
      outcome.missing !== undefined
        ? undefined
        : line.ev === 'read'
          ? compareRead(line, outcome)
          : compareWrite(line, outcome);
    const followed = line.ret === undefined ? outcome : adopted(line.ret, outcome, outcome);
    return callResult(
      line,
      name,
      site.context.id,
      { outcome, out: bytesRead(outcome), ptrOut: undefined, difference, recorded: line.ret !== undefined },
      this.fold(followed.events, followed),
    );
  }

  private mmap(line: MmapLine): CallResult {
    const { site } = this;
    const file = site.arrive(line.pid, line.fd);
    if (file === undefined) return withoutLineage(line, 'mmap');
    if (site.context.broken !== '') return this.unchecked(line, 'mmap', undefined);
    const outcome = decideMapping(site, line);
    const difference = compareMmap(line, outcome);
    const ret = line.errno === undefined ? (line.addr === undefined ? undefined : 0) : -1;
    const followed = ret === undefined ? outcome : adopted(ret, outcome, outcome);
    return callResult(
      line,
      'mmap',
      site.context.id,
      { outcome, out: undefined, ptrOut: undefined, difference, recorded: ret !== undefined },
      this.fold(followed.events, followed),
    );
  }

  /** After an invariant broke nothing is claimed of the context; only descriptors are followed. */
  private unchecked(line: CallLine, command: string, entry: IoctlEntry | undefined): CallResult {
    const { site } = this;
    const kinds = { FaultQueueAlloc: 'fault', VeventqAlloc: 'eventq', TestCreateAccess: 'access' } as const;
    const kind = entry === undefined ? undefined : kinds[entry.type as keyof typeof kinds];
    if (
      kind !== undefined &&
      line.ev === 'ioctl' &&
      site.newFd >= 0 &&
      (line.ret === undefined || line.ret === 0)
    ) {
      this.replaceDescriptor(line.pid, site.newFd);
      this.apply([
        {
          type: 'DescriptorIssued',
          pid: line.pid,
          fd: site.newFd,
          kind,
          context: site.context.id,
          id: 0,
          length: 0n,
        },
      ]);
    }
    return uncheckedResult(line, command, site.context.id);
  }
}
