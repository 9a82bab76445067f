export type ViommuAlloc = Readonly<{
  type: 'ViommuAlloc';
  size: number;
  flags: number;
  /** The header's `type`: which kind of vIOMMU. */
  viommuType: number;
  devId: number;
  hwptId: number;
  outViommuId: number;
  dataLen: number;
  reserved: number;
  dataUptr: bigint;
}>;

export type VdeviceAlloc = Readonly<{
  type: 'VdeviceAlloc';
  size: number;
  viommuId: number;
  devId: number;
  outVdeviceId: number;
  virtId: bigint;
}>;

export type VeventqAlloc = Readonly<{
  type: 'VeventqAlloc';
  size: number;
  flags: number;
  viommuId: number;
  /** The header's `type`: which kind of event. */
  veventqType: number;
  veventqDepth: number;
  outVeventqId: number;
  outVeventqFd: number;
  reserved: number;
}>;

export type HwQueueAlloc = Readonly<{
  type: 'HwQueueAlloc';
  size: number;
  flags: number;
  viommuId: number;
  /** The header's `type`: which kind of queue. */
  hwQueueType: number;
  index: number;
  outHwQueueId: number;
  nestingParentIova: bigint;
  length: bigint;
}>;

export type ViommuCommand = ViommuAlloc | VdeviceAlloc | VeventqAlloc | HwQueueAlloc;

/** struct iommu_viommu_selftest, type 0xdeadbeef; 8 to 24 bytes. */
export type ViommuSelftestData = Readonly<{
  inData: number;
  outData: number;
  outMmapOffset: bigint;
  outMmapLength: bigint;
}>;

/** struct iommufd_vevent_header: what a read of an event queue puts before each event. */
export type VeventHeader = Readonly<{ flags: number; sequence: number }>;

/** struct iommu_viommu_event_selftest, the payload of type 0xbeefbeef. */
export type VeventSelftest = Readonly<{ virtId: number }>;
