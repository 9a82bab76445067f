/** Stable and greppable; a code is never reused. The reader's own are listed in `format.ts` and `read-*.ts`. */
export type TraceErrorCode = `TRC${number}-${string}`;

/** Where in a trace something stands. Lines count from 1; line 0 means the file as a whole. */
export type TracePosition = Readonly<{ file: string; line: number }>;

/**
 * The input is damaged, or is no trace, so nothing can be said about the kernel. Thrown in traces/, caught in cli/,
 * which prints the message alone: `FILE:LINE: CODE: expected …, found …`.
 */
export class TraceFormatError extends Error {
  override readonly name = 'TraceFormatError';
  readonly code: TraceErrorCode;
  readonly at: TracePosition;

  constructor(code: TraceErrorCode, at: TracePosition, detail: string, options?: ErrorOptions) {
    super(`${at.file}${at.line > 0 ? `:${at.line}` : ''}: ${code}: ${detail}`, options);
    this.code = code;
    this.at = at;
  }
}
