/** Facts about user memory and the processes that own it, as a recording tells them. */

/** Consecutive pages with one identity: page `first + n` of a pages object is page `base + n` of `key`. */
export type Piece = Readonly<{ first: number; last: number; key: string; base: number; compound: boolean }>;

/** Newly pinned pages of one pages object (the identity that they had), charged to its account. */
export type Capture = Readonly<{ pagesId: number; pieces: readonly Piece[] }>;

/** [start, end) in bytes as /proc/PID/maps prints it. */
export type MappingFact = Readonly<{
  start: number;
  end: number;
  read: boolean;
  write: boolean;
  shared: boolean;
  kind: string;
  ino: number;
  offset: number;
  huge: boolean;
}>;

export type MemoryEvent =
  | Readonly<{ type: 'CredentialsSeen'; pid: number; uid: number; memlock: bigint; capabilities: bigint }>
  | Readonly<{ type: 'MappingsSeen'; pid: number; mappings: readonly MappingFact[] }>
  | Readonly<{ type: 'ProcessForked'; pid: number; parent: number }>
  | Readonly<{ type: 'ProcessExited'; pid: number }>
  | Readonly<{ type: 'FileSized'; ino: number; size: bigint }>
  | Readonly<{ type: 'FileTruncated'; ino: number; size: bigint }>;
