/** What happens to I/O address spaces: allocation, areas, reservations, options. */
import type { Capture } from './memory.ts';

/** Inclusive range of IOVAs. */
export type Range = Readonly<{ start: bigint; last: bigint }>;

/** A mapped interval: `startByte` is the byte offset into its pages object. */
export type MappedArea = Readonly<{
  iova: bigint;
  last: bigint;
  pagesId: number;
  startByte: bigint;
  prot: number;
  pins: number;
  locks: number;
}>;

/** A new pages object: memory of a process, a file or a dma-buf. */
export type NewPages = Readonly<{
  id: number;
  kind: 'user' | 'file' | 'dmabuf';
  spaceId: number;
  ino: number;
  fileType: string;
  basePage: bigint;
  npages: number;
  writable: boolean;
  account: 'none' | 'user' | 'mm';
  ownerPid: number;
  uid: number;
}>;

export type IoasEvent =
  | Readonly<{ type: 'IoasAllocated'; context: number; id: number }>
  | Readonly<{ type: 'RangesAllowed'; context: number; id: number; ranges: readonly Range[] }>
  /** A list that the recording does not hold was set, or refused: what is allowed is not known any more. */
  | Readonly<{ type: 'AllowedForgotten'; context: number; id: number }>
  | Readonly<{
      type: 'RangeReserved';
      context: number;
      id: number;
      start: bigint;
      last: bigint;
      owner: string;
    }>
  | Readonly<{ type: 'ReservationsDropped'; context: number; id: number; owner: string }>
  | Readonly<{
      type: 'AreasMapped';
      context: number;
      id: number;
      areas: readonly MappedArea[];
      pages: NewPages | undefined;
      captures: readonly Capture[];
    }>
  /** Areas were mapped and nobody knows at which IOVA: what is where in this IOAS is not known any more. */
  | Readonly<{ type: 'AreasAdrift'; context: number; id: number }>
  | Readonly<{ type: 'AreaUnmapped'; context: number; id: number; iova: bigint }>
  | Readonly<{ type: 'AreaSplit'; context: number; id: number; iova: bigint; at: bigint }>
  | Readonly<{ type: 'LargePagesSet'; context: number; id: number; enabled: boolean }>
  | Readonly<{ type: 'AccountModeSet'; context: number; mode: 'user' | 'mm' }>
  | Readonly<{ type: 'CompatIoasSet'; context: number; id: number }>
  | Readonly<{ type: 'ProcessChanged'; context: number; pid: number }>;
