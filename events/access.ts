/** What happens to in-kernel users of an IOAS (mdev drivers, HW queues, the mock's access descriptors). */
import type { Capture } from './memory.ts';

/** One piece of a pinned range: page indexes of one area's pages object. */
export type PinnedPart = Readonly<{ areaIova: bigint; pagesId: number; first: number; last: number }>;

export type AccessEvent =
  | Readonly<{
      type: 'AccessCreated';
      context: number;
      id: number;
      ioasId: number;
      needsPin: boolean;
      internal: boolean;
    }>
  | Readonly<{ type: 'AccessMoved'; context: number; id: number; ioasId: number }>
  | Readonly<{ type: 'AccessDetached'; context: number; id: number }>
  | Readonly<{
      type: 'AccessPinned';
      context: number;
      id: number;
      item: number;
      iova: bigint;
      last: bigint;
      parts: readonly PinnedPart[];
      captures: readonly Capture[];
      lock: boolean;
    }>
  | Readonly<{ type: 'AccessItemSkipped'; context: number; id: number }>
  | Readonly<{ type: 'AccessUnpinned'; context: number; id: number; item: number }>
  | Readonly<{ type: 'AccessDestroyed'; context: number; id: number }>;
