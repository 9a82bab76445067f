/** How well results are predicted that were taken out of a recording: against what the kernel did. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Comparison, compareIoctl, compareMmap, compareRead, compareWrite } from '../traces/compare.ts';
import type { CallResult } from '../traces/engine.ts';
import { readTrace } from '../traces/read-trace.ts';
import type { RecordedLine } from '../traces/recording.ts';
import { replayTrace } from '../traces/replay-trace.ts';

export type Score = {
  calls: number;
  right: number;
  /** Calls after an invariant of the kernel broke. */
  unchecked: number;
  /** Where, which command, which field. */
  wrong: string[];
  /** Undetermined calls by command and missing fact, numbers left out. */
  missing: Map<string, number>;
};

export function emptyScore(): Score {
  return { calls: 0, right: 0, unchecked: 0, wrong: [], missing: new Map() };
}

/** Undetermined calls. */
export function undeterminedIn({ missing }: Score): number {
  return [...missing.values()].reduce((sum, count) => sum + count, 0);
}

/** The line as a stranger hands it over: nothing that a call returned or wrote, and no `nextFd` either. */
function bare(line: RecordedLine): RecordedLine {
  if (line.ev !== 'ioctl' && line.ev !== 'read' && line.ev !== 'write') return line;
  const copy: Record<string, unknown> = { ...line };
  for (const name of ['ret', 'errno', 'out', 'ptrOut', 'nextFd']) delete copy[name];
  if (line.ev === 'read') delete copy['data'];
  return copy as RecordedLine;
}

function differenceOf(line: RecordedLine, { outcome, out, ptrOut }: CallResult): Comparison | undefined {
  switch (line.ev) {
    case 'ioctl':
      return compareIoctl(line, outcome, out, ptrOut);
    case 'read':
      return compareRead(line, outcome);
    case 'write':
      return compareWrite(line, outcome);
    case 'mmap':
      return compareMmap(line, outcome);
    default:
      return undefined;
  }
}

/** Adds what is predicted of the recording at `path` to `score`. */
export async function addScore(score: Score, path: string): Promise<void> {
  const lines = new Map<number, RecordedLine>();
  const asked: string[] = [];
  await readTrace(path, (line) => {
    asked.push(`${JSON.stringify(bare(line))}\n`);
    if ('seq' in line) lines.set(line.seq, line);
  });
  const folder = mkdtempSync(join(tmpdir(), 'ioasis-bare-'));
  const copy = join(folder, 'bare.jsonl');
  writeFileSync(copy, asked.join(''));
  try {
    await replayTrace(copy, { blind: true }, { onCall: (result) => count(score, path, lines, result) });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function count(
  score: Score,
  path: string,
  lines: ReadonlyMap<number, RecordedLine>,
  result: CallResult,
): void {
  const { line, verdict, outcome, command } = result;
  score.calls++;
  if (verdict === 'unchecked') {
    score.unchecked++;
    return;
  }
  if (outcome.missing !== undefined) {
    const key = `${command}: ${outcome.missing.replace(/\d+/g, 'N')}`;
    score.missing.set(key, (score.missing.get(key) ?? 0) + 1);
    return;
  }
  const recorded = lines.get(line.seq);
  const difference = recorded === undefined ? undefined : differenceOf(recorded, result);
  if (difference === undefined) score.right++;
  else {
    const { field, recorded: was, predicted } = difference;
    score.wrong.push(`${path}:${line.seq} ${command} ${field}: recorded ${was}, predicted ${predicted}`);
  }
}
