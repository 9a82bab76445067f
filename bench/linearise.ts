/** Generated histories of two threads: how long it takes to find an order that explains them, and to refuse corrupted ones. */
import { CaptureDoubts } from '../traces/capture-doubts.ts';
import { linearise, overlappingCalls, windowLength } from '../traces/linearise.ts';
import type { IoctlLine, RecordedLine } from '../traces/recording.ts';
import { openSession } from '../traces/replay-trace.ts';
import { HEADER, history } from './histories.ts';

const HISTORIES = 300;
const THREADS = 2;
const CALLS = 12;
const LOOKAHEAD = 32;
const LIMIT_MS = 50;
const ID_OFFSET = 16;

/** Ordered, conflict or undecided, and the time that it took the processor, ms. */
type Decided = Readonly<{ kind: string; ms: number }>;

/** The first window; nothing where the victim is in a later one. */
function decide(lines: readonly RecordedLine[], victim?: IoctlLine): Decided[] {
  const { engine } = openSession(HEADER, { file: 'history', line: 1 }, {});
  const doubts = new CaptureDoubts(engine, engine, HEADER);
  let rest = lines;
  while (windowLength(rest, LOOKAHEAD) === 1 && rest.length > 1) {
    doubts.feed(rest[0] as RecordedLine);
    rest = rest.slice(1);
  }
  const calls = overlappingCalls(rest.slice(0, windowLength(rest, LOOKAHEAD)));
  // A thread that rests for a moment ends the window.
  if (victim !== undefined && !calls.some(({ line }) => line === victim)) return [];
  const before = process.cpuUsage();
  const { kind } = linearise(doubts, calls);
  const { user, system } = process.cpuUsage(before);
  return [{ kind, ms: (user + system) / 1000 }];
}

/** The last allocation that overlaps others is answered an id that nothing gives. */
function corrupted(lines: readonly RecordedLine[]): Decided[] {
  const victim = lines.findLast(
    (line): line is IoctlLine => line.ev === 'ioctl' && line.req === '0x3b81' && line.tid > 7,
  );
  if (victim?.out === undefined) return [];
  const changed = { ...victim, out: `${victim.out.slice(0, ID_OFFSET)}77000000` };
  return decide(
    lines.map((line) => (line === victim ? changed : line)),
    changed,
  );
}

function tell(what: string, found: readonly Decided[]): void {
  const kinds = new Map<string, number>();
  for (const { kind } of found) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const times = found.map(({ ms }) => ms).sort((one, other) => one - other);
  const at = (share: number): string => (times[Math.floor((times.length - 1) * share)] ?? 0).toFixed(1);
  const counts = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ');
  console.log(
    `  ${what}: ${counts}; median ${at(0.5)} ms, 99 of 100 within ${at(0.99)} ms, at most ${at(1)} ms`,
  );
}

const histories = Array.from({ length: HISTORIES }, (_, seed) => history(seed, THREADS, CALLS));
for (const lines of histories.slice(0, 30)) decide(lines);
console.log(`histories of ${CALLS} calls of ${THREADS} threads, each to be decided within ${LIMIT_MS} ms`);
tell(
  'as the model answered',
  histories.flatMap((lines) => decide(lines)),
);
tell('one result corrupted', histories.flatMap(corrupted));
