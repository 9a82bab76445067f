/** trace.dat: the events of all CPUs in the order of time, as lines of a recording. */
import { setImmediate } from 'node:timers/promises';
import type { ByteSource } from './byte-source.ts';
import { CaptureLines, type CaptureReceiver } from './capture-stream.ts';
import { eventHandlers } from './dat-events.ts';
import { badDat, type DatFile, openDat } from './dat-file.ts';
import { CpuEvents } from './dat-pages.ts';

/** Events between two looks at what else the process has to do. */
const BREATH = 8192;

/**
 * Reads the whole file. What came before the place of an error has been handed on when it is thrown.
 *
 * Throws TraceFormatError: TRC021-cut-short, TRC022-bad-trace-dat; and what `receiver` throws.
 */
export async function readDat(file: string, source: ByteSource, receiver: CaptureReceiver): Promise<void> {
  const dat = opened(file, source);
  const { kernel, arch } = dat;
  const facts = {
    program: dat.overrun > 0 ? `trace-cmd, ${dat.overrun} events overrun` : 'trace-cmd',
    ...(kernel === undefined ? {} : { kernel }),
    ...(arch === undefined ? {} : { arch }),
  };
  const lines = new CaptureLines(facts, receiver);
  try {
    await follow(dat, lines);
  } finally {
    lines.finish();
    source.close();
  }
}

function opened(file: string, source: ByteSource): DatFile {
  try {
    return openDat(file, source);
  } catch (error) {
    source.close();
    throw outOfBounds(error) ? badDat(file, 'expected the parts of a trace.dat, found damage') : error;
  }
}

/** A length or an offset of the file points outside of what it is a part of. */
function outOfBounds(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && String(error.code).startsWith('ERR_');
}

async function follow(dat: DatFile, lines: CaptureLines): Promise<void> {
  const handlers = eventHandlers(dat, lines);
  const queue = new CpuQueue();
  const enqueue = (events: CpuEvents): void => {
    if (events.advance()) queue.push(events);
    else if (events.damaged) {
      lines.calls().lost({ count: undefined, place: `the last page of CPU ${events.cpu}, which is damaged` });
    }
  };
  for (const buffer of dat.buffers)
    for (const region of buffer.cpus) enqueue(new CpuEvents(dat, buffer, region));
  let count = 0;
  for (let events = queue.pop(); events !== undefined && !lines.stopped; events = queue.pop()) {
    lines.lineNumber = ++count;
    if (events.lost !== 0 || events.damaged) {
      const place = `event ${count}, on CPU ${events.cpu}${events.damaged ? ', after damage' : ''}`;
      lines.calls().lost({ count: events.damaged ? undefined : events.lost, place });
    }
    if (!happened(dat, handlers, lines, events))
      lines.calls().lost({ count: 1, place: `event ${count}, which is damaged` });
    enqueue(events);
    if (count % BREATH === 0) await setImmediate();
  }
  if (count === 0) throw badDat(dat.file, 'expected events, found none');
}

const COMMON_PID = 4;

function happened(
  dat: DatFile,
  handlers: ReturnType<typeof eventHandlers>,
  lines: CaptureLines,
  events: CpuEvents,
): boolean {
  const { page, at, length } = events;
  if (length < COMMON_PID + 4) return false;
  const handler = handlers.get(page.readUInt16LE(at));
  if (handler === undefined) return dat.events.has(page.readUInt16LE(at));
  const tid = page.readInt32LE(at + COMMON_PID);
  const calls = lines.calls();
  const task = calls.tasks.task(tid, dat.commands.get(tid) ?? '', undefined);
  const ns = nanoseconds(dat, events.time);
  if (!calls.arrive(task, ns)) {
    calls.lost({
      count: undefined,
      place: `event ${lines.lineNumber}, which is older than the events before it`,
    });
    calls.arrive(task, ns);
  }
  return handler(page, at, length, task, ns);
}

function nanoseconds(dat: DatFile, time: number): number {
  const { tsc } = dat;
  if (tsc === undefined) return time;
  return Number((BigInt(time) * tsc.mult) >> tsc.shift) + Number(tsc.offset);
}

/** CPUs by the time of their next event: a binary heap. */
class CpuQueue {
  private readonly heap: CpuEvents[] = [];

  push(events: CpuEvents): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(events);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as CpuEvents;
      if (!before(events, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = events;
  }

  pop(): CpuEvents | undefined {
    const { heap } = this;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as CpuEvents, heap[child] as CpuEvents)) child++;
      if (!before(heap[child] as CpuEvents, last)) break;
      heap[at] = heap[child] as CpuEvents;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(one: CpuEvents, other: CpuEvents): boolean {
  return one.time < other.time || (one.time === other.time && one.cpu < other.cpu);
}
