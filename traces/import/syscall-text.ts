/** Entries and returns of system calls as text: `sys_close(fd: 4)` of tracefs, `fd: 0x00000004` of trace-cmd and perf. */
import { CAPTURED_CALLS } from '../capture-probes.ts';
import { isWord } from '../hex-digit.ts';
import type { SyscallArgs } from './kernel-event.ts';
import { begins } from './text-match.ts';

/** The calls that a capture is made of. */
export const FOLLOWED_CALLS: ReadonlySet<string> = new Set(CAPTURED_CALLS);

/** Values in symbols, or of no use. */
const AS_TEXT: ReadonlySet<string> = new Set(['flags', 'mode', 'how', 'usize', 'dfd', 'filename']);

/** Most events, as tracefs prints them. */
const IOCTL_ENTRY = 'sys_ioctl(';
const IOCTL_RETURN = 'sys_ioctl -> 0x';

/** Most entries: an ioctl as tracefs prints it; undefined for any other form. */
function ioctlArgs(text: string): SyscallArgs | undefined {
  const command = text.indexOf(', cmd: 0x');
  const argument = text.indexOf(', arg: 0x', command);
  if (command < 0 || argument < 0 || !begins(text, 'fd: ')) return undefined;
  const fd = begins(text, '0x', 4) ? 6 : 4;
  const arg = argument + 9;
  const wellFormed =
    isWord(text, fd, command) && isWord(text, command + 9, argument) && isWord(text, arg, text.length);
  if (!wellFormed) return undefined;
  return { fd: text.slice(fd, command), cmd: text.slice(command + 9, argument), arg: text.slice(arg) };
}

/** `name: value, …` by name, numbers without `0x`; undefined where a number is none. */
function syscallArgs(text: string): SyscallArgs | undefined {
  const ioctl = ioctlArgs(text);
  if (ioctl !== undefined) return ioctl;
  const args: Record<string, string> = {};
  const end = text.length;
  const quoted = text.includes('"');
  for (let at = 0; at < end; ) {
    const colon = text.indexOf(': ', at);
    if (colon < 0) return at === 0 && text.trim() === '' ? args : undefined;
    const name = text.slice(at, colon);
    const value = colon + 2;
    const quote = quoted ? text.indexOf('"', value) : -1;
    let comma = text.indexOf(', ', value);
    if (quote >= 0 && (comma < 0 || quote < comma)) {
      const close = text.indexOf('"', quote + 1);
      if (close < 0) return undefined;
      args[name] = text.slice(quote + 1, close);
      comma = text.indexOf(', ', close);
    } else {
      const stop = comma < 0 ? end : comma;
      const from = begins(text, '0x', value) ? value + 2 : value;
      if (!AS_TEXT.has(name) && !isWord(text, from, stop)) return undefined;
      args[name] = text.slice(from, stop);
    }
    at = comma < 0 ? end : comma + 2;
  }
  return args;
}

export type SyscallText = Readonly<
  { name: string } & ({ args: SyscallArgs | undefined } | { ret: string | undefined })
>;

/** Reads `sys_close(fd: 4)`, `sys_close -> 0x0`, `sys_enter_close: fd: …`, `sys_exit_close: 0x0`; undefined for calls not followed. */
export function syscallText(text: string): SyscallText | undefined {
  if (begins(text, IOCTL_RETURN)) return { name: 'ioctl', ret: digitsFrom(text, IOCTL_RETURN.length) };
  if (begins(text, IOCTL_ENTRY) && text.endsWith(')'))
    return { name: 'ioctl', args: syscallArgs(text.slice(IOCTL_ENTRY.length, -1)) };
  const entered = begins(text, 'sys_enter_');
  const exited = begins(text, 'sys_exit_');
  if (entered || exited) {
    const from = entered ? 10 : 9;
    const colon = text.indexOf(':', from);
    const name = text.slice(from, colon < 0 ? from : colon);
    if (!FOLLOWED_CALLS.has(name)) return undefined;
    const body = text.slice(colon + 1).trim();
    return entered ? { name, args: syscallArgs(body) } : { name, ret: returned(body) };
  }
  const open = text.indexOf('(');
  const arrow = text.indexOf(' -> ');
  if (arrow >= 0 && (open < 0 || arrow < open)) {
    const name = text.slice(4, arrow);
    return FOLLOWED_CALLS.has(name) ? { name, ret: returned(text.slice(arrow + 4)) } : undefined;
  }
  const name = text.slice(4, open < 0 ? 4 : open);
  if (!FOLLOWED_CALLS.has(name)) return undefined;
  return { name, args: text.endsWith(')') ? syscallArgs(text.slice(open + 1, -1)) : undefined };
}

function returned(text: string): string | undefined {
  return begins(text, '0x') ? digitsFrom(text, 2) : undefined;
}

function digitsFrom(text: string, from: number): string | undefined {
  return isWord(text, from, text.length) ? text.slice(from) : undefined;
}
