/** The Trace Event Format of Chrome, which Perfetto reads too: events as JSON, and tracks on which slices never cross. */

/** Numbers of processes and threads from here on are tracks of ours; those below are the system's. */
const OWN_FIRST = 100_000_000;

export type EventArgs = Readonly<Record<string, string | number>>;

/** A row of slices. Where two of them overlap, the later one goes to a further row of the same name. */
export type Track = {
  readonly pid: number;
  readonly name: string;
  /** For each row, its number and the end of its last slice, ns. */
  readonly rows: { readonly tid: number; end: number }[];
};

/** A place on the screen that a slice or an instant has. */
export type Row = Readonly<{ pid: number; tid: number }>;

/** Microseconds, with the nanoseconds as decimals. */
function microseconds(ns: number): string {
  const whole = Math.floor(ns / 1000);
  const rest = Math.round(ns - whole * 1000);
  return rest === 0 ? String(whole) : `${whole}.${String(rest).padStart(3, '0')}`;
}

/** Writes events one by one. Times are in nanoseconds. */
export class TimelineEvents {
  private readonly print: (text: string) => void;
  private next = OWN_FIRST;
  private isFirst = true;

  constructor(print: (text: string) => void) {
    this.print = print;
    print('{"displayTimeUnit":"ns","traceEvents":[\n');
  }

  end(otherData: EventArgs): void {
    this.print(`\n],"otherData":${JSON.stringify(otherData)}}\n`);
  }

  /** A process that is none: its number. */
  group(name: string): number {
    const pid = this.next++;
    this.name('process_name', { pid, tid: pid }, name);
    return pid;
  }

  process(pid: number, name: string): void {
    this.name('process_name', { pid, tid: pid }, name);
  }

  /** A track with the number of a thread, or with one of ours. */
  track(pid: number, name: string, tid: number = this.next++): Track {
    const track: Track = { pid, name, rows: [] };
    this.row(track, tid);
    return track;
  }

  /** A call: `ph` X. Answers the row on which it stands. */
  slice(track: Track, name: string, category: string, start: number, end: number, args: EventArgs): Row {
    const free = track.rows.find((row) => row.end <= start) ?? this.row(track, this.next++);
    free.end = end;
    const row = { pid: track.pid, tid: free.tid };
    this.event('X', name, category, start, row, { dur: end - start, args });
    return row;
  }

  /** Something that takes no time: `ph` i. */
  instant(row: Row, name: string, category: string, at: number, scope: 't' | 'g', args: EventArgs): void {
    this.event('i', name, category, at, row, { scope, args });
  }

  /** Something that lasts, with others inside of it: `ph` b, ended by `ph` e with the same id. */
  begin(pid: number, id: string, name: string, category: string, at: number, args: EventArgs): void {
    this.event('b', name, category, at, { pid, tid: pid }, { id, args });
  }

  finish(pid: number, id: string, name: string, category: string, at: number): void {
    this.event('e', name, category, at, { pid, tid: pid }, { id });
  }

  private row(track: Track, tid: number): Track['rows'][number] {
    const row = { tid, end: Number.NEGATIVE_INFINITY };
    track.rows.push(row);
    this.name('thread_name', { pid: track.pid, tid }, track.name);
    return row;
  }

  private name(what: 'process_name' | 'thread_name', { pid, tid }: Row, name: string): void {
    this.write(`{"ph":"M","name":"${what}","pid":${pid},"tid":${tid},"args":${JSON.stringify({ name })}}`);
  }

  private event(
    phase: 'X' | 'i' | 'b' | 'e',
    name: string,
    category: string,
    at: number,
    { pid, tid }: Row,
    more: Readonly<{ dur?: number; id?: string; scope?: string; args?: EventArgs }>,
  ): void {
    const { dur, id, scope, args } = more;
    const parts = [
      `{"ph":"${phase}","name":${JSON.stringify(name)},"cat":"${category}","ts":${microseconds(at)}`,
      `"pid":${pid},"tid":${tid}`,
    ];
    if (dur !== undefined) parts.push(`"dur":${microseconds(dur)}`);
    if (id !== undefined) parts.push(`"id":${JSON.stringify(id)}`);
    if (scope !== undefined) parts.push(`"s":"${scope}"`);
    if (args !== undefined) parts.push(`"args":${JSON.stringify(args)}`);
    this.write(`${parts.join(',')}}`);
  }

  private write(text: string): void {
    this.print(this.isFirst ? text : `,\n${text}`);
    this.isFirst = false;
  }
}
