import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { type TraceErrorCode, TraceFormatError } from './trace-format-error.ts';

/** Receives the bytes of a file in order. */
export type Sink = Readonly<{
  /** `stop`: seen enough. A chunk is valid during the call only; what is kept has to be copied. */
  write: (chunk: Uint8Array) => 'stop' | undefined;
  /** The line that the next byte belongs to, for the message about a damaged file; 0 where lines mean nothing. */
  line: () => number;
}>;

/** Takes a file as it stands on the disk, hands on its content. */
export type Decoder = Readonly<{
  push: (bytes: Uint8Array) => Promise<'stop' | undefined>;
  end: () => Promise<void>;
}>;

/** Bytes of content handed on at once. */
const CHUNK_SIZE = 256 * 1024;

/** What the first four bytes of a file say about it. */
export function compressionOf(bytes: Uint8Array): 'gzip' | 'zstd' | undefined {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip';
  const zstd = bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd;
  return zstd ? 'zstd' : undefined;
}

/** The decoder for a file that begins with `head`; messages call it `file`. */
export function decoderFor(head: Uint8Array, file: string, sink: Sink): Decoder {
  switch (compressionOf(head)) {
    case 'gzip':
      return gzipDecoder(file, sink);
    case 'zstd':
      return zstdDecoder(file, sink);
    case undefined:
      return { push: async (bytes) => sink.write(bytes), end: async () => {} };
  }
}

/** What is inflated is handed on from the event loop, so that a thread inflates what follows meanwhile. */
function gzipDecoder(file: string, sink: Sink): Decoder {
  const gunzip = createGunzip({ chunkSize: CHUNK_SIZE });
  let contentSize = 0;
  const inflated: Buffer[] = [];
  let ended: Ending | undefined;
  // Whoever waits: push() or end().
  let wake: () => void = () => {};
  const waiting = (start: () => void): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      start();
    });

  const finish = (ending: Ending): void => {
    ended ??= ending;
    gunzip.destroy();
    wake();
  };
  const handOn = (): void => {
    for (let chunk = inflated.shift(); chunk !== undefined && !ended; chunk = inflated.shift()) {
      contentSize += chunk.length;
      try {
        if (sink.write(chunk) === 'stop') finish({ stopped: true });
      } catch (reason) {
        finish({ stopped: false, reason });
      }
    }
  };
  const fail = (cause: NodeJS.ErrnoException): void => {
    handOn();
    const code = cause.code === 'Z_BUF_ERROR' ? 'TRC010-cut-short' : 'TRC011-bad-compression';
    finish({ stopped: false, reason: damage(code, file, sink, contentSize, cause) });
  };
  gunzip.on('data', (chunk: Buffer) => {
    if (inflated.push(chunk) === 1) setImmediate(handOn);
  });
  gunzip.on('error', fail);
  gunzip.on('end', () => {
    handOn();
    wake();
  });

  const verdict = (): 'stop' | undefined => {
    if (ended?.stopped === false) throw ended.reason;
    return ended && 'stop';
  };
  return {
    push: async (bytes) => {
      // Zeros after the last member are padding, at which the stream ends by itself.
      if (!ended && !gunzip.readableEnded)
        await waiting(() => gunzip.write(bytes, (error) => (error ? fail(error) : wake())));
      return verdict();
    },
    end: async () => {
      if (!ended && !gunzip.readableEnded) await waiting(() => gunzip.end());
      verdict();
    },
  };
}

/** Why no more is handed on: somebody had seen enough, or threw. */
type Ending = Readonly<{ stopped: true } | { stopped: false; reason: unknown }>;

/** Checksums of zstd frames are not verified. */
function zstdDecoder(file: string, sink: Sink): Decoder {
  let contentSize = 0;
  let ended: { reason: unknown } | undefined;
  const zstd = new Decompress((chunk) => {
    contentSize += chunk.length;
    try {
      if (sink.write(chunk) === 'stop') ended = { reason: undefined };
    } catch (reason) {
      ended = { reason };
    }
    // The library has no other way to be interrupted within a push.
    if (ended) throw ended;
  });
  const push = (bytes: Uint8Array, final: boolean): 'stop' | undefined => {
    try {
      zstd.push(bytes, final);
      return undefined;
    } catch (cause) {
      if (ended?.reason !== undefined) throw ended.reason;
      if (ended) return 'stop';
      const code = final ? 'TRC010-cut-short' : 'TRC011-bad-compression';
      throw damage(code, file, sink, contentSize, cause);
    }
  };
  return {
    push: async (bytes) => push(bytes, false),
    end: async () => {
      push(new Uint8Array(0), true);
    },
  };
}

function damage(code: TraceErrorCode, file: string, sink: Sink, contentSize: number, cause: unknown) {
  const found = code === 'TRC010-cut-short' ? 'the end of the file' : 'damage somewhere';
  const reason = cause instanceof Error ? ` (${cause.message})` : '';
  const detail = `expected more compressed data, found ${found} after ${contentSize} decompressed bytes${reason}`;
  return new TraceFormatError(code, { file, line: sink.line() }, detail, { cause });
}
