/** Prediction against recording: the first field that differs, in the order return value, errno, struct, second buffer. */
import { errnoName } from '../events/errno.ts';
import type { Outcome } from '../events/outcome.ts';
import { bytesRead, fits, type HexPattern } from './prediction.ts';
import type { IoctlLine, MmapLine, ReadLine, WriteLine } from './recording.ts';

export type Comparison = Readonly<{
  field: 'ret' | 'errno' | 'out' | 'ptrOut' | 'data';
  recorded: string;
  predicted: string;
}>;

function named(errno: number): string {
  return errno === 0 ? 'success' : errnoName(errno);
}

function compareResult(ret: number, errno: number, outcome: Outcome): Comparison | undefined {
  if (outcome.errno !== errno)
    return { field: 'errno', recorded: named(errno), predicted: named(outcome.errno) };
  if (ret !== outcome.ret) return { field: 'ret', recorded: String(ret), predicted: String(outcome.ret) };
  return undefined;
}

/** undefined where everything fits or where the line holds no result. */
export function compareIoctl(
  line: IoctlLine,
  outcome: Outcome,
  out: HexPattern | undefined,
  ptrOut: HexPattern | undefined,
): Comparison | undefined {
  if (line.ret === undefined) return undefined;
  const result = compareResult(line.ret, line.errno ?? 0, outcome);
  if (result !== undefined) return result;
  if (!fits(out, line.out))
    return { field: 'out', recorded: line.out ?? 'unchanged', predicted: out ?? 'unchanged' };
  if (!fits(ptrOut, line.ptrOut))
    return { field: 'ptrOut', recorded: line.ptrOut ?? 'unchanged', predicted: ptrOut ?? 'unchanged' };
  return undefined;
}

export function compareRead(line: ReadLine, outcome: Outcome): Comparison | undefined {
  if (line.ret === undefined) return undefined;
  const result = compareResult(line.ret, line.errno ?? 0, outcome);
  if (result !== undefined) return result;
  const data = bytesRead(outcome) ?? '';
  return fits(data, line.data ?? '')
    ? undefined
    : { field: 'data', recorded: line.data ?? '', predicted: data };
}

export function compareWrite(line: WriteLine, outcome: Outcome): Comparison | undefined {
  return line.ret === undefined ? undefined : compareResult(line.ret, line.errno ?? 0, outcome);
}

/** The address is the process's own; only success and errno are predicted. */
export function compareMmap(line: MmapLine, outcome: Outcome): Comparison | undefined {
  if (line.addr === undefined && line.errno === undefined) return undefined;
  return compareResult(line.errno === undefined ? 0 : -1, line.errno ?? 0, outcome);
}
