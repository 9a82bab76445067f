/** Where things come from: the lines since the last moment without any context, what each changed, and questions about it. */
import type { Event } from '../events/event.ts';
import { type ObjectKind, objectAt } from '../machines/objects.ts';
import { openFileAt, type World } from '../machines/world.ts';
import { copyWorld } from './copy-world.ts';
import type { CallLine, CallResult } from './engine.ts';
import type { RecordedLine } from './recording.ts';
import type { Session } from './replay-trace.ts';
import { withoutResults } from './strip-results.ts';

/** The beginning or the end of an object under its id. */
export type Fate = Readonly<{
  context: number;
  id: number;
  kind: ObjectKind;
  fate: 'made' | 'destroyed' | 'buried';
}>;

/** One line of the recording and what came of it. */
export type Step = Readonly<{
  line: RecordedLine;
  result: CallResult | undefined;
  events: readonly Event[];
  fates: readonly Fate[];
  /** Number of the descriptor that the call handed out. */
  fd: number | undefined;
}>;

export interface History {
  readonly session: Session;
  /** The world before the first step. */
  base: World;
  steps: Step[];
  /** Calls that changed nothing and are not kept: no later answer can rest on them. */
  passed: number;
}

export function isCall(line: RecordedLine): line is CallLine {
  return line.ev === 'ioctl' || line.ev === 'read' || line.ev === 'write' || line.ev === 'mmap';
}

/** Keeps what the lines of a replay did. What lies before the last moment without a context is forgotten. */
export class HistoryKeeper {
  private events: Event[] = [];
  private fates: Fate[] = [];
  private line: RecordedLine | undefined;
  history: History | undefined;

  /** Told of each event just before it is applied. */
  readonly onEvent = (event: Event): void => {
    const world = this.history?.session.engine.world;
    if (world === undefined) return;
    this.events.push(event);
    this.fates.push(...fatesOf(world, event));
  };

  begin(session: Session): void {
    this.history = { session, base: copyWorld(session.engine.world), steps: [], passed: 0 };
  }

  /** A line is about to be fed. */
  before(line: RecordedLine): void {
    const world = this.history?.session.engine.world;
    this.line = world === undefined ? line : withTrueKind(world, line);
    this.events = [];
    this.fates = [];
  }

  /** It was fed. The step holds what the model answered, whether or not a capture tells enough to rely on it. */
  after(answer: CallResult | undefined): Step {
    const { history, line, events, fates } = this;
    if (history === undefined || line === undefined) throw new Error('invariant: no line is being fed');
    const { world } = history.session.engine;
    const result = answer?.undoubted ?? answer;
    const issued = events.find((event) => event.type === 'DescriptorIssued');
    const fd = isCall(line) && issued?.type === 'DescriptorIssued' ? issued.fd : undefined;
    const step: Step = { line, result, events, fates, fd };
    if (result !== undefined && step.events.length === 0) history.passed++;
    else history.steps.push(step);
    if (world.contexts.size === 0 && (result !== undefined || line.ev === 'close')) {
      history.base = copyWorld(world);
      history.steps = [];
      history.passed = 0;
    }
    return step;
  }
}

/** Recorders may take a descriptor for what it was before it was closed unseen; the model knows what it is. */
function withTrueKind(world: World, line: RecordedLine): RecordedLine {
  if (!isCall(line)) return line;
  const kind = openFileAt(world, world.processes.get(line.pid), line.fd)?.kind;
  return kind === undefined || kind === line.kind ? line : { ...line, kind };
}

/** The call without its results, so that an engine adopts nothing; descriptors and addresses stay followable. */
export function askedOf(step: Step): RecordedLine {
  const { line } = step;
  const asked = withoutResults(line);
  if (asked.ev === 'ioctl' && step.fd !== undefined && step.fd >= 0) return { ...asked, nextFd: step.fd };
  if (asked.ev === 'mmap' && line.ev === 'mmap' && line.addr !== undefined && line.errno === undefined)
    return { ...asked, addr: line.addr };
  return asked;
}

const MADE: Partial<Record<Event['type'], ObjectKind>> = {
  IoasAllocated: 'ioas',
  HwptPagingAllocated: 'hwpt-paging',
  HwptNestedAllocated: 'hwpt-nested',
  DeviceBound: 'device',
  SelftestCreated: 'selftest',
  AccessCreated: 'access',
  FaultQueueAllocated: 'fault',
  ViommuAllocated: 'viommu',
  VdeviceAllocated: 'vdevice',
  VeventqAllocated: 'veventq',
  HwQueueAllocated: 'hw-queue',
};

const ENDS = new Set<string>([
  'ObjectDestroyed',
  'HwptDestroyed',
  'DeviceUnbound',
  'SelftestDestroyed',
  'AccessDestroyed',
]);

/** Asked before the event is applied, so that what ends is still there. */
export function fatesOf(world: World, event: Event): Fate[] {
  if (event.type === 'FileReleased') return fatesOfFile(world, event.file);
  if (!('context' in event) || !('id' in event)) return [];
  const { context, id } = event;
  const made = MADE[event.type];
  if (made !== undefined) return [{ context, id, kind: made, fate: 'made' }];
  const contextState = world.contexts.get(context);
  const object = contextState === undefined ? undefined : objectAt(contextState, id);
  if (object === undefined) return [];
  if (event.type === 'VdeviceBuried') return [{ context, id, kind: object.kind, fate: 'buried' }];
  if (!ENDS.has(event.type)) return [];
  const ended: Fate = { context, id, kind: object.kind, fate: 'destroyed' };
  if (object.kind !== 'hw-queue') return [ended];
  return [ended, { context, id: object.accessId, kind: 'access', fate: 'destroyed' }];
}

/** Closing an access descriptor destroys the hidden object behind it. */
function fatesOfFile(world: World, fileId: number): Fate[] {
  const file = world.files.get(fileId);
  const context = file === undefined ? undefined : world.contexts.get(file.contextId);
  if (file?.kind !== 'access' || context === undefined || objectAt(context, file.objectId) === undefined)
    return [];
  return [{ context: context.id, id: file.objectId, kind: 'access', fate: 'destroyed' }];
}

/** One stay of an object at an id. */
export type Life = Readonly<{ kind: ObjectKind; made: Step; ended: Step | undefined; buried: boolean }>;

/** All that was ever at `id` of a context, oldest first. */
export function livesOf(steps: readonly Step[], context: number, id: number): Life[] {
  const lives: Life[] = [];
  for (const step of steps) {
    for (const fate of step.fates) {
      if (fate.context !== context || fate.id !== id) continue;
      const last = lives.at(-1);
      if (fate.fate === 'made') lives.push({ kind: fate.kind, made: step, ended: undefined, buried: false });
      else if (last !== undefined)
        lives[lives.length - 1] = { ...last, ended: step, buried: fate.fate === 'buried' };
    }
  }
  return lives;
}

/** The latest step that has such an event. */
export function lastStep(steps: readonly Step[], has: (event: Event) => boolean): Step | undefined {
  return steps.findLast((step) => step.events.some(has));
}

/** The call that mapped the area of an IOAS which begins at `iova` (or, after a cut, held that byte). */
export function areaStep(
  steps: readonly Step[],
  context: number,
  ioasId: number,
  iova: bigint,
): Step | undefined {
  return lastStep(
    steps,
    (event) =>
      event.type === 'AreasMapped' &&
      event.context === context &&
      event.id === ioasId &&
      event.areas.some((area) => area.iova <= iova && iova <= area.last),
  );
}

/** The call that put the slot (group, PASID) where it is; with a device, the one that attached it or moved the slot. */
export function slotStep(
  steps: readonly Step[],
  slot: Readonly<{ context: number; groupKey: string; pasid: number; deviceId?: number }>,
): Step | undefined {
  return lastStep(steps, (event) => {
    if (event.type !== 'DeviceAttached' && event.type !== 'HwptReplaced') return false;
    if (event.context !== slot.context || event.groupKey !== slot.groupKey || event.pasid !== slot.pasid)
      return false;
    return event.type === 'HwptReplaced' || slot.deviceId === undefined || event.deviceId === slot.deviceId;
  });
}

/** `seq` of a line; the first line has none. */
export function seqOf(line: RecordedLine): number {
  return 'seq' in line ? line.seq : -1;
}
