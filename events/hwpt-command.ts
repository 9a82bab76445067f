export type HwptAlloc = Readonly<{
  type: 'HwptAlloc';
  size: number;
  flags: number;
  devId: number;
  /** An IOAS, a paging HWPT or a vIOMMU. */
  ptId: number;
  outHwptId: number;
  reserved: number;
  dataType: number;
  dataLen: number;
  dataUptr: bigint;
  faultId: number;
  reserved2: number;
}>;

export type HwptSetDirtyTracking = Readonly<{
  type: 'HwptSetDirtyTracking';
  size: number;
  flags: number;
  hwptId: number;
  reserved: number;
}>;

export type HwptGetDirtyBitmap = Readonly<{
  type: 'HwptGetDirtyBitmap';
  size: number;
  hwptId: number;
  flags: number;
  reserved: number;
  iova: bigint;
  length: bigint;
  pageSize: bigint;
  /** User address of the bitmap. */
  data: bigint;
}>;

export type HwptInvalidate = Readonly<{
  type: 'HwptInvalidate';
  size: number;
  /** A nested HWPT or a vIOMMU. */
  hwptId: number;
  dataUptr: bigint;
  dataType: number;
  entryLen: number;
  entryNum: number;
  reserved: number;
}>;

export type HwptCommand = HwptAlloc | HwptSetDirtyTracking | HwptGetDirtyBitmap | HwptInvalidate;

/** struct iommu_hwpt_selftest, data type 0xdead; 4 to 8 bytes. */
export type HwptSelftestData = Readonly<{ iotlb: number; pagetableType: number }>;

/** struct iommu_hwpt_vtd_s1, data type 1. */
export type HwptVtdS1Data = Readonly<{
  flags: bigint;
  pgtblAddr: bigint;
  addrWidth: number;
  reserved: number;
}>;

/** struct iommu_hwpt_arm_smmuv3, data type 2: the first two words of a stream table entry. */
export type HwptArmSmmuv3Data = Readonly<{ ste: readonly bigint[] }>;

/** struct iommu_hwpt_invalidate_selftest, on a nested HWPT. */
export type SelftestInvalidation = Readonly<{ flags: number; iotlbId: number }>;

/** struct iommu_viommu_invalidate_selftest, on a vIOMMU. */
export type SelftestViommuInvalidation = Readonly<{ flags: number; vdevId: number; cacheId: number }>;

/** struct iommu_hwpt_vtd_s1_invalidate. */
export type VtdS1Invalidation = Readonly<{ addr: bigint; npages: bigint; flags: number; reserved: number }>;

/** struct iommu_viommu_arm_smmuv3_invalidate: one command of the SMMU's command queue. */
export type ArmSmmuv3Invalidation = Readonly<{ cmd: readonly bigint[] }>;
