/** A comparison of two releases as text: the first difference, then a table of all by rule. */
import type { Answer, KernelComparison } from './compare-kernels.ts';

const ROWS = 40;

/** For people; `all` shows every row of the table. */
export function comparisonText(comparison: KernelComparison, all: boolean): string {
  const { a, b, traces, calls, differing, undetermined, first, rules } = comparison;
  const lines = [
    `${a} and ${b} on ${traces} ${traces === 1 ? 'trace' : 'traces'}: ${differing} of ${calls} calls differ`,
  ];
  if (undetermined > 0) lines.push(`${undetermined} can be told for neither`);
  if (first !== null) {
    lines.push(`first at ${first.trace}, seq ${first.seq}: ${first.call}`);
    lines.push(`  ${a}: ${answerText(first.a)}`, `  ${b}: ${answerText(first.b)}`);
  }
  const shown = all ? rules : rules.slice(0, ROWS);
  const rows = shown.map(({ count, firsts, command, a: one, b: other, seq }) => [
    String(count),
    String(firsts),
    command,
    one,
    other,
    String(seq),
  ]);
  if (rows.length > 0) lines.push('', ...table([['calls', 'first', 'command', a, b, 'seq'], ...rows]));
  if (rules.length > shown.length) lines.push(`and ${rules.length - shown.length} more; see --all`);
  return `${lines.join('\n')}\n`;
}

function answerText({ result, rule, says }: Answer): string {
  return rule === null ? result : `${result} (${rule}: ${says})`;
}

const NUMERIC = new Set([0, 1, 5]);

/** Columns as wide as their widest cell; numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        NUMERIC.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}
