export type FaultQueueAlloc = Readonly<{
  type: 'FaultQueueAlloc';
  size: number;
  flags: number;
  outFaultId: number;
  outFaultFd: number;
}>;

export type FaultCommand = FaultQueueAlloc;

/** struct iommu_hwpt_pgfault: one record of a read of a fault queue. */
export type FaultRecord = Readonly<{
  flags: number;
  devId: number;
  pasid: number;
  grpid: number;
  perm: number;
  reserved: number;
  addr: bigint;
  length: number;
  cookie: number;
}>;

/** struct iommu_hwpt_page_response: one record of a write to a fault queue. */
export type FaultResponse = Readonly<{ cookie: number; code: number }>;
