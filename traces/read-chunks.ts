import { closeSync, createReadStream, fstatSync, openSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { TextFormat } from './import/recognise.ts';
import { compressionOf, type Decoder, decoderFor, type Sink } from './read-compressed.ts';
import { TraceFormatError } from './trace-format-error.ts';

const MiB = 1 << 20;
const NEWLINE = 0x0a;
/** A stream costs more than the whole decompression of a small file. */
const SMALL_FILE = 4 * MiB;
const SMALL_CONTENT = 64 * MiB;
/** Header and trailer of the least gzip file, bytes. */
const GZIP_LEAST = 18;
/** Bytes of a file read at once: bounds what one read can inflate to. */
const READ_SIZE = 64 * 1024;

/** Who is told how many bytes of the file, as it stands on the disk, were used since it was told last. */
export type ReadOptions = Readonly<{
  onBytes?: ((count: number) => void) | undefined;
  /** What a text is, instead of what its first line says. */
  format?: TextFormat | undefined;
}>;

/** How a path is called in messages. */
export function fileName(path: string): string {
  return path === '-' ? 'stdin' : path;
}

/**
 * Hands the content of a file, or of standard input for `-`, to `sink` in chunks, decompressed where the content is gzip
 * (also of several members) or zstd. Memory stays bounded, whatever the size. Between chunks the process can do other things.
 *
 * Throws TraceFormatError: TRC010-cut-short, TRC011-bad-compression, TRC013-unreadable; and what the sink throws.
 */
export async function readChunks(path: string, sink: Sink, options: ReadOptions = {}): Promise<void> {
  const small = path === '-' ? undefined : readSmall(path);
  if (small) {
    const { content, fileSize } = small;
    for (let from = 0; from < content.length; ) {
      const to = chunkEnd(content, from);
      if (sink.write(content.subarray(from, to)) === 'stop') return;
      from = to;
      await setImmediate();
    }
    options.onBytes?.(fileSize);
    return;
  }
  await pump(path, sink, options);
}

/** Where the chunk from `from` on ends: with a line, if there is one, so that no line has to be put together again. */
function chunkEnd(content: Buffer, from: number): number {
  const chunk = content.subarray(from, from + MiB);
  const lines = chunk.lastIndexOf(NEWLINE) + 1;
  return from + (lines > 0 ? lines : chunk.length);
}

async function pump(path: string, sink: Sink, options: ReadOptions): Promise<void> {
  let head = Buffer.alloc(0);
  let decoder: Decoder | undefined;
  for await (const chunk of sourceChunks(path)) {
    let bytes = chunk;
    options.onBytes?.(chunk.length);
    if (!decoder) {
      head = Buffer.concat([head, chunk]);
      if (head.length < 4) continue;
      bytes = head;
      decoder = decoderFor(head, fileName(path), sink);
    }
    if ((await decoder.push(bytes)) === 'stop') return;
  }
  if (decoder) await decoder.end();
  else sink.write(head);
}

async function* sourceChunks(path: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* path === '-' ? process.stdin : createReadStream(path, { highWaterMark: READ_SIZE });
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The whole content of a small regular file; undefined where it has to be streamed. */
function readSmall(path: string): Readonly<{ content: Buffer; fileSize: number }> | undefined {
  const bytes = readSmallFile(path);
  const compression = bytes && compressionOf(bytes);
  if (!bytes) return undefined;
  const fileSize = bytes.length;
  if (compression === undefined) return { content: bytes, fileSize };
  if (compression === 'zstd' || bytes.length < GZIP_LEAST) return undefined;
  // A gzip file ends with the size of its last member: mostly, of the whole content.
  const size = bytes.readUInt32LE(bytes.length - 4);
  if (size >= SMALL_CONTENT) return undefined;
  try {
    const chunkSize = Math.max(size + 1, READ_SIZE);
    return { content: gunzipSync(bytes, { chunkSize, maxOutputLength: SMALL_CONTENT }), fileSize };
  } catch {
    // Too much content, or damage: the stream finds out which, and where.
    return undefined;
  }
}

/** The bytes of a small regular file; undefined for a large one, a pipe or a terminal. */
function readSmallFile(path: string): Buffer | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      const stat = fstatSync(fd);
      return stat.isDirectory() || (stat.isFile() && stat.size < SMALL_FILE) ? readFileSync(fd) : undefined;
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The error for a file that the system does not let us read. */
export function unreadable(path: string, cause: unknown): TraceFormatError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'an error';
  const found = { ENOENT: 'no such file', EISDIR: 'a folder', EACCES: 'no permission' }[code] ?? code;
  const at = { file: fileName(path), line: 0 };
  return new TraceFormatError('TRC013-unreadable', at, `expected a readable file, found ${found}`, { cause });
}
