/** The bytes that an outcome writes, as the recorder would show them: hex, only where something changed. */
import { type Outcome, type Patch, type Reply, UNKNOWABLE } from '../events/outcome.ts';
import { errnoOf } from '../events/rules.ts';
import { fieldAt, type StructLayout } from './decode-struct.ts';
import type { IoctlLine } from './recording.ts';
import { isScanned, outSlotAt, scannedView } from './scanned-struct.ts';
import { StructBuffer } from './struct-buffer.ts';

/** Two hex digits a byte; `??` for a byte that is written and that nobody can know. */
export type HexPattern = string;

export function errnoOfOutcome(outcome: Outcome): string | undefined {
  return outcome.rule === undefined ? undefined : errnoOf(outcome.rule);
}

/** The struct, or the second buffer, after a call. */
const after = new StructBuffer();
/** Bytes that are written and that nobody can know; all zero between calls. */
let unknowable = new Uint8Array(8192);

/** What writing did to a buffer: bits. */
const UNCHANGED = 0;
const CHANGED = 1;
const HIDDEN = 2;

/**
 * The struct after the call, or undefined where it stays as it was. Where the scanner has read the same bytes in `line`, its text is
 * the answer: nothing has to be written down to be compared with it.
 */
export function structAfter(
  outcome: Outcome,
  layout: StructLayout | undefined,
  buffer: StructBuffer,
  limit: number,
  line?: IoctlLine,
): HexPattern | undefined {
  const { reply, raw } = outcome;
  if (reply === undefined && raw === undefined) return undefined;
  after.copy(buffer);
  let written = UNCHANGED;
  if (reply !== undefined && layout !== undefined)
    written |= applyReply(reply, layout, Math.min(limit, after.length));
  if (raw !== undefined) written |= applyPatches(raw);
  if (written === CHANGED && line?.out !== undefined && isScanned(line))
    if (after.length * 2 === line.out.length && after.holds(scannedView, outSlotAt(line.seq)))
      return line.out;
  return patternAfter(written);
}

function applyReply(reply: Reply, layout: StructLayout, limit: number): number {
  let written = UNCHANGED;
  for (const name in reply) {
    const value = reply[name] as Reply[string];
    const { offset, width } = fieldAt(layout, name);
    const fits = offset + width <= limit;
    if (value === UNKNOWABLE) {
      if (fits) written |= hide(offset, width);
    } else if (fits ? after.write(offset, width, value) : writePartly(offset, limit, value))
      written |= CHANGED;
  }
  return written;
}

/** A field that the caller's size cuts: the kernel copies the bytes that fit. */
function writePartly(offset: number, limit: number, value: number | bigint): boolean {
  if (offset >= limit) return false;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return after.writeBytes(offset, bytes, limit - offset);
}

function applyPatches(patches: readonly Patch[]): number {
  let written = UNCHANGED;
  for (const { at, bytes, unknowable: secret } of patches) {
    const count = Math.min(bytes.length, after.length - at);
    if (count <= 0) continue;
    if (secret) written |= hide(at, count);
    else if (after.writeBytes(at, bytes, count)) written |= CHANGED;
  }
  return written;
}

function hide(at: number, count: number): number {
  if (after.length > unknowable.length) unknowable = new Uint8Array(after.length * 2);
  unknowable.fill(1, at, at + count);
  return HIDDEN;
}

function patternAfter(written: number): HexPattern | undefined {
  if (written === UNCHANGED) return undefined;
  const digits = after.hex();
  if ((written & HIDDEN) === 0) return digits;
  let pattern = '';
  for (let from = 0, to = 0; from < after.length; from = to) {
    const hidden = unknowable[from];
    while (to < after.length && unknowable[to] === hidden) to++;
    pattern += hidden ? '??'.repeat(to - from) : digits.slice(from * 2, to * 2);
  }
  unknowable.fill(0, 0, after.length);
  return pattern;
}

/**
 * The second buffer after the call, as far as the recording held it before; undefined where it stays as it was. `overlay` is
 * where the struct itself lies in this memory, and its bytes after the call.
 */
export function secondAfter(
  outcome: Outcome,
  before: Uint8Array,
  overlay: Patch | undefined,
): HexPattern | undefined {
  const patches = outcome.buffer;
  if (overlay === undefined && (patches === undefined || patches.length === 0)) return undefined;
  after.fill(before);
  let written = patches === undefined ? UNCHANGED : applyPatches(patches);
  if (overlay !== undefined && applyOverlay(overlay)) written |= CHANGED;
  return patternAfter(written);
}

/** The struct at `arg`, where it lies in the very memory that it points to: what is written back shows there too. */
export function overlayOf(
  line: IoctlLine,
  arg: number,
  out: HexPattern | undefined,
  second: Uint8Array,
): Patch | undefined {
  if (out === undefined || line.ptr === undefined) return undefined;
  const at = arg - Number(line.ptr);
  if (at >= second.length || at + out.length / 2 <= 0) return undefined;
  return { at, bytes: Buffer.from(out.replaceAll('??', '00'), 'hex') };
}

/** The part of the struct that lies within the second buffer. */
function applyOverlay({ at, bytes }: Patch): boolean {
  const visible = at < 0 ? bytes.subarray(-at) : bytes;
  const from = Math.max(at, 0);
  return after.writeBytes(from, visible, Math.min(visible.length, after.length - from));
}

/** The bytes that a read returned. */
export function bytesRead(outcome: Outcome): HexPattern | undefined {
  const patch = outcome.buffer?.[0];
  return patch === undefined ? undefined : Buffer.from(patch.bytes).toString('hex');
}

/** Whether recorded hex fits a predicted pattern. */
export function fits(pattern: HexPattern | undefined, recorded: string | undefined): boolean {
  if (pattern === recorded) return true;
  if (pattern === undefined || recorded === undefined || pattern.length !== recorded.length) return false;
  for (let at = 0; at < pattern.length; at += 2) {
    if (pattern.charCodeAt(at) === 0x3f) continue;
    if (
      pattern.charCodeAt(at) !== recorded.charCodeAt(at) ||
      pattern.charCodeAt(at + 1) !== recorded.charCodeAt(at + 1)
    )
      return false;
  }
  return true;
}
