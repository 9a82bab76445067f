export type GetHwInfo = Readonly<{
  type: 'GetHwInfo';
  size: number;
  flags: number;
  devId: number;
  dataLen: number;
  dataUptr: bigint;
  /** `in_data_type` and `out_data_type` share these bytes. */
  inDataType: number;
  outMaxPasidLog2: number;
  /** The three reserved bytes as one little-endian number of 24 bits. */
  reserved: number;
  outCapabilities: bigint;
}>;

export type DeviceBindIommufd = Readonly<{
  type: 'DeviceBindIommufd';
  argsz: number;
  flags: number;
  /** Signed: a negative descriptor is refused. */
  iommufd: number;
  outDevid: number;
  tokenUuidPtr: bigint;
}>;

export type DeviceAttachIommufdPt = Readonly<{
  type: 'DeviceAttachIommufdPt';
  argsz: number;
  flags: number;
  ptId: number;
  pasid: number;
}>;

export type DeviceDetachIommufdPt = Readonly<{
  type: 'DeviceDetachIommufdPt';
  argsz: number;
  flags: number;
  pasid: number;
}>;

export type DeviceGetInfo = Readonly<{
  type: 'DeviceGetInfo';
  argsz: number;
  flags: number;
  numRegions: number;
  numIrqs: number;
  capOffset: number;
  pad: number;
}>;

export type DeviceCommand =
  | GetHwInfo
  | DeviceBindIommufd
  | DeviceAttachIommufdPt
  | DeviceDetachIommufdPt
  | DeviceGetInfo;

/** struct iommu_test_hw_info, data type 0xfeedbeef. */
export type HwInfoSelftest = Readonly<{ flags: number; testReg: number }>;

/** struct iommu_hw_info_vtd, data type 1. */
export type HwInfoVtd = Readonly<{ flags: number; reserved: number; capReg: bigint; ecapReg: bigint }>;

/** struct iommu_hw_info_arm_smmuv3, data type 2: six ID registers, IIDR and AIDR. */
export type HwInfoArmSmmuv3 = Readonly<{
  flags: number;
  reserved: number;
  idr: readonly number[];
  iidr: number;
  aidr: number;
}>;

/** struct iommu_hw_info_amd, data type 4. */
export type HwInfoAmd = Readonly<{ efr: bigint; efr2: bigint }>;
