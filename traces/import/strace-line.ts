/** One line of strace's output, cut into process, time, call and result. */
import * as numbers from '../../events/ioctl-number.ts';
import type { SyscallArgs } from './kernel-event.ts';

/** What happened on a line: a call that begins, ends, or both; a process that ends. */
export type StraceLine = Readonly<{
  /** 0 where the line does not tell. */
  tid: number;
  /** Nanoseconds; undefined without a time stamp. */
  ns: number | undefined;
  durationNs: number | undefined;
}> &
  (
    | Readonly<{
        what: 'call' | 'begun';
        name: string;
        args: readonly string[];
        ret: StraceResult | undefined;
      }>
    | Readonly<{ what: 'resumed'; name: string; ret: StraceResult }>
    | Readonly<{ what: 'exited' }>
    | Readonly<{ what: 'other' }>
  );

/** The returned value as hexadecimal digits of 64 bits; undefined where strace does not know it. */
export type StraceResult = Readonly<{ digits: string | undefined; errno: string | undefined }>;

const NS = 1_000_000_000;
const HEAD = /^(?:\[pid\s+(\d+)\] |(\d+)\s+)?(?:(?:(\d\d):(\d\d):(\d\d)|(\d+))\.(\d{1,9})\s+)?(?=\S)/;
const BEGUN = /^([a-z_][a-z0-9_]*)\((.*?),?\s*<unfinished \.\.\.>$/;
const RESUMED = /^<\.\.\. ([a-z_][a-z0-9_]*) resumed>.*?\)?\s+= (.*)$/;
const CALL = /^([a-z_][a-z0-9_]*)\((.*)\)\s+= (.*)$/;
const RESULT =
  /^(-?\d+|0x[0-9a-f]+|\?)(?:<[^>]*>)?(?:\s+(E[A-Z0-9]+) \(.*\))?(?:\s+\(.*\))?(?:\s+<(\d+)\.(\d+)>)?$/;

/** undefined for lines that strace does not write. */
export function parseStrace(line: string): StraceLine | undefined {
  const head = HEAD.exec(line);
  if (head === null) return undefined;
  const rest = line.slice(head[0].length);
  const base = { tid: Number(head[1] ?? head[2] ?? 0), ns: timeOf(head), durationNs: undefined };
  if (/^\+\+\+ (exited|killed) /.test(rest)) return { ...base, what: 'exited' };
  if (rest.startsWith('--- ') || rest.startsWith('strace: ')) return { ...base, what: 'other' };
  const begun = BEGUN.exec(rest);
  if (begun !== null)
    return {
      ...base,
      what: 'begun',
      name: begun[1] ?? '',
      args: argumentsOf(begun[2] ?? ''),
      ret: undefined,
    };
  const resumed = RESUMED.exec(rest);
  const call = resumed === null ? CALL.exec(rest) : null;
  const result = resultOf(resumed?.[2] ?? call?.[3] ?? '');
  if (result === undefined) return undefined;
  const timed = { ...base, durationNs: result.durationNs };
  if (resumed !== null) return { ...timed, what: 'resumed', name: resumed[1] ?? '', ret: result };
  return { ...timed, what: 'call', name: call?.[1] ?? '', args: argumentsOf(call?.[2] ?? ''), ret: result };
}

function timeOf(head: RegExpExecArray): number | undefined {
  const [, , , hours, minutes, seconds, epoch, fraction] = head;
  if (fraction === undefined) return undefined;
  const whole =
    epoch === undefined ? (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds) : Number(epoch);
  return whole * NS + Number(fraction.padEnd(9, '0'));
}

function resultOf(text: string): (StraceResult & { durationNs: number | undefined }) | undefined {
  const found = RESULT.exec(text.trim());
  if (found === null) return undefined;
  const [, value = '', errno, seconds, fraction] = found;
  const durationNs =
    seconds === undefined ? undefined : Number(seconds) * NS + Number((fraction ?? '').padEnd(9, '0'));
  if (value === '?') return { digits: undefined, errno, durationNs };
  return { digits: BigInt.asUintN(64, BigInt(value)).toString(16), errno, durationNs };
}

/** Arguments between commas that stand in no bracket and no string. */
function argumentsOf(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let quoted = false;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quoted) {
      if (character === '\\') at++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    else if (character === ',' && depth === 0) {
      found.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  found.push(text.slice(from).trim());
  return found;
}

const BY_NAME = new Map<string, number>();
for (const [name, value] of Object.entries(numbers)) if (typeof value === 'number') BY_NAME.set(name, value);
const IOC = /^_IOC\((_IOC_\w+(?:\|_IOC_\w+)*|0), (0x[0-9a-f]+|\d+), (0x[0-9a-f]+|\d+), (0x[0-9a-f]+|\d+)\)$/;
const DIRECTIONS: Readonly<Record<string, number>> = { _IOC_NONE: 0, _IOC_WRITE: 1, _IOC_READ: 2 };

/** The number of an ioctl by name, by `_IOC(…)` or by itself; undefined for names of other subsystems. */
export function ioctlNumber(text: string): number | undefined {
  if (/^(0x[0-9a-f]+|\d+)$/.test(text)) return Number(text);
  const found = IOC.exec(text);
  if (found !== null) {
    const [, direction = '', type, number, size] = found;
    const bits = direction.split('|').reduce((sum, name) => sum | (DIRECTIONS[name] ?? 0), 0);
    return ((bits << 30) | (Number(size) << 16) | (Number(type) << 8) | Number(number)) >>> 0;
  }
  // Two subsystems can share a number: strace names both.
  for (const name of text.split(' or ')) {
    const number = BY_NAME.get(name);
    if (number !== undefined) return number;
  }
  return undefined;
}

const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  ioctl: ['fd', 'cmd', 'arg'],
  open: ['filename', 'flags'],
  openat: ['dfd', 'filename', 'flags'],
  openat2: ['dfd', 'filename', 'how'],
  close: ['fd'],
  dup: ['fildes'],
  dup2: ['oldfd', 'newfd'],
  dup3: ['oldfd', 'newfd', 'flags'],
  fcntl: ['fd', 'cmd', 'arg'],
  mmap: ['addr', 'len', 'prot', 'flags', 'fd', 'off'],
  munmap: ['addr', 'len'],
};
const FCNTL: Readonly<Record<string, string>> = { F_DUPFD: '0', F_DUPFD_CLOEXEC: '406' };
const PROT: Readonly<Record<string, number>> = { PROT_NONE: 0, PROT_READ: 1, PROT_WRITE: 2, PROT_EXEC: 4 };
const MAP: Readonly<Record<string, number>> = {
  MAP_SHARED: 1,
  MAP_PRIVATE: 2,
  MAP_SHARED_VALIDATE: 3,
  MAP_FIXED: 0x10,
  MAP_ANONYMOUS: 0x20,
};

/** The arguments of a call that matters, by the kernel's names; undefined for other calls. */
export function straceArguments(name: string, args: readonly string[]): SyscallArgs | undefined {
  const names = ARGUMENTS[name];
  if (names === undefined) return undefined;
  const found: Record<string, string> = {};
  names.forEach((key, index) => {
    const text = args[index];
    if (text === undefined) return;
    if (key === 'cmd' && name === 'ioctl') found[key] = (ioctlNumber(text) ?? 0).toString(16);
    else if (key === 'cmd') found[key] = FCNTL[text] ?? 'ffff';
    else if (key === 'prot') found[key] = symbols(text, PROT);
    else if (key === 'flags' && name === 'mmap') found[key] = symbols(text, MAP);
    else if (key === 'flags' || key === 'how') found[key] = text;
    else if (key === 'filename') found[key] = /^"(.*)"(?:\.\.\.)?$/.exec(text)?.[1] ?? '';
    else found[key] = digitsOf(text);
  });
  return found;
}

function symbols(text: string, values: Readonly<Record<string, number>>): string {
  let sum = 0;
  for (const name of text.split('|')) sum |= values[name] ?? (/^0x[0-9a-f]+$/.test(name) ? Number(name) : 0);
  return sum.toString(16);
}

/** `4`, `4</dev/iommu>`, `0x7ffe`, `NULL`. */
function digitsOf(text: string): string {
  const number = /^(0x[0-9a-f]+|-?\d+)/.exec(text)?.[1];
  return number === undefined ? '0' : BigInt.asUintN(64, BigInt(number)).toString(16);
}

/** What a clone asks for, as far as it matters: whether descriptors are shared. */
export function cloneFlags(args: readonly string[]): number {
  const text = args.join(' ');
  return (text.includes('CLONE_FILES') ? 0x400 : 0) | (text.includes('CLONE_THREAD') ? 0x1_0000 : 0);
}
