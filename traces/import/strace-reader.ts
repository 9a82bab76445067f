/** strace's output: the sequence of calls and their errnos. Of structs it shows the address only. */
import { ERRNO, type ErrnoName, errnoNumber } from '../../events/errno.ts';
import { CaptureLines, type CaptureReader, type CaptureReceiver, noEvents } from './capture-stream.ts';
import type { KernelCalls } from './kernel-calls.ts';
import { cloneFlags, parseStrace, type StraceLine, straceArguments } from './strace-line.ts';

/** One that no rule of the model has. */
const UNKNOWN_ERRNO = 4000;
const DAY = 86_400_000_000_000;
const CLONING: ReadonlySet<string> = new Set(['clone', 'clone3', 'fork', 'vfork']);

/** Whether a text that begins with this line is strace's. */
export function isStrace(line: string): boolean {
  const found = parseStrace(line);
  return found !== undefined && (found.what !== 'other' || /^(\d+ +)?--- SIG/.test(line));
}

function isErrno(name: string): name is ErrnoName {
  return Object.hasOwn(ERRNO, name);
}

export function straceReader(file: string, receiver: CaptureReceiver): CaptureReader {
  const lines = new CaptureLines({ program: 'strace' }, receiver);
  const follower = new StraceFollower(lines.calls());
  return {
    take: (text, lineNumber) => {
      lines.lineNumber = lineNumber;
      follower.take(text, lineNumber);
      return lines.stopped ? 'stop' : undefined;
    },
    cutShort: () => lines.finish(),
    end: () => {
      lines.finish();
      if (follower.calls === 0) throw noEvents(file, 'calls of a strace output');
    },
  };
}

/** A failed call as the kernel returns it: 64 bits in hexadecimal digits. */
function failure(name: string): string {
  const errno = isErrno(name) ? errnoNumber(name) : UNKNOWN_ERRNO;
  return BigInt.asUintN(64, BigInt(-errno)).toString(16);
}

class StraceFollower {
  private readonly kernel: KernelCalls;
  private clock = 0;
  private midnights = 0;
  private last = 0;
  private readonly cloning = new Map<number, readonly string[]>();
  calls = 0;

  constructor(kernel: KernelCalls) {
    this.kernel = kernel;
  }

  take(text: string, lineNumber: number): void {
    if (text.trim() === '') return;
    const line = parseStrace(text);
    if (line === undefined) {
      this.kernel.lost({ count: 1, place: `line ${lineNumber}, which is no call` });
      return;
    }
    this.follow(line);
  }

  /** Nanoseconds that never go back; without time stamps, the number of the line. */
  private time(ns: number | undefined): number {
    if (ns === undefined) return ++this.clock;
    if (ns < this.last - DAY / 2) this.midnights++;
    this.last = ns;
    this.clock = Math.max(this.clock, ns + this.midnights * DAY);
    return this.clock;
  }

  private follow(line: StraceLine): void {
    const { kernel } = this;
    const task = kernel.tasks.task(line.tid, '', undefined);
    const ns = this.time(line.ns);
    switch (line.what) {
      case 'call':
      case 'begun': {
        this.calls++;
        if (CLONING.has(line.name)) this.cloning.set(line.tid, line.args);
        const args = straceArguments(line.name, line.args);
        if (args !== undefined) kernel.enter(task, ns, line.name, args);
        if (line.what === 'call') this.returned(line, ns + (line.durationNs ?? 0));
        return;
      }
      case 'resumed':
        this.returned(line, ns + (line.durationNs ?? 0));
        return;
      case 'exited':
        kernel.ended(task, ns);
        return;
      case 'other':
        return;
    }
  }

  private returned(line: Extract<StraceLine, { what: 'call' | 'begun' | 'resumed' }>, ns: number): void {
    const { kernel } = this;
    const task = kernel.tasks.task(line.tid, '', undefined);
    const digits = line.ret?.digits;
    if (CLONING.has(line.name)) {
      const child = digits === undefined ? 0 : Number.parseInt(digits, 16);
      if (child > 0 && child < 2 ** 31)
        kernel.cloned(task, ns, child, '', cloneFlags(this.cloning.get(line.tid) ?? []));
      return;
    }
    if (line.name === 'execve' && digits === '0') kernel.executed(task, ns);
    if (digits === undefined) return;
    kernel.exit(task, ns, line.name, line.ret?.errno === undefined ? digits : failure(line.ret.errno));
  }
}
