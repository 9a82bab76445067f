/** IOMMU_DESTROY: any object but a device or an access. */
export type Destroy = Readonly<{ type: 'Destroy'; size: number; id: number }>;

export type IoasAlloc = Readonly<{ type: 'IoasAlloc'; size: number; flags: number; outIoasId: number }>;

export type IoasAllowIovas = Readonly<{
  type: 'IoasAllowIovas';
  size: number;
  ioasId: number;
  numIovas: number;
  reserved: number;
  /** User address of an array of `IovaRange`. */
  allowedIovas: bigint;
}>;

export type IoasCopy = Readonly<{
  type: 'IoasCopy';
  size: number;
  flags: number;
  dstIoasId: number;
  srcIoasId: number;
  length: bigint;
  dstIova: bigint;
  srcIova: bigint;
}>;

export type IoasIovaRanges = Readonly<{
  type: 'IoasIovaRanges';
  size: number;
  ioasId: number;
  /** In: how many elements the array holds. Out: how many ranges there are. */
  numIovas: number;
  reserved: number;
  /** User address of an array of `IovaRange`. */
  allowedIovas: bigint;
  outIovaAlignment: bigint;
}>;

export type IoasMap = Readonly<{
  type: 'IoasMap';
  size: number;
  flags: number;
  ioasId: number;
  reserved: number;
  userVa: bigint;
  length: bigint;
  iova: bigint;
}>;

export type IoasMapFile = Readonly<{
  type: 'IoasMapFile';
  size: number;
  flags: number;
  ioasId: number;
  /** Signed: -1 is no descriptor. */
  fd: number;
  start: bigint;
  length: bigint;
  iova: bigint;
}>;

export type IoasUnmap = Readonly<{
  type: 'IoasUnmap';
  size: number;
  ioasId: number;
  iova: bigint;
  length: bigint;
}>;

export type IoasChangeProcess = Readonly<{ type: 'IoasChangeProcess'; size: number; reserved: number }>;

export type IoasNoiommuGetPa = Readonly<{
  type: 'IoasNoiommuGetPa';
  size: number;
  flags: number;
  ioasId: number;
  reserved: number;
  iova: bigint;
  length: bigint;
  outPhys: bigint;
}>;

/** IOMMU_OPTION: sets or gets a value of the context or of one IOAS. */
export type Option = Readonly<{
  type: 'Option';
  size: number;
  optionId: number;
  op: number;
  reserved: number;
  objectId: number;
  val64: bigint;
}>;

/** IOMMU_VFIO_IOAS: which IOAS the VFIO compat ioctls act on. */
export type VfioIoas = Readonly<{
  type: 'VfioIoas';
  size: number;
  ioasId: number;
  op: number;
  reserved: number;
}>;

export type IoasCommand =
  | Destroy
  | IoasAlloc
  | IoasAllowIovas
  | IoasCopy
  | IoasIovaRanges
  | IoasMap
  | IoasMapFile
  | IoasUnmap
  | IoasChangeProcess
  | IoasNoiommuGetPa
  | Option
  | VfioIoas;

/** struct iommu_iova_range: inclusive. */
export type IovaRange = Readonly<{ start: bigint; last: bigint }>;
