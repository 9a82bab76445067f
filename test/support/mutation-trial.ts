/** The child process of a mutation run: tries one mutant after another, first by examples, then by recordings, then by chance. */
import fc from 'fast-check';
import type { RuleId } from '../../events/rules.ts';
import { RULES } from '../../events/rules.ts';
import { readTrace } from '../../traces/read-trace.ts';
import type { RecordedLine } from '../../traces/recording.ts';
import { openSession, type Session } from '../../traces/replay-trace.ts';
import { programs } from './arbitraries.ts';
import { countTests, firstFailure } from './mutation-vitest.ts';
import { finish, run } from './random-program.ts';

declare global {
  var __mutant: number;
}
globalThis.__mutant = 0;

type Recording = Readonly<{ name: string; lines: readonly RecordedLine[]; verdicts: string[] }>;

/** One verdict a call: c, d, u, x (unchecked). */
function replay(lines: readonly RecordedLine[], stop: (index: number, verdict: string) => boolean): boolean {
  let session: Session | undefined;
  let calls = 0;
  for (const [index, line] of lines.entries()) {
    if (line.ev === 'trace') {
      session = openSession(line, { file: '', line: index + 1 }, {});
      continue;
    }
    const verdict = session?.engine.feed(line)?.verdict;
    if (verdict !== undefined && stop(calls++, verdict)) return true;
  }
  return false;
}

async function load(path: string): Promise<Recording> {
  const lines: RecordedLine[] = [];
  const recording: Recording = { name: path, lines, verdicts: [] };
  await readTrace(path, (line) => {
    lines.push(line);
  });
  replay(lines, (_index, verdict) => {
    recording.verdicts.push(verdict);
    return false;
  });
  return recording;
}

function differs({ lines, verdicts }: Recording): boolean {
  try {
    return replay(lines, (index, verdict) => verdicts[index] !== verdict);
  } catch {
    return true;
  }
}

const chance = fc.sample(programs(50), { seed: 20_260_907, numRuns: 120 });

function failsByChance(): boolean {
  try {
    for (const program of chance) finish(run(program));
    for (const program of chance.slice(0, 60)) finish(run(program, { release: '6.12.117' }));
    return false;
  } catch {
    return true;
  }
}

/** Who noticed: a test, a recording, the random programs; undefined for a survivor. */
function tryOut(recordings: readonly Recording[]): string | undefined {
  const test = firstFailure();
  if (test !== undefined) return test;
  const recording = recordings.find(differs);
  if (recording !== undefined) return recording.name;
  return failsByChance() ? 'random programs' : undefined;
}

type Request = Readonly<{ id: number; rule?: RuleId; errno?: string }>;

/**
 * Answers requests over the channel to the parent: which mutant to switch on, and whether anybody notices. A `fresh` child
 * has run nothing before, so that a mutant cannot hide behind what was worked out once.
 */
export async function answer(paths: readonly string[], fresh: boolean): Promise<void> {
  const recordings = fresh ? [] : await Promise.all(paths.map(load));
  const clean = fresh ? undefined : tryOut(recordings);
  process.send?.({ ready: countTests(), clean });
  process.on('message', (message) => {
    const { id, rule, errno } = message as Request;
    const entry = rule === undefined ? undefined : (RULES[rule] as { errno: string });
    const former = entry?.errno ?? '';
    if (entry !== undefined && errno !== undefined) entry.errno = errno;
    globalThis.__mutant = id;
    const by = tryOut(recordings);
    globalThis.__mutant = 0;
    if (entry !== undefined) entry.errno = former;
    process.send?.({ id, by });
  });
}
