/** One line of `ioasis predict`. */
import type { ErrnoName } from '../events/errno.ts';
import { errnoOf } from '../events/rules.ts';
import type { CallResult } from './engine.ts';

export type PredictionLine = Readonly<{
  trace: string;
  seq: number;
  pid: number;
  call: 'ioctl' | 'read' | 'write' | 'mmap';
  command: string;
  /** What the system call returns, -1 on failure; of mmap, 0 on success, since its address is the process's own. */
  ret: number | null;
  /** A name; null on success. */
  errno: ErrnoName | null;
  /** The struct after the call, or the bytes that a read returned; `??` is a byte that nobody can know. */
  out?: string;
  /** The second buffer after the call. */
  ptrOut?: string;
  /** The rule that refuses the call; null on success. */
  rule: string | null;
  /** The missing fact; the result is null then. */
  undetermined: string | null;
}>;

/** What the model says of a call. */
export function predictionOf(trace: string, result: CallResult): PredictionLine {
  const { line, command, outcome, out, ptrOut } = result;
  const { seq, pid, ev: call } = line;
  const asked = { trace, seq, pid, call, command };
  const { missing, rule } = outcome;
  if (missing !== undefined) return { ...asked, ret: null, errno: null, rule: null, undetermined: missing };
  return {
    ...asked,
    ret: outcome.ret,
    errno: rule === undefined ? null : errnoOf(rule),
    ...(out === undefined ? {} : { out }),
    ...(ptrOut === undefined ? {} : { ptrOut }),
    rule: rule ?? null,
    undetermined: null,
  };
}
