/** A DMA access of a device: what it asks, and how an IOMMU answers it. */

export type DmaAccess = Readonly<{
  /** PCI address, or `mock:CONTEXT/HANDLE`. */
  rid: string;
  /** 0 is untagged DMA. */
  pasid: number;
  iova: bigint;
  /** Bytes, at least 1. */
  length: bigint;
  write: boolean;
  /** Page request group index, should the access end in a page request. */
  grpid: number;
}>;

/** Why a translation has no address. */
export const FAULT_KINDS = [
  /** The RID's entry is blocking. */
  'blocked',
  /** The PASID has no entry. */
  'pasid-not-present',
  /** The device has no such PASIDs. */
  'pasid-width',
  /** The address does not fit the page table. */
  'address-width',
  /** The page table has no leaf there. */
  'not-present',
  /** The leaf forbids this direction. */
  'permission',
  /** User space asked for an abort (SMMUv3 stream table entry). */
  'stage-1-abort',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];
