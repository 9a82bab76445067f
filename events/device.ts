/** What happens to devices, their groups and their (group, PASID) slots. */

/** What the IOMMU driver says of a device; fixed when it is bound. */
export type DeviceTraits = Readonly<{
  driver: string;
  /** IOMMU instance: HWPTs and vIOMMUs of another one do not fit. */
  instance: string;
  groupKey: string;
  name: string;
  /** 0: no PASIDs at all; otherwise PASIDs below it can be attached. */
  maxPasids: number;
  dirty: boolean;
  pri: boolean;
  /** The device keeps translations itself (ATS); undefined where nobody told. */
  ats?: boolean | undefined;
  noIommu: boolean;
  reserved: readonly Readonly<{ start: bigint; last: bigint; type: string }>[];
  /** RIDs of the whole iommu group, itself among them, in the group's order; empty where nobody told. */
  members: readonly string[];
}>;

export type DeviceEvent =
  | Readonly<{ type: 'DeviceBound'; context: number; id: number; traits: DeviceTraits; file: number }>
  | Readonly<{ type: 'DeviceUnbound'; context: number; id: number }>
  | Readonly<{ type: 'SelftestCreated'; context: number; id: number; deviceId: number }>
  | Readonly<{ type: 'SelftestDestroyed'; context: number; id: number }>
  | Readonly<{
      type: 'DeviceAttached';
      context: number;
      deviceId: number;
      groupKey: string;
      pasid: number;
      hwptId: number;
    }>
  | Readonly<{
      type: 'HwptReplaced';
      context: number;
      deviceId: number;
      groupKey: string;
      pasid: number;
      hwptId: number;
      formerHwptId: number;
    }>
  | Readonly<{
      type: 'DeviceDetached';
      context: number;
      deviceId: number;
      groupKey: string;
      pasid: number;
      formerHwptId: number;
    }>
  /** The driver blocked this RID, then refused the HWPT: the slot keeps what it had, the hardware does not. */
  | Readonly<{ type: 'RidLeftBlocked'; context: number; groupKey: string; rid: string }>
  /** VFIO's own bookkeeping of a device file, separate from the slots. */
  | Readonly<{
      type: 'VfioAttachmentNoted';
      file: number;
      pasid: number;
      attached: boolean;
      byPasid: boolean;
    }>
  /** Mock: which vIOMMU and virtual id the device reports events to. */
  | Readonly<{
      type: 'VirtualIdentityTaken';
      context: number;
      deviceId: number;
      viommuId: number;
      virtId: bigint;
    }>
  | Readonly<{ type: 'Pasid1024Toggled'; context: number; deviceId: number; armed: boolean }>
  /** As IotlbForgotten; `effects` on each device that the vIOMMU knows. */
  | Readonly<{ type: 'CachesForgotten'; context: number; viommuId: number; effects: number }>
  /** A check told whether a slot holds a value, which was not known. */
  | Readonly<{
      type: 'CacheLearned';
      context: number;
      id: number;
      slot: number;
      value: number;
      same: boolean;
    }>
  | Readonly<{ type: 'CacheInvalidated'; context: number; deviceId: number; slots: readonly number[] }>;
