/**
 * What a capture leaves open: a verdict stands only where every fact that it rests on was caught. Where one was not, the call is
 * undetermined and the missing fact is named; the model goes on with what the kernel answered.
 */
import { ERRNO } from '../events/errno.ts';
import { errnoOf } from '../events/rules.ts';
import { openFileAt, type World } from '../machines/world.ts';
import { doubtful } from './call-result.ts';
import { entryOfLine } from './decoded-call.ts';
import type { CallResult, ReplayEngine } from './engine.ts';
import type { DmaLine, IoctlLine, RecordedLine, TraceLine } from './recording.ts';

/** Replays lines; see ReplayEngine.feed(). */
export type LineFeed = Readonly<{
  feed: (line: RecordedLine) => CallResult | undefined;
  finish: () => void;
}>;

/** Calls before a VFIO device is bound belong to no context. */
const NO_CONTEXT = 0;
const SIZE_BYTES = 4;

/** Commands that the IOMMU driver has a say in, and those that reserved ranges can refuse. */
const DRIVEN =
  /^(Device(Bind|Attach|GetInfo)|Hwpt|GetHwInfo|IoasIovaRanges|IoasAllowIovas|Viommu|Vdevice|HwQueue|VfioIommuGetInfo)/;
const MAPPING = /^(IoasMap|IoasMapFile|IoasCopy|VfioIommuMapDma)$/;

/** Commands of a VFIO device that change something here; the rest is between the device and its driver. */
const DEVICE_CHANGING = /^Device(Bind|Attach|Detach)/;

/** Commands of an iommufd that change nothing. */
const LOOKING =
  /^(IoasIovaRanges|GetHwInfo|TestMdCheck.*|TestDevCheck.*|TestAccessRw|VfioIommuGetInfo|DeviceGetInfo)$/;

/** What may be behind a result that the model did not expect, where it was taken for granted. */
const BEHIND: ReadonlyMap<number, readonly [assumed: string, fact: string]> = new Map([
  [ERRNO.EFAULT, ['memory', 'the address space of the process']],
  [ERRNO.ENOMEM, ['credentials', 'the limit of locked memory of the process']],
  [ERRNO.EPERM, ['credentials', 'the capabilities of the process']],
]);

const ALLOWED_UNKNOWN = 'the ranges that ALLOW_IOVAS allowed';

export class CaptureDoubts implements LineFeed {
  private readonly inner: LineFeed;
  readonly engine: ReplayEngine;
  private readonly header: TraceLine;
  private readonly assumed: readonly string[] | undefined;
  /** Contexts of whose state nothing is claimed any more, and why. */
  private readonly clouded = new Map<number, string>();

  constructor(inner: LineFeed, engine: ReplayEngine, header: TraceLine) {
    this.inner = inner;
    this.engine = engine;
    this.header = header;
    this.assumed = header.assumed;
  }

  finish(): void {
    this.inner.finish();
  }

  /** As it is now, on a copy of the engine's world: to try what follows. */
  fork(): { engine: ReplayEngine; doubts: CaptureDoubts } {
    const engine = this.engine.clone();
    const doubts = new CaptureDoubts(engine, engine, this.header);
    for (const [context, reason] of this.clouded) doubts.clouded.set(context, reason);
    return { engine, doubts };
  }

  /** Whether something is claimed of the state of this context. */
  isClear(context: number): boolean {
    return !this.clouded.has(context);
  }

  /** What leaves open how the device of this line is programmed. */
  doubtOf({ rid }: DmaLine): string | undefined {
    return this.clouded.get(this.engine.world.hardware.rids.get(rid)?.context ?? NO_CONTEXT);
  }

  feed(line: RecordedLine): CallResult | undefined {
    if (line.ev === 'ioctl') return this.call(line);
    return line.ev === 'lost' ? this.lost(line) : this.judge(this.inner.feed(line), undefined);
  }

  private call(line: IoctlLine): CallResult | undefined {
    if (line.lacks === undefined) return this.judge(this.inner.feed(line), undefined);
    const unseen = unseenInput(line);
    return unseen === undefined ? this.judge(this.inner.feed(line), line) : this.unseen(line, unseen);
  }

  private lost({ count, place }: Extract<RecordedLine, { ev: 'lost' }>): undefined {
    const many = count === undefined ? 'events' : count === 1 ? '1 event' : `${count} events`;
    const reason = `what ${many} lost at ${place} did`;
    for (const id of [NO_CONTEXT, ...this.engine.world.contexts.keys()]) this.cloud(id, reason);
  }

  private cloud(context: number, reason: string): void {
    if (!this.clouded.has(context)) this.clouded.set(context, reason);
  }

  /** The struct was not captured: nothing can be said, and what it did is not known either. */
  private unseen(line: IoctlLine, missing: string): CallResult {
    const context = contextOf(this.engine.world, line);
    if (line.ret !== -1) {
      const reason = `what call ${line.seq} changed: ${missing} were not captured`;
      const touched =
        line.kind === 'vfio-dev' && context === NO_CONTEXT
          ? [NO_CONTEXT, ...this.engine.world.contexts.keys()]
          : [context];
      for (const id of touched) this.cloud(id, reason);
    }
    const command = entryOfLine(line)?.name ?? line.req;
    const answer = { line, command, broken: undefined, context };
    return doubtful(answer, this.clouded.get(context) ?? missing);
  }

  private judge(result: CallResult | undefined, line: IoctlLine | undefined): CallResult | undefined {
    if (result === undefined || result.verdict === 'unchecked') return result;
    const fact = this.clouded.get(result.context);
    if (fact !== undefined) return { ...doubtful({ ...result, broken: undefined }, fact), undoubted: result };
    this.fallBehind(result);
    const missing = (line === undefined ? undefined : this.uncaught(result, line)) ?? this.excuse(result);
    if (line?.lacks?.ret && result.verdict !== 'undetermined')
      this.cloud(result.context, `whether call ${line.seq} succeeded: its return was lost`);
    // Without a result to adopt, nobody knows what became of it.
    if (missing !== undefined && line !== undefined && line.ret === undefined && isChanging(line))
      this.cloud(result.context, `what call ${line.seq} changed: ${missing}`);
    if (missing === undefined || result.verdict === 'undetermined') return result;
    return { ...doubtful(result, missing), undoubted: result };
  }

  /** A call succeeded that the model cannot follow: what it changed is not known. */
  private fallBehind({ line, context, outcome }: CallResult): void {
    if (this.assumed === undefined || line.ev !== 'ioctl' || !this.engine.unfollowed) return;
    if (!isChanging(line)) return;
    this.cloud(context, `what call ${line.seq} changed: ${outcome.missing ?? 'the model would refuse it'}`);
  }

  /** What the capture did not catch of this very call and the verdict would need. */
  private uncaught(
    { outcome, difference, out }: CallResult,
    { lacks, ret, ptrIn }: IoctlLine,
  ): string | undefined {
    if (lacks?.ret) return 'the result of the call: its return was lost';
    if (lacks?.errno && ret === -1) return 'the errno of the call';
    const fills = (outcome.buffer?.length ?? 0) > 0;
    if (lacks?.second && ptrIn === undefined && (this.engine.secondAsked || fills))
      return 'the second buffer, which was not captured';
    if (lacks?.secondOut && fills) return 'the second buffer after the call';
    const writes = difference === undefined ? out !== undefined : difference.field === 'out';
    return lacks?.out && writes ? 'the struct after the call' : undefined;
  }

  /** The fact behind a difference, where it was taken for granted. */
  private excuse({ outcome, difference, line, verdict, context }: CallResult): string | undefined {
    const { assumed } = this;
    if (verdict !== 'diverging' || difference === undefined) return undefined;
    const predicted = outcome.rule === undefined ? 0 : ERRNO[errnoOf(outcome.rule)];
    if ([line.errno, predicted].includes(ERRNO.EADDRINUSE) && this.allowedUnknown(context))
      return ALLOWED_UNKNOWN;
    if (assumed === undefined) return undefined;
    for (const errno of [line.errno ?? 0, predicted]) {
      const behind = BEHIND.get(errno);
      if (behind !== undefined && assumed.includes(behind[0])) return `${behind[1]} ${line.pid}`;
    }
    return assumed.includes('machine') && dependsOnMachine(line, [line.errno, predicted])
      ? 'the IOMMU and the devices of the machine'
      : undefined;
  }

  /** Whether ALLOW_IOVAS set a list here that nobody recorded: it keeps reservations out. */
  private allowedUnknown(context: number): boolean {
    const objects = this.engine.world.contexts.get(context)?.objects ?? [];
    return objects.some((object) => object?.kind === 'ioas' && !object.allowedKnown);
  }
}

function isChanging(line: IoctlLine): boolean {
  const type = entryOfLine(line)?.type ?? '';
  return line.kind === 'vfio-dev' ? DEVICE_CHANGING.test(type) : !LOOKING.test(type);
}

/** Whether the IOMMU, its driver or the reserved ranges of devices can be behind the result of this call. */
function dependsOnMachine(line: RecordedLine, errnos: readonly (number | undefined)[]): boolean {
  const type = line.ev === 'ioctl' ? (entryOfLine(line)?.type ?? '') : '';
  if (MAPPING.test(type)) return errnos.includes(ERRNO.EINVAL) || errnos.includes(ERRNO.EADDRINUSE);
  return DRIVEN.test(type);
}

/** The bytes of the struct that the kernel read and the capture does not hold. */
function unseenInput(line: IoctlLine): string | undefined {
  const known = line.lacks?.in;
  if (known === undefined || line.kind === 'fault' || line.kind === 'eventq') return undefined;
  if (known < SIZE_BYTES) return 'the bytes of the struct';
  const layout = entryOfLine(line)?.layout;
  const size = Buffer.from(line.in.slice(0, SIZE_BYTES * 2), 'hex').readUInt32LE(0);
  const needed = layout === undefined ? size : Math.min(size, layout.size);
  return known < needed ? `bytes ${known} to ${needed - 1} of the struct` : undefined;
}

function contextOf(world: World, { pid, fd }: IoctlLine): number {
  return openFileAt(world, world.processes.get(pid), fd)?.contextId ?? NO_CONTEXT;
}
