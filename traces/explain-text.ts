/** An explanation as text that fits into a bug report. */
import type { Explanation } from './explain.ts';

const HOW = { arguments: 'with', before: 'after', instead: 'as' } as const;
const CALLS_SHOWN = 40;

function list(head: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [head, ...lines.map((line) => `  ${line}`)];
}

/** The explanation in lines, the answer first. */
export function explanationText(explanation: Explanation): string {
  const { rule, undetermined } = explanation;
  const lines = [
    `call ${explanation.seq}: ${explanation.call}`,
    `  process ${explanation.pid}, descriptor ${explanation.fd}, context ${explanation.context}, kernel ${explanation.kernel}`,
    `result: ${explanation.predicted}${recorded(explanation)}`,
  ];
  if (explanation.difference !== null) lines.push(`  ${explanation.difference}`);
  if (rule !== null) lines.push(`rule: ${rule.id}: ${rule.errno} from ${rule.source}(): ${rule.says}`);
  if (undetermined !== null) lines.push(`missing: ${undetermined}`);
  lines.push(...list('because:', explanation.because), ...list('objects:', explanation.objects));
  lines.push(...changes(explanation), ...dependencies(explanation), ...remedies(explanation));
  for (const { kernel, predicted, same } of explanation.kernels)
    lines.push(`kernel ${kernel}, in the same state: ${same ? 'the same' : predicted}`);
  return `${lines.join('\n')}\n`;
}

function recorded({ recorded: result, verdict }: Explanation): string {
  return result === null
    ? ' (predicted; nothing is recorded)'
    : ` (predicted; recorded: ${result}, ${verdict})`;
}

function changes({ changed, rule }: Explanation): string[] {
  if (changed.length === 0) return ['changed: nothing'];
  const shown = changed.slice(0, CALLS_SHOWN);
  if (changed.length > shown.length) shown.push(`and ${changed.length - shown.length} more`);
  return list(rule === null ? 'changed:' : 'changed, although the call was refused:', shown);
}

function dependencies({ dependsOn }: Explanation): string[] {
  const { calls, earlier, verified, minimal, replays } = dependsOn;
  if (!verified && replays === 0)
    return list(
      'it is about:',
      calls.map(callLine).map((line) => line.trim()),
    );
  if (!verified) {
    const head = `depends on (not verified: without its results the recording replays to another answer), of ${earlier} earlier calls:`;
    return calls.length === 0 ? [] : [head, ...callLines(calls)];
  }
  const how = `verified in ${replays} replays${minimal ? '' : ', perhaps not the fewest'}`;
  if (calls.length === 0) return [`depends on: none of the ${earlier} earlier calls (${how})`];
  return [
    `depends on ${calls.length} of ${earlier} earlier calls (${how}: these and the opens, closes and memory alone give the same answer):`,
    ...callLines(calls),
  ];
}

function callLines(calls: Explanation['dependsOn']['calls']): string[] {
  const shown = calls.slice(0, CALLS_SHOWN).map(callLine);
  return calls.length > shown.length ? [...shown, `  and ${calls.length - shown.length} more`] : shown;
}

function callLine({ seq, call, result, placeholders }: Explanation['dependsOn']['calls'][number]): string {
  const ids = placeholders.join(' and ');
  return `  ${seq}: ${call} = ${result}${ids === '' ? '' : ` (only keeps id ${ids} taken)`}`;
}

function remedies({ wouldSucceed, rule, trials }: Explanation): string[] {
  if (rule === null || trials === 0) return [];
  if (wouldSucceed.length === 0) return [`would have succeeded: nothing found in ${trials} trials`];
  return list(
    `would have succeeded (each tried on the model, ${trials} trials):`,
    wouldSucceed.map(({ how, text }) => `${HOW[how]} ${text}`),
  );
}
