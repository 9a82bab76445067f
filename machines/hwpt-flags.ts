/** enum iommufd_hwpt_alloc_flags. */
export const HWPT_NEST_PARENT = 1;
export const HWPT_DIRTY_TRACKING = 2;
export const HWPT_FAULT_ID_VALID = 4;
export const HWPT_PASID = 8;
