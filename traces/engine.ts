/** The replay engine: one line of a recording in, the prediction and the verdict of a call out. Predicts before it compares. */
import type { Command } from '../events/command.ts';
import type { Event } from '../events/event.ts';
import { DONE, type Outcome, type Patch, refuse } from '../events/outcome.ts';
import { unreachable } from '../events/unreachable.ts';
import { decide } from '../machines/decide.ts';
import { type DmaOutcome, decideDma } from '../machines/dma.ts';
import type { KernelProfile } from '../machines/kernel-profile.ts';
import type { Platform } from '../machines/platform.ts';
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
import { EngineSite } from './engine-site.ts';
import { closed, credentials, mappings, openDescriptors, opened } from './facts.ts';
import { type IoctlEntry, ioctlName } from './ioctl-table.ts';
import { newDescriptor, recordedHandled, recordedIova } from './new-descriptor.ts';
import { bytesRead, type HexPattern, secondAfter, structAfter } from './prediction.ts';
import type { DmaLine, IoctlLine, MmapLine, ReadLine, RecordedLine, WriteLine } from './recording.ts';
import { adopted, contradiction, denied, misses, waysOf } from './ways.ts';

export type { CallLine, CallResult, Verdict } from './call-result.ts';

export type EngineOptions = Readonly<{
  kernel: KernelProfile;
  platform: Platform;
  /** Told of every event just before it is applied. */
  onEvent?: (event: Event) => void;
  /** Told of every invariant that the kernel broke, at the line where it broke: an ioctl, a close, an exit. */
  onInvariant?: (line: RecordedLine, invariant: string, context: number) => void;
  /** Told after events were applied, with the outcome where a call brought them: for checks of the world. */
  onApplied?: (
    world: World,
    events: readonly Event[],
    outcome: Outcome | undefined,
    line: RecordedLine,
  ) => void;
  /** Told of each DMA access of the recording, before what it leaves behind is applied. */
  onDma?: (line: DmaLine, outcome: DmaOutcome) => void;
}>;

/** The ioctl number of its text: nearly always `0x3b` and two digits more. */
function numberOf(text: string): number {
  if (text.length !== 6 || !text.startsWith('0x3b')) return Number(text);
  return 0x3b00 | (digit(text.charCodeAt(4)) << 4) | digit(text.charCodeAt(5));
}

/** Value of a hex digit by its character code; the reader has checked that it is one. */
function digit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}

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
    if (line.ev !== 'program') this.line = line;
    switch (line.ev) {
      case 'ioctl':
        return this.ioctl(line);
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

  private apply(events: readonly Event[], outcome?: Outcome): undefined {
    for (const event of events) {
      this.onEvent?.(event);
      applyEvent(this.world, event);
      if (event.type === 'InvariantBroken' && this.line !== undefined) {
        this.onInvariant?.(this.line, event.invariant, event.context);
      }
    }
    if (this.onApplied !== undefined && this.line !== undefined)
      this.onApplied(this.world, events, outcome, this.line);
    return undefined;
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
    const file = site.arrive(line.pid, line.fd);
    const number = numberOf(line.req);
    if (file === undefined) return withoutLineage(line, ioctlName(line.kind, number));
    site.load(line);
    this.describe(line);
    const { entry, command, refusal } = this.dispatch(file, number);
    const name = entry?.name ?? ioctlName(file.kind, number);
    site.newFd = newDescriptor(entry, line, this.world, site);
    if (site.context.broken !== '') return this.unchecked(line, name, entry);
    const outcome = refusal ?? (command === undefined ? DONE : decide(site, command));
    this.secondAsked = site.secondAsked;
    let predicted = this.predicted(line, entry, outcome);
    let followed = outcome;
    if (outcome.missing !== undefined && line.ret !== undefined && command !== undefined)
      predicted = this.held(line, entry, command, predicted);
    if (line.ret !== undefined && command !== undefined && misses(outcome, line.ret)) {
      site.trusting = true;
      site.adoptedIova = recordedIova(entry, line);
      followed = adopted(line.ret, outcome, decide(site, command));
    } else if (line.ret !== undefined) {
      followed = adopted(line.ret, outcome, command === undefined ? outcome : denied(site, command, outcome));
    } else if (outcome.missing !== undefined && command !== undefined) {
      followed = this.branch(command, outcome, (way) =>
        callResult(line, name, site.context.id, this.predicted(line, entry, way), undefined),
      );
    }
    const refused = followed.rule !== undefined || followed.missing !== undefined;
    this.unfollowed = line.ret !== undefined && line.ret >= 0 && refused && followed.events.length === 0;
    const broken = this.follow(followed);
    return callResult(line, name, site.context.id, predicted, broken);
  }

  /** A call that cannot be told, held against every answer that the missing fact allows. */
  private held(
    line: IoctlLine,
    entry: IoctlEntry | undefined,
    command: Command,
    predicted: Predicted,
  ): Predicted {
    const { site } = this;
    site.handled = line.ret === 0 ? undefined : recordedHandled(entry, line);
    site.adoptedIova = recordedIova(entry, line);
    const difference = contradiction(site, command, (way) => this.predicted(line, entry, way).difference);
    return difference === undefined ? predicted : { ...predicted, difference };
  }

  /** The bytes of an outcome, and what in them differs from the recording. */
  private predicted(line: IoctlLine, entry: IoctlEntry | undefined, outcome: Outcome): Predicted {
    const { site } = this;
    const limit = entry === undefined ? 0 : site.structLength;
    const out = structAfter(outcome, entry?.layout, site.struct, limit, line);
    const written = outcome.buffer !== undefined || (out !== undefined && line.ptr !== undefined);
    const second = written ? site.second : undefined;
    const ptrOut = second && secondAfter(outcome, second, this.overlay(line, out, second));
    const difference = outcome.missing === undefined ? compareIoctl(line, outcome, out, ptrOut) : undefined;
    return { outcome, out, ptrOut, difference };
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

  /**
   * The ways in which a call may have gone that cannot be told. This engine goes on in the last of them; each of the others has
   * an engine of its own. Answers the outcome that this one follows.
   */
  private branch(command: Command, outcome: Outcome, answer: (outcome: Outcome) => CallResult): Outcome {
    const ways = waysOf(this.site, command);
    if (!ways.some(({ events }) => events.length > 0)) return outcome;
    // Refused in a way that nobody modelled: the world stays, and so does the doubt.
    const own = ways.at(-1)?.rule === undefined ? undefined : ways.pop();
    const others = ways.map((way) => {
      const engine = this.clone();
      engine.apply(way.events);
      return { engine, result: answer(way) };
    });
    this.fork = { own: own === undefined ? undefined : answer(own), others };
    return own ?? outcome;
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

  /** The struct can lie in the very memory that it points to: what is written back shows there too. */
  private overlay(line: IoctlLine, out: HexPattern | undefined, second: Uint8Array): Patch | undefined {
    if (out === undefined || line.ptr === undefined) return undefined;
    const at = this.site.arg - Number(line.ptr);
    if (at >= second.length || at + out.length / 2 <= 0) return undefined;
    return { at, bytes: Buffer.from(out.replaceAll('??', '00'), 'hex') };
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
    const settled = this.follow(line.ret === undefined ? outcome : adopted(line.ret, outcome, outcome));
    return callResult(
      line,
      name,
      site.context.id,
      { outcome, out: bytesRead(outcome), ptrOut: undefined, difference },
      settled,
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
    const settled = this.follow(ret === undefined ? outcome : adopted(ret, outcome, outcome));
    return callResult(
      line,
      'mmap',
      site.context.id,
      { outcome, out: undefined, ptrOut: undefined, difference },
      settled,
    );
  }

  /** Applies the events; answers the invariant that broke, if one did. */
  private follow(outcome: Outcome): string | undefined {
    this.apply(outcome.events, outcome);
    const broken = outcome.events.find((event) => event.type === 'InvariantBroken');
    return broken?.type === 'InvariantBroken' ? broken.invariant : undefined;
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
