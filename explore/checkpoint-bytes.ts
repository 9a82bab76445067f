/** The bytes of a checkpoint: a mark, a heading in JSON, lists of numbers, and a sum over all of it. Little-endian throughout. */

/** Stable and greppable; a code is never reused. */
export type CheckpointErrorCode = 'CKP001-damaged' | 'CKP002-other-version' | 'CKP003-other-model';

/** The checkpoint cannot be used, so nothing of it was. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly code: CheckpointErrorCode;

  constructor(code: CheckpointErrorCode, detail: string, options?: ErrorOptions) {
    super(`checkpoint: ${code}: ${detail}`, options);
    this.code = code;
  }
}

export type Checkpoint = Uint8Array;

/** "SRCH", and the version of the layout below. */
const MARK = 0x48435253;
const VERSION = 1;
/** Mark, version, bytes of the heading, bytes of everything. */
const START = 20;
const SUM = 8;

/** A heading and lists of bytes as one checkpoint. */
export function writeBytes(heading: object, lists: readonly Uint8Array[]): Checkpoint {
  const text = new TextEncoder().encode(
    JSON.stringify({ heading, lengths: lists.map(({ length }) => length) }),
  );
  const parts = [padded(text), ...lists.map(padded)];
  const length = START + SUM + parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MARK, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, text.length, true);
  view.setBigUint64(12, BigInt(length), true);
  let at = START;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const [low, high] = sumOf(bytes.subarray(0, at));
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
  return bytes;
}

/** The heading and lists of a checkpoint. Throws CheckpointError. */
export function readBytes(bytes: Checkpoint): { heading: object; lists: Uint8Array[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < START + SUM) {
    throw new CheckpointError(
      'CKP001-damaged',
      `expected at least ${START + SUM} bytes, found ${bytes.length}`,
    );
  }
  if (view.getUint32(0, true) !== MARK)
    throw new CheckpointError('CKP001-damaged', 'it does not begin with SRCH');
  const version = view.getUint32(4, true);
  if (version !== VERSION) {
    throw new CheckpointError('CKP002-other-version', `expected version ${VERSION}, found ${version}`);
  }
  const length = view.getBigUint64(12, true);
  if (length !== BigInt(bytes.length)) {
    throw new CheckpointError('CKP001-damaged', `expected ${length} bytes, found ${bytes.length}`);
  }
  const end = bytes.length - SUM;
  const [low, high] = sumOf(bytes.subarray(0, end));
  if (view.getUint32(end, true) !== low || view.getUint32(end + 4, true) !== high) {
    throw new CheckpointError('CKP001-damaged', 'its bytes do not add up to the sum at its end');
  }
  return partsOf(bytes, view.getUint32(8, true));
}

function partsOf(bytes: Checkpoint, textLength: number): { heading: object; lists: Uint8Array[] } {
  const text = new TextDecoder().decode(bytes.subarray(START, START + textLength));
  const { heading, lengths } = JSON.parse(text) as { heading: object; lengths: number[] };
  let at = START + roundUp(textLength);
  const lists = lengths.map((length) => {
    const list = bytes.slice(at, at + length);
    at += roundUp(length);
    return list;
  });
  return { heading, lists };
}

function roundUp(length: number): number {
  return (length + 3) & ~3;
}

function padded(bytes: Uint8Array): Uint8Array {
  const filled = new Uint8Array(roundUp(bytes.length));
  filled.set(bytes);
  return filled;
}

/** Two sums of 32 bits. A change within one word always changes both. */
export function sumOf(bytes: Uint8Array): readonly [number, number] {
  let low = 0x811c9dc5;
  let high = 0x2545f491;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 4) {
    const word = at + 4 <= bytes.length ? view.getUint32(at, true) : (bytes[at] ?? 0);
    low = Math.imul(low ^ word, 0x01000193);
    low ^= low >>> 15;
    high = Math.imul(high ^ word, 0x9e3779b1);
    high ^= high >>> 13;
  }
  return [low >>> 0, high >>> 0];
}
