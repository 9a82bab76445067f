/** The objects and the earlier calls behind the first divergences of a report, as `ioasis explain` finds them. */
import { explainCall } from '../traces/explain.ts';
import type { SourceOptions } from '../traces/replay-trace.ts';
import type { Divergence } from '../traces/report-data.ts';
import { fileSize } from './progress.ts';

/** Explaining replays a trace again, and again without this call or that. */
const EXPLAINED = 3;
/** Bytes of a file, as it stands on the disk, whose history is worth holding in memory. */
const LARGEST = 8 * 1024 * 1024;

/** Lines for each of the first divergences; none for what cannot be read twice. */
export async function detailsOf(
  divergences: readonly Divergence[],
  source: SourceOptions,
): Promise<string[][]> {
  const details: string[][] = [];
  for (const divergence of divergences.slice(0, EXPLAINED)) details.push(await detailOf(divergence, source));
  return details;
}

async function detailOf(divergence: Divergence, source: SourceOptions): Promise<string[]> {
  const { trace, seq, pid, command } = divergence;
  const size = fileSize(trace);
  if (size === 0 || size > LARGEST) return [];
  // The report stands without the explanation, so what goes wrong here must not take it away.
  const explanation = await explainCall(trace, seq, source).catch(() => undefined);
  // A file with several recordings can have this number more than once.
  if (explanation?.verdict !== 'diverging' || explanation.pid !== pid || explanation.command !== command)
    return [];
  const { because, objects, dependsOn } = explanation;
  const calls = dependsOn.calls.map(({ seq: earlier, call, result }) => `  ${earlier}: ${call} = ${result}`);
  return [...because, ...objects, ...(calls.length > 0 ? ['follows from', ...calls] : [])];
}
