/** Kernel trace text: tracefs `trace` and `trace_pipe`, `trace-cmd report`, `perf script`. */
import type { KernelCalls } from './kernel-calls.ts';
import type { Task } from './kernel-event.ts';
import { fetchesSecond, probeFetch, probePlace, returnField, secondFetch } from './probe-text.ts';
import { syscallText } from './syscall-text.ts';
import { parseTextEvent, type TextEvent } from './text-event.ts';
import { begins } from './text-match.ts';

/** What a reader of kernel traces tells besides calls. */
export type CaptureSink = Readonly<{
  /** The calls of the capture that is being read. */
  calls: () => KernelCalls;
  /** Another capture begins in the same file. */
  restart: () => void;
  /** A note that the capture script left: JSON about the machine. */
  note: (text: string) => void;
}>;

/** As tracefs, trace-cmd and bpftrace say it. */
const LOST = /^\s*(?:CPU:\d+ \[(?:LOST )?(\d*) ?EVENTS(?: DROPPED)?\]|Lost (\d+) events)/;
const MARK = 'ioasis: ';
const OPENED: Readonly<Record<string, string>> = { iommufd_fops_open: '/dev/iommu' };
const ADDRESS = /^(0x)?[0-9a-f]{8,16}$/;
const PATH = / path="([^"]*)"/;
/** Lines that trace-cmd, perf and bpftrace print around the events. */
const FRAME =
  /^(cpus=\d+|Attaching \d+ probes?\.\.\.|version = \d+|CPU \d+ is empty|trace-cmd .*|\s*\.\.\. .*)$/;

export class KernelTextReader {
  private readonly sink: CaptureSink;
  private readonly event: TextEvent = { comm: '', tid: 0, tgid: undefined, cpu: 0, ns: 0, rest: '' };
  private begun = false;
  /** Events understood so far. */
  events = 0;

  constructor(sink: CaptureSink) {
    this.sink = sink;
  }

  /** Takes one line without its newline. */
  take(line: string, lineNumber: number): void {
    if (line.length === 0) return;
    if (line.charCodeAt(0) === 0x23) {
      this.comment(line, lineNumber);
      return;
    }
    const { event } = this;
    if (!parseTextEvent(line, event)) {
      this.unusual(line, lineNumber);
      return;
    }
    this.events++;
    const calls = this.sink.calls();
    const task = calls.tasks.task(event.tid, event.comm, event.tgid);
    if (!calls.arrive(task, event.ns)) {
      calls.lost({ count: undefined, place: `line ${lineNumber}, which is older than the lines before it` });
      calls.arrive(task, event.ns);
    }
    if (!this.happened(task, event.ns, event.rest))
      calls.lost({ count: 1, place: `line ${lineNumber}, which is damaged` });
  }

  /** False where an event of ours is damaged. */
  private happened(task: Task, ns: number, rest: string): boolean {
    if (begins(rest, 'sys_')) return this.syscall(task, ns, rest);
    const colon = rest.indexOf(': ');
    if (colon < 0) return rest.endsWith(':');
    const name = rest.slice(0, colon);
    const body =
      rest.charCodeAt(colon + 2) === 0x20 ? rest.slice(colon + 2).trimStart() : rest.slice(colon + 2);
    if (body.charCodeAt(0) === 0x28) return this.probe(task, ns, name, body);
    if (name.includes('sys_')) return this.syscall(task, ns, rest.slice(name.lastIndexOf('sys_')));
    return this.other(task, ns, name.slice(name.lastIndexOf(':') + 1), body);
  }

  private syscall(task: Task, ns: number, text: string): boolean {
    const found = syscallText(text);
    if (found === undefined) return true;
    const calls = this.sink.calls();
    if ('args' in found) {
      if (found.args === undefined) return false;
      calls.enter(task, ns, found.name, found.args);
    } else {
      if (found.ret === undefined) return false;
      calls.exit(task, ns, found.name, found.ret);
    }
    return true;
  }

  private probe(task: Task, ns: number, name: string, body: string): boolean {
    const place = probePlace(body);
    if (place === undefined) return false;
    const calls = this.sink.calls();
    const handler = place.probed === 'iommufd_fops_ioctl' || place.probed === 'vfio_device_fops_unl_ioctl';
    const path = handler ? undefined : (OPENED[place.probed] ?? PATH.exec(place.fields)?.[1]);
    if (path !== undefined) {
      calls.probeOpen(task, path);
      return true;
    }
    // trace-cmd prints addresses instead of functions: then the fields tell.
    if (!handler && !(ADDRESS.test(place.probed) && place.fields.includes(' cmd=0x'))) return true;
    const returns = place.returns || name.endsWith('exit');
    if (fetchesSecond(place)) {
      const second = secondFetch(place);
      if (second === undefined) return false;
      calls.probeSecond(task, second, returns);
      return true;
    }
    const fetch = probeFetch(place);
    if (fetch === undefined) return false;
    if (!returns) {
      calls.probeEntry(task, ns, fetch);
      return true;
    }
    const ret = returnField(place.fields);
    if (ret === undefined) return false;
    calls.probeReturn(task, ns, fetch, ret);
    return true;
  }

  private other(task: Task, ns: number, name: string, body: string): boolean {
    const calls = this.sink.calls();
    switch (name) {
      case 'sched_process_fork': {
        const tid = Number(/ child_pid=(\d+)/.exec(body)?.[1] ?? -1);
        if (tid < 0) return false;
        // Whether it is a thread shows in task_newtask only.
        if (calls.tasks.known(tid) === undefined) calls.cloned(task, ns, tid, task.comm, 0);
        return true;
      }
      case 'task_newtask': {
        const found = /^pid=(\d+) comm=(.*) clone_flags=([0-9a-f]+)/.exec(body);
        if (found === null) return false;
        calls.cloned(task, ns, Number(found[1]), found[2] ?? '', Number.parseInt(found[3] ?? '0', 16));
        return true;
      }
      case 'sched_process_exit':
        calls.ended(task, ns);
        return true;
      case 'sched_process_exec':
        calls.executed(task, ns);
        return true;
      case 'print':
      case 'tracing_mark_write': {
        const at = body.indexOf(MARK);
        if (at >= 0) this.sink.note(body.slice(at + MARK.length));
        return true;
      }
      default:
        return true;
    }
  }

  private comment(line: string, lineNumber: number): void {
    if (line.startsWith('# tracer:')) {
      if (this.begun) this.sink.restart();
      this.begun = true;
      return;
    }
    const entries = /^# entries-in-buffer\/entries-written: (\d+)\/(\d+)/.exec(line);
    if (entries !== null) {
      const missing = Number(entries[2]) - Number(entries[1]);
      if (missing > 0) this.sink.calls().lost({ count: missing, place: 'the beginning of the capture' });
      return;
    }
    if (line.startsWith('##### CPU') && this.events > 0)
      this.sink
        .calls()
        .lost({ count: undefined, place: `line ${lineNumber}: ${line.replaceAll('#', '').trim()}` });
  }

  private unusual(line: string, lineNumber: number): void {
    const lost = LOST.exec(line);
    if (lost !== null) {
      const told = lost[1] ?? lost[2] ?? '';
      const count = told === '' ? undefined : Number(told);
      this.sink.calls().lost({ count, place: `line ${lineNumber}` });
      return;
    }
    if (line.trim() === '' || FRAME.test(line)) return;
    this.sink.calls().lost({ count: 1, place: `line ${lineNumber}, which is no event` });
  }
}
