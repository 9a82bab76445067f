/**
 * Predictions of recordings whose results were taken out, against what the kernel did: `node dist/bench/prediction.js`, or with
 * the folders wanted. A line for each folder, then what was missing.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findTraces } from '../traces/read-trace.ts';
import { addScore, emptyScore, undeterminedIn } from './prediction-score.ts';

const CORPUS = 'traces/corpus';
const SHOWN = 12;

function folders(): string[] {
  return readdirSync(CORPUS).flatMap((kernel) => {
    const path = join(CORPUS, kernel);
    if (!existsSync(path) || kernel.includes('.md')) return [];
    const within = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return within.length === 0 ? [path] : within.map(({ name }) => join(path, name));
  });
}

const wanted = process.argv.slice(2);
for (const folder of wanted.length > 0 ? wanted : folders()) {
  const score = emptyScore();
  for (const path of findTraces(folder)) if (path.includes('.jsonl')) await addScore(score, path);
  const undetermined = undeterminedIn(score);
  const percent = ((100 * undetermined) / Math.max(1, score.calls)).toFixed(3);
  console.log(
    `${folder}: ${score.calls} calls, ${score.right} right, ${score.wrong.length} wrong, ${undetermined} undetermined (${percent} %), ${score.unchecked} unchecked`,
  );
  for (const wrong of score.wrong.slice(0, SHOWN)) console.log(`  wrong: ${wrong}`);
  const missing = [...score.missing].sort((one, other) => other[1] - one[1]);
  for (const [reason, calls] of missing.slice(0, SHOWN)) console.log(`  ${calls} ${reason}`);
}
