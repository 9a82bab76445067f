/** The bytes that an outcome writes, as the recorder would show them: hex, only where something changed. */
import { type Outcome, type Patch, UNKNOWABLE } from '../events/outcome.ts';
import { errnoOf } from '../events/rules.ts';
import { fieldAt, type StructLayout } from './decode-struct.ts';
import type { StructBuffer } from './struct-buffer.ts';

/** Two hex digits a byte; `??` for a byte that is written and that nobody can know. */
export type HexPattern = string;

export function errnoOfOutcome(outcome: Outcome): string | undefined {
  return outcome.rule === undefined ? undefined : errnoOf(outcome.rule);
}

let after = Buffer.alloc(8192);
let unknowable = new Uint8Array(8192);

function reserve(length: number): void {
  if (length <= after.length) return;
  after = Buffer.alloc(length * 2);
  unknowable = new Uint8Array(length * 2);
}

/** The struct after the call, or undefined where it stays as it was. */
export function structAfter(
  outcome: Outcome,
  layout: StructLayout | undefined,
  buffer: StructBuffer,
  limit: number,
): HexPattern | undefined {
  const { reply, raw } = outcome;
  if (reply === undefined && raw === undefined) return undefined;
  const { length } = buffer;
  reserve(length);
  buffer.bytes.copy(after, 0, 0, length);
  let hidden = false;
  if (reply !== undefined && layout !== undefined)
    hidden = applyReply(reply, layout, Math.min(limit, length));
  if (raw !== undefined) hidden = applyPatches(raw, length) || hidden;
  return changed(buffer.bytes, length, hidden);
}

function applyReply(reply: NonNullable<Outcome['reply']>, layout: StructLayout, limit: number): boolean {
  let hidden = false;
  for (const name in reply) {
    const value = reply[name];
    const { offset, width } = fieldAt(layout, name);
    if (offset + width > limit) {
      if (typeof value !== 'symbol') writePartly(offset, width, limit, value as number | bigint);
      continue;
    }
    if (value === UNKNOWABLE) {
      unknowable.fill(1, offset, offset + width);
      hidden = true;
    } else if (width === 8) after.writeBigUInt64LE(value as bigint, offset);
    else if (width === 4) after.writeUInt32LE(Number(value) >>> 0, offset);
    else after.writeUIntLE(Number(value), offset, width);
  }
  return hidden;
}

/** A field that the caller's size cuts: the kernel copies the bytes that fit. */
function writePartly(offset: number, width: number, limit: number, value: number | bigint): void {
  let rest = BigInt(value);
  for (let at = offset; at < offset + width; at++, rest >>= 8n)
    if (at < limit) after[at] = Number(rest & 0xffn);
}

function applyPatches(patches: readonly Patch[], limit: number): boolean {
  let hidden = false;
  for (const { at, bytes, unknowable: secret } of patches) {
    const count = Math.min(bytes.length, limit - at);
    if (count <= 0) continue;
    if (secret) {
      unknowable.fill(1, at, at + count);
      hidden = true;
    } else after.set(bytes.subarray(0, count), at);
  }
  return hidden;
}

function changed(before: Uint8Array, length: number, hidden: boolean): HexPattern | undefined {
  if (!hidden)
    return after.compare(before, 0, length, 0, length) === 0 ? undefined : after.toString('hex', 0, length);
  let pattern = '';
  for (let at = 0; at < length; at++)
    pattern += unknowable[at] ? '??' : (after[at] as number).toString(16).padStart(2, '0');
  unknowable.fill(0, 0, length);
  return pattern;
}

/**
 * The second buffer after the call, as far as the recording held it before; undefined where it stays as it was. `overlay` is
 * where the struct itself lies in this memory, and its bytes after the call.
 */
export function secondAfter(
  outcome: Outcome,
  before: Uint8Array | undefined,
  overlay: Patch | undefined,
): HexPattern | undefined {
  if (before === undefined) return undefined;
  const patches = outcome.buffer;
  if (overlay === undefined && (patches === undefined || patches.length === 0)) return undefined;
  const { length } = before;
  reserve(length);
  after.set(before);
  const hidden = patches === undefined ? false : applyPatches(patches, length);
  if (overlay !== undefined) applyOverlay(overlay, length);
  return changed(before, length, hidden);
}

function applyOverlay({ at, bytes }: Patch, length: number): void {
  for (let index = 0; index < bytes.length; index++) {
    const target = at + index;
    if (target >= 0 && target < length) after[target] = bytes[index] as number;
  }
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
