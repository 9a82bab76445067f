/** One line of tracefs text, of `trace-cmd report` or of `perf script`, cut into task, time and what happened. */

import { begins } from './text-match.ts';

/** `tgid` is undefined where the line has none; `rest` follows the time stamp. */
export type TextEvent = {
  comm: string;
  tid: number;
  tgid: number | undefined;
  cpu: number;
  ns: number;
  rest: string;
};

const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
const NS = 1_000_000_000;
/** Nanoseconds in the last digit, by the number of digits after the point. */
const SCALE: readonly number[] = Array.from({ length: 10 }, (_, digits) => 10 ** (9 - digits));

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

/** Where ` [cpu] ` stands: the bracket's offset, and the CPU; undefined for lines that are no events. */
function bracketOf(line: string): { open: number; close: number } | undefined {
  for (let open = line.indexOf('['); open >= 0; open = line.indexOf('[', open + 1)) {
    const close = line.indexOf(']', open);
    if (close < 0) return undefined;
    let at = open + 1;
    while (at < close && isDigit(line.charCodeAt(at))) at++;
    if (at === close && close - open >= 2 && line.charCodeAt(close + 1) === SPACE) return { open, close };
  }
  return undefined;
}

/** `comm-123`, `comm-123 (  99)`, or perf's `comm 99/123`; undefined for anything else. */
function taskOf(text: string): { comm: string; tid: number; tgid: number | undefined } | undefined {
  let end = text.length;
  let tgid: number | undefined;
  if (text.endsWith(')')) {
    const from = text.lastIndexOf('(');
    const inside = text.slice(from + 1, end - 1).trim();
    if (/^\d+$/.test(inside)) tgid = Number(inside);
    else if (!/^-+$/.test(inside)) return undefined;
    end = text.slice(0, from).trimEnd().length;
  }
  let at = end;
  while (at > 0 && isDigit(text.charCodeAt(at - 1))) at--;
  if (at === end || end - at > 10) return undefined;
  const tid = Number(text.slice(at, end));
  const before = text.charAt(at - 1);
  if (before === '-') return { comm: text.slice(0, at - 1), tid, tgid };
  if (before === '/') {
    const process = /\s(\d+)$/.exec(text.slice(0, at - 1));
    if (process === null) return undefined;
    return { comm: text.slice(0, process.index).trim(), tid, tgid: Number(process[1]) };
  }
  return before === ' ' ? { comm: text.slice(0, at).trim(), tid, tgid } : undefined;
}

/** Nanoseconds of `6.531125`; -1 for anything else. Six or nine digits follow the point; a plain number is a count. */
function timeOf(line: string, from: number, to: number): number {
  let seconds = 0;
  let at = from;
  for (; at < to && isDigit(line.charCodeAt(at)); at++) seconds = seconds * 10 + line.charCodeAt(at) - ZERO;
  if (at === from) return -1;
  if (at === to) return seconds;
  if (line.charCodeAt(at) !== 0x2e) return -1;
  let fraction = 0;
  let digits = 0;
  for (at++; at < to; at++, digits++) {
    const code = line.charCodeAt(at);
    if (!isDigit(code)) return -1;
    fraction = fraction * 10 + code - ZERO;
  }
  if (digits === 0 || digits > 9) return -1;
  return seconds * NS + fraction * (SCALE[digits] as number);
}

// What the line before began with, to the CPU: most lines are of the same thread as the one before.
let prefix = '~';
let comm = '';
let tid = 0;
let tgid: number | undefined;
let cpu = 0;

/** Reads the thread and the CPU, which the line begins with; false where it does not. */
function readPrefix(line: string): boolean {
  if (begins(line, prefix)) return true;
  const bracket = bracketOf(line);
  if (bracket === undefined) return false;
  const task = taskOf(line.slice(0, bracket.open).trim());
  if (task === undefined) return false;
  // A copy of its own: a slice would keep the block alive and compare more slowly.
  prefix = Buffer.from(line.slice(0, bracket.close + 2)).toString();
  ({ comm, tid, tgid } = task);
  cpu = Number(line.slice(bracket.open + 1, bracket.close));
  return true;
}

/** Fills `event` from the line; false for lines that are no events. */
export function parseTextEvent(line: string, event: TextEvent): boolean {
  if (!readPrefix(line)) return false;
  const close = prefix.length - 2;
  // Between CPU and time stamp there can be a column of flags.
  for (let at = close + 1, column = 0; column < 2; column++) {
    while (line.charCodeAt(at) === SPACE) at++;
    let end = line.indexOf(' ', at);
    if (end < 0) return false;
    if (line.charCodeAt(end - 1) === 0x3a) {
      const ns = timeOf(line, at, end - 1);
      if (ns >= 0) {
        while (line.charCodeAt(end) === SPACE) end++;
        event.comm = comm;
        event.tid = tid;
        event.tgid = tgid;
        event.cpu = cpu;
        event.ns = ns;
        event.rest = line.slice(end);
        return true;
      }
    }
    at = end;
  }
  return false;
}
