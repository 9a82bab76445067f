/** What differs between kernel releases, as data. Deciders ask for a trait, never for a version. */

/** Uapi additions and behaviours that not every supported release has. */
export type Trait =
  /** (group, PASID) slots, ALLOC_PASID, PASID operations of the mock and of VFIO. */
  | 'pasid'
  /** vIOMMUs, vDEVICEs, vEVENTQs, HW queues, mmap; HWPT_INVALIDATE takes vIOMMUs. */
  | 'viommu'
  /** GET_HW_INFO: INPUT_TYPE flag, max_pasid_log2, ATS bit. */
  | 'hw-info-input-type'
  /** The mock has real page tables, chosen by HWPT data; before, one flat table of 2 KiB slots. */
  | 'mock-page-tables'
  /** VFIO_DEVICE_BIND_IOMMUFD takes a token. */
  | 'vfio-bind-token'
  /** Domains refuse areas without READ and WRITE, and misaligned slices with ENXIO (generic page tables). */
  | 'generic-page-tables'
  /** MAP tests the length before address plus length. */
  | 'map-length-before-overflow'
  /** Dirty pages are read by granule, not by leaf. */
  | 'dirty-by-granule'
  /** GET_DIRTY_BITMAP finds nothing while tracking is off. */
  | 'dirty-needs-tracking'
  /** The mock's DIRTY operation counts slots in units of page_size. */
  | 'mock-dirty-slot-bug'
  /** MD_CHECK_MAP tests its alignment before it looks the HWPT up. */
  | 'md-check-map-alignment-first'
  /** Reads of event queues below a header are refused even when the queue is empty. */
  | 'veventq-read-minimum';

export type KernelProfile = Readonly<{
  release: string;
  has: ReadonlySet<Trait>;
  /** ioctl numbers of the native table that exist, 0x3b00 + nr. */
  lastIoctl: number;
  /** Last operation of IOMMU_TEST_CMD. */
  lastTestOp: number;
  /** Cap of the alignment that the automatic IOVA choice prefers, in bytes. */
  hugePageSize: bigint;
}>;

const linux734: KernelProfile = {
  release: '7.3.4',
  has: new Set<Trait>([
    'pasid',
    'viommu',
    'hw-info-input-type',
    'mock-page-tables',
    'vfio-bind-token',
    'generic-page-tables',
    'veventq-read-minimum',
  ]),
  lastIoctl: 0x3b95,
  lastTestOp: 23,
  hugePageSize: 0x20_0000n,
};

const linux612: KernelProfile = {
  release: '6.12.117',
  has: new Set<Trait>([
    'map-length-before-overflow',
    'dirty-by-granule',
    'dirty-needs-tracking',
    'mock-dirty-slot-bug',
    'md-check-map-alignment-first',
  ]),
  lastIoctl: 0x3b8e,
  lastTestOp: 15,
  hugePageSize: 0x20_0000n,
};

export const kernelProfiles: ReadonlyMap<string, KernelProfile> = new Map(
  [linux734, linux612].map((profile) => [profile.release, profile]),
);
