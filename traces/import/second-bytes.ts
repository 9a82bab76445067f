/** The second buffer of an ioctl before and after the call, from what two probes fetched of it. */
import { secondOf } from '../capture-second.ts';
import type { IoctlLine, Lacks } from '../recording.ts';
import type { IoctlProbes, SecondFetch } from './kernel-event.ts';
import type { Draft } from './line-order.ts';
import { isZero } from './memory-order.ts';

/** The recorder's own limit. */
const LONGEST = 256;
const EFAULT = 14;

/** Adds the second buffer to the line where it was fetched; answers what the line still lacks. */
export function withSecond(
  line: Draft<IoctlLine>,
  { secondEntry, secondExit }: IoctlProbes,
  lacks: Lacks | undefined,
): Lacks | undefined {
  if (lacks?.second !== true || secondEntry === undefined) return lacks;
  const second = secondOf(line.kind, line.req, line.in);
  if (second === undefined || second.address !== BigInt(`0x${secondEntry.pointer}`)) return lacks;
  const wanted = Math.min(second.length, LONGEST);
  const seen = Math.min(wanted, secondEntry.words.length / 2);
  const before = secondEntry.words.slice(0, seen * 2);
  // A probe reads 0 from memory that is not there, and from zeros.
  if (line.errno === EFAULT && isZero(before)) return lacks;
  line.ptr = `0x${secondEntry.pointer}`;
  line.ptrIn = before;
  const after = afterwards(secondExit, secondEntry, seen, line.errno);
  if (after !== undefined && after !== before) line.ptrOut = after;
  const { second: _known, ...rest } = lacks;
  const left: Lacks = {
    ...rest,
    ...(seen < wanted ? { second: true } : {}),
    ...(after === undefined ? { secondOut: true } : {}),
  };
  return Object.keys(left).length === 0 ? undefined : left;
}

function afterwards(
  exit: SecondFetch | undefined,
  entry: SecondFetch,
  seen: number,
  errno: number | undefined,
): string | undefined {
  if (seen === 0) return '';
  if (exit === undefined || errno === EFAULT || exit.pointer !== entry.pointer) return undefined;
  return exit.words.length < seen * 2 ? undefined : exit.words.slice(0, seen * 2);
}
