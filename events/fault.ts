/** What happens to fault queues and to the page requests in them. */

/** One page request as read() shows it, and the slot that it came through. */
export type FaultRecord = Readonly<{
  flags: number;
  deviceId: number;
  pasid: number;
  grpid: number;
  perm: number;
  addr: bigint;
  groupKey: string;
  slotPasid: number;
}>;

export type FaultEvent =
  | Readonly<{ type: 'FaultQueueAllocated'; context: number; id: number }>
  | Readonly<{ type: 'FaultQueueClosed'; context: number; id: number }>
  | Readonly<{ type: 'FaultRaised'; context: number; id: number; record: FaultRecord }>
  | Readonly<{ type: 'FaultsRead'; context: number; id: number; cookies: readonly number[] }>
  /** A response with cookie 0 frees an index that was never to be handed out. */
  | Readonly<{ type: 'CookieZeroFreed'; context: number; id: number }>
  | Readonly<{ type: 'FaultAnswered'; context: number; id: number; cookie: number; code: number }>;
