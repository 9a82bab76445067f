/** What happens to vIOMMUs and what hangs on them: vDEVICEs, vEVENTQs, HW queues. */

export type ViommuEvent =
  | Readonly<{
      type: 'ViommuAllocated';
      context: number;
      id: number;
      hwptId: number;
      instance: string;
      kind: number;
      /** mmap window in bytes; length 0 is none. */
      windowOffset: bigint;
      windowLength: bigint;
    }>
  | Readonly<{
      type: 'VdeviceAllocated';
      context: number;
      id: number;
      viommuId: number;
      deviceId: number;
      virtId: bigint;
    }>
  /** The device went first: the id stays taken until the context ends. */
  | Readonly<{ type: 'VdeviceBuried'; context: number; id: number }>
  | Readonly<{
      type: 'VeventqAllocated';
      context: number;
      id: number;
      viommuId: number;
      kind: number;
      depth: number;
    }>
  | Readonly<{ type: 'VeventqClosed'; context: number; id: number }>
  | Readonly<{ type: 'VeventReported'; context: number; id: number; data: number }>
  | Readonly<{ type: 'VeventsRead'; context: number; id: number; count: number }>
  | Readonly<{
      type: 'HwQueueAllocated';
      context: number;
      id: number;
      viommuId: number;
      accessId: number;
      slot: number;
      dependsOnId: number;
    }>;
