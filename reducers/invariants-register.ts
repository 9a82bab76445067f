/** The register of invariants: what must hold after every call, in one sentence each, and who says so. */

export type Invariant = Readonly<{
  says: string;
  /** The kernel function, specification section or kernel document behind it. */
  source: string;
}>;

const invariant = (says: string, source: string): Invariant => ({ says, source });

export const INVARIANTS = {
  'dma-inside-ioas': invariant(
    'No DMA reaches memory outside the areas of an IOAS that its device, or a device of its group, is attached to, apart from the pages that the kernel maps for message interrupts.',
    'iommufd_hw_pagetable_attach(), iommufd_sw_msi_install(); the promise of Documentation/userspace-api/iommufd.rst',
  ),
  'unattached-is-blocked': invariant(
    'A device that is bound and attached to nothing is blocked.',
    'iommu_device_claim_dma_owner(), __iommu_group_set_domain() to the blocking domain',
  ),
  'entry-iff-attached': invariant(
    'A (RID, PASID) translates through exactly the HWPT that its slot holds, but for a RID that its driver left blocked; without a slot it has no entry.',
    'iommufd_device_change_pt(), iommufd_hw_pagetable_detach()',
  ),
  'refused-rid-is-blocked': invariant(
    'A RID that its driver blocked before it refused a replace stays blocked until its group is moved or detached.',
    'intel_iommu_attach_device(): device_block_translation() comes first; __iommu_group_set_domain_internal()',
  ),
  'group-shares-domain': invariant(
    'All members of a group, bound or not, have the same domain at each PASID, but for a RID that its driver left blocked.',
    'struct iommufd_group and its pasid_attach table; __iommu_group_set_domain()',
  ),
  'no-entry-names-destroyed': invariant(
    'No entry of the hardware names a HWPT or a context that is gone.',
    'iommufd_object_destroy_user(): users must be down to the table’s own',
  ),
  'nested-has-parent': invariant(
    'A nested HWPT has a paging HWPT above it that was allocated as a nest parent, and its entry points to that one.',
    'iommufd_hwpt_nested_alloc(), iommufd_viommu_alloc_hwpt_nested()',
  ),
  'domain-id-unique': invariant(
    'Each HWPT has one domain id behind each IOMMU instance, no two share one, and a nested HWPT does not share its parent’s.',
    'VT-d 6.2.1 (tagging of cached translations); domain_attach_iommu(); arm_smmu_domain_finalise(); pdom_id_alloc()',
  ),
  'pasid-below-width': invariant(
    'No PASID entry is at or above the number of PASIDs that the device has.',
    'iommu_attach_device_pasid(): pasid against max_pasids',
  ),
  'pasids-need-compat': invariant(
    'A HWPT without ALLOC_PASID on the RID excludes every PASID of the group, and none sits on a PASID.',
    'iommufd_hwpt_pasid_compat()',
  ),
  'dirty-in-every-entry': invariant(
    'An entry records dirty pages exactly when tracking is on for the paging HWPT that it goes through.',
    'iommu_set_dirty_tracking(); VT-d 9.6 (SSADE); AMD DTE.HAD',
  ),
  'fault-routing': invariant(
    'Page requests of an entry go to the fault queue of its HWPT, and to none where it has none.',
    'iommufd_fault_iopf_enable(), find_fault_handler()',
  ),
  'invalidation-issued': invariant(
    'When a call returns, no invalidation that its changes need is still to be issued.',
    'intel_pasid_tear_down_entry(), arm_smmu_write_ste(), amd_iommu_dev_flush(), riscv_iommu_iodir_update()',
  ),
  'unmapped-leaves-caches': invariant(
    'What was unmapped or detached is in no cache of the IOMMU or of a device without an invalidation that is still pending.',
    'iommu_iotlb_sync(); VT-d 6.5.2; IHI 0070 4.4 and 4.5',
  ),
  'unmapped-is-untranslatable': invariant(
    'What a call unmapped translates to nothing when it returns.',
    'iopt_unmap_iova_range()',
  ),
  'iotlb-has-atc-partner': invariant(
    'Each invalidation of a domain’s IOTLB entries is followed by one of the ATC of every device that uses the domain.',
    'PCIe Address Translation Services, 10.3; cache_tag_flush_range(); arm_smmu_atc_inv_domain()',
  ),
  'users-match-graph': invariant(
    'The reference count of every object equals what the objects, slots, descriptors and mappings around it hold.',
    'iommufd_object.users: refcount_inc() and refcount_dec() of iommufd_get_object(), iommufd_put_object()',
  ),
  'ids-unique': invariant(
    'Every object is at its own id, and no id below the lowest free one is free.',
    '_iommufd_object_alloc(): xa_alloc() from 1',
  ),
  'vdevice-unique': invariant(
    'No two vDEVICEs of a vIOMMU have the same virtual id, and a device has at most one vDEVICE.',
    'iommufd_vdevice_alloc_ioctl(): xa_cmpxchg() of viommu->vdevs, idev->vdev',
  ),
  'areas-disjoint': invariant(
    'The areas of an IOAS are ascending and share no byte, and each has its pages object.',
    'iopt_insert_area(): interval tree of areas',
  ),
  'areas-avoid-reserved': invariant(
    'No area of an IOAS touches a reserved range.',
    'iopt_check_iova(), iopt_reserve_iova()',
  ),
  'allowed-excludes-reserved': invariant(
    'No range that ALLOW_IOVAS allowed touches a reserved range.',
    'iopt_set_allow_iova(), iopt_reserve_iova()',
  ),
  'reservation-has-owner': invariant(
    'Every reserved range belongs to a HWPT of the IOAS or to a device whose RID is attached to it.',
    'iopt_remove_reserved_iova(), iopt_table_enforce_dev_resv_regions()',
  ),
  'alignment-matches-members': invariant(
    'The alignment of an IOAS is what its HWPTs, accesses and options demand, and every area obeys it.',
    'iopt_calculate_iova_alignment()',
  ),
  'members-match': invariant(
    'An IOAS lists exactly the HWPTs and accesses that name it.',
    'iopt_table_add_domain(), iopt_add_access()',
  ),
  'pins-match-holders': invariant(
    'The pinned pages of a pages object are exactly the union of what domains and accesses hold.',
    'iopt_area_fill_domain(), iopt_area_add_access(), iopt_area_unfill_domains()',
  ),
  'charges-match-pins': invariant(
    'Every account is charged for exactly the pages that are pinned on it.',
    'iopt_pages_update_pinned(), update_mm_locked_vm(), incr_user_locked_vm()',
  ),
  'fault-answered-once': invariant(
    'A page request is in the queue or waits under one cookie, only while its attachment lasts, and is answered once.',
    'iommufd_fault_fops_read(), iommufd_fault_fops_write(), iommufd_auto_response_faults()',
  ),
  'refused-changes-nothing': invariant(
    'A refused call changes nothing that user space can observe, but for what the kernel is known to leave behind.',
    'the error paths of each ioctl; the exceptions are listed below',
  ),
  'closing-leaves-nothing': invariant(
    'When the last descriptor of a context is closed, no entry, domain id or cache line of it is left.',
    'iommufd_fops_release(), iommu_device_release_dma_owner()',
  ),
} as const satisfies Readonly<Record<string, Invariant>>;

export type InvariantId = keyof typeof INVARIANTS;

export type Violation = Readonly<{ invariant: InvariantId; detail: string }>;
