/**
 * One replay of the whole corpus, shared by the tests that ask about it: verdicts by folder and hits by rule. The result is
 * kept in node_modules/.cache under a digest of everything that it depends on.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findTraces } from '../../traces/read-trace.ts';
import { replayTrace } from '../../traces/replay-trace.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const CORPUS = join(ROOT, 'traces/corpus');
const CACHE = join(ROOT, 'node_modules/.cache/ioasis');
const SOURCES = ['events', 'machines', 'reducers', 'traces', 'test/support/corpus-run.ts'];
const PATIENCE_MS = 120_000;

export type FolderRun = { calls: number; verdicts: Record<string, number>; missing: Record<string, number> };
export type RuleHits = { calls: number; releases: string[]; example: string };
export type CorpusRun = {
  folders: Record<string, FolderRun>;
  rules: Record<string, RuleHits>;
  diverging: string[];
};

function sourceFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => join(path, name));
}

function digest(): string {
  const hash = createHash('sha256');
  for (const file of SOURCES.flatMap((name) => sourceFiles(join(ROOT, name))))
    hash.update(readFileSync(file));
  for (const file of findTraces(CORPUS)) hash.update(`${file.slice(ROOT.length)} ${statSync(file).size}`);
  return hash.digest('hex').slice(0, 16);
}

/** Kernel and family of a recording: `kernel-7.3.4/fuzz`. */
function folderOf(path: string): string {
  const [kernel = '', family = ''] = path.slice(CORPUS.length + 1).split('/');
  return family.endsWith('.gz') ? kernel : `${kernel}/${family}`;
}

async function replayAll(): Promise<CorpusRun> {
  const run: CorpusRun = { folders: {}, rules: {}, diverging: [] };
  for (const path of findTraces(CORPUS)) {
    run.folders[folderOf(path)] ??= { calls: 0, verdicts: {}, missing: {} };
    const folder = run.folders[folderOf(path)] as FolderRun;
    const count = (table: Record<string, number>, key: string) => {
      table[key] = (table[key] ?? 0) + 1;
    };
    const name = path.slice(CORPUS.length + 1).replace(/\.jsonl\.gz$/, '');
    await replayTrace(
      path,
      {},
      {
        onCall: ({ line, verdict, outcome }, { kernel }) => {
          folder.calls++;
          count(folder.verdicts, verdict);
          if (verdict === 'diverging') run.diverging.push(`${name}:${line.seq}`);
          if (outcome.missing !== undefined) count(folder.missing, outcome.missing.replace(/\d+/g, 'N'));
          if (outcome.rule === undefined || verdict !== 'conforming') return;
          run.rules[outcome.rule] ??= { calls: 0, releases: [], example: `${name}:${line.seq}` };
          const hits = run.rules[outcome.rule] as RuleHits;
          hits.calls++;
          if (!hits.releases.includes(kernel.release)) hits.releases.push(kernel.release);
        },
      },
    );
  }
  return run;
}

/** Waits for the run of another test file; false when that one gave up. */
async function waitFor(result: string, lock: string): Promise<boolean> {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end && !existsSync(result)) {
    if (!existsSync(lock)) return existsSync(result);
    await sleep(200);
  }
  return existsSync(result);
}

/** Replays the corpus, or takes what the last replay of the same sources found. */
export async function corpusRun(): Promise<CorpusRun> {
  const result = join(CACHE, `corpus-${digest()}.json`);
  const lock = `${result}.lock`;
  mkdirSync(CACHE, { recursive: true });
  if (!existsSync(result)) {
    const mine = claim(lock);
    if (mine || !(await waitFor(result, lock))) {
      const run = await replayAll();
      writeFileSync(result, JSON.stringify(run));
      rmSync(lock, { force: true });
      return run;
    }
  }
  return JSON.parse(readFileSync(result, 'utf8')) as CorpusRun;
}

function claim(lock: string): boolean {
  try {
    writeFileSync(lock, '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}
