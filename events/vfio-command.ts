// The VFIO container ioctls that an iommufd descriptor answers for its compat IOAS.

export type VfioGetApiVersion = Readonly<{ type: 'VfioGetApiVersion' }>;

/** The argument is the value itself, all 64 bits of it. */
export type VfioCheckExtension = Readonly<{ type: 'VfioCheckExtension'; arg: bigint }>;

/** The argument is the value itself, all 64 bits of it. */
export type VfioSetIommu = Readonly<{ type: 'VfioSetIommu'; arg: bigint }>;

export type VfioIommuGetInfo = Readonly<{ type: 'VfioIommuGetInfo'; argsz: number; flags: number }>;

export type VfioIommuMapDma = Readonly<{
  type: 'VfioIommuMapDma';
  argsz: number;
  flags: number;
  vaddr: bigint;
  iova: bigint;
  /** The header's `size`, bytes. */
  length: bigint;
}>;

export type VfioIommuUnmapDma = Readonly<{
  type: 'VfioIommuUnmapDma';
  argsz: number;
  flags: number;
  iova: bigint;
  /** The header's `size`, bytes. */
  length: bigint;
}>;

/** Commands whose argument is no address of a struct. */
export type VfioValueCommand = VfioGetApiVersion | VfioCheckExtension | VfioSetIommu;

export type VfioStructCommand = VfioIommuGetInfo | VfioIommuMapDma | VfioIommuUnmapDma;

/** struct vfio_iommu_type1_info: what VFIO_IOMMU_GET_INFO writes back, without its capabilities. */
export type VfioIommuInfo = Readonly<{
  argsz: number;
  flags: number;
  iovaPgsizes: bigint;
  capOffset: number;
  pad: number;
}>;

/** struct vfio_iommu_type1_info_dma_avail, capability 3. */
export type VfioDmaAvailCap = Readonly<{ id: number; version: number; next: number; avail: number }>;

/** struct vfio_iommu_type1_info_cap_iova_range, capability 1; `nrIovas` elements of `IovaRange` follow. */
export type VfioIovaRangeCap = Readonly<{
  id: number;
  version: number;
  next: number;
  nrIovas: number;
  reserved: number;
}>;
