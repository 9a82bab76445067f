/** Tells a trace.dat file, which is read from many places at once, from a text, which is read from its beginning to its end. */
import type { Sink } from '../read-compressed.ts';
import { TraceFormatError } from '../trace-format-error.ts';
import { type ByteSource, fileSource, memorySource } from './byte-source.ts';
import { DAT_MAGIC } from './dat-file.ts';

/** Content of a compressed trace.dat, or of one from standard input, is held in memory up to this size. */
const HELD_MAX = 2 ** 30;

export class ContentSniffer implements Sink {
  private readonly path: string;
  private readonly file: string;
  private readonly text: Sink;
  private head: Buffer = Buffer.alloc(0);
  private decided: 'text' | 'dat' | undefined;
  private readonly held: Buffer[] = [];
  private heldSize = 0;
  private plain = false;

  constructor(path: string, file: string, text: Sink) {
    this.path = path;
    this.file = file;
    this.text = text;
  }

  readonly line = (): number => this.text.line();

  readonly write = (chunk: Uint8Array): 'stop' | undefined => {
    if (this.decided === 'text') return this.text.write(chunk);
    if (this.decided === 'dat') return this.hold(Buffer.from(chunk));
    // Nearly every file is a text, and its first chunk shows it: nothing of that is copied.
    if (this.head.length === 0 && !beginsAsDat(chunk)) return this.flush(chunk);
    this.head = Buffer.concat([this.head, chunk]);
    const length = Math.min(this.head.length, DAT_MAGIC.length);
    if (!beginsAsDat(this.head)) return this.flush(this.head);
    if (length < DAT_MAGIC.length) return undefined;
    this.decided = 'dat';
    this.plain = this.path !== '-' && startsPlain(this.path, this.file);
    return this.plain ? 'stop' : this.hold(this.head);
  };

  /** The content ends. A source for a trace.dat; undefined for a text, all of which was handed on. */
  finish(): ByteSource | undefined {
    if (this.decided === undefined) this.flush(this.head);
    if (this.decided !== 'dat') return undefined;
    return this.plain ? fileSource(this.file, this.path) : memorySource(this.file, Buffer.concat(this.held));
  }

  private flush(head: Uint8Array): 'stop' | undefined {
    this.decided = 'text';
    this.head = Buffer.alloc(0);
    return head.length === 0 ? undefined : this.text.write(head);
  }

  private hold(bytes: Buffer): undefined {
    this.heldSize += bytes.length;
    if (this.heldSize > HELD_MAX) {
      const detail = `expected at most ${HELD_MAX} bytes of compressed trace.dat, found more; decompress it first`;
      throw new TraceFormatError('TRC023-too-large', { file: this.file, line: 0 }, detail);
    }
    this.held.push(bytes);
  }
}

/** Whether the bytes are the magic number of a trace.dat, as far as they go. */
function beginsAsDat(bytes: Uint8Array): boolean {
  const length = Math.min(bytes.length, DAT_MAGIC.length);
  return DAT_MAGIC.compare(bytes, 0, length, 0, length) === 0;
}

/** Whether the file on the disk itself begins as a trace.dat. */
function startsPlain(path: string, file: string): boolean {
  const source = fileSource(file, path);
  try {
    return source.size >= DAT_MAGIC.length && source.read(0, DAT_MAGIC.length).equals(DAT_MAGIC);
  } finally {
    source.close();
  }
}
