/** Refusals of vIOMMUs and what hangs on them, and of the VFIO container emulation. */
import { rule } from '../rule.ts';

export const viommuRules = {
  'viommu/exists': rule('ENOENT', 'iommufd_get_viommu', 'the id is not that of a vIOMMU'),
  'viommu-alloc/flags': rule(
    'EOPNOTSUPP',
    'iommufd_viommu_alloc_ioctl',
    'flags is not 0 or the type is DEFAULT',
  ),
  'viommu-alloc/op': rule('EOPNOTSUPP', 'iommufd_viommu_alloc_ioctl', 'the driver has no vIOMMUs'),
  'viommu-alloc/type': rule(
    'EOPNOTSUPP',
    'iommufd_viommu_alloc_ioctl',
    'the driver has no vIOMMU of this type',
  ),
  'viommu-alloc/nest-parent': rule('EINVAL', 'iommufd_viommu_alloc_ioctl', 'the HWPT is no NEST_PARENT'),
  'mock/viommu-data-length': rule(
    'EINVAL',
    'mock_viommu_init',
    'the data is shorter or longer than any version of its struct',
  ),
  'vdevice-alloc/instance': rule(
    'EINVAL',
    'iommufd_vdevice_alloc_ioctl',
    'the device is not behind the IOMMU of the vIOMMU',
  ),
  'vdevice-alloc/device-taken': rule(
    'EEXIST',
    'iommufd_vdevice_alloc_ioctl',
    'the device has a vDEVICE already',
  ),
  'vdevice-alloc/virt-id-taken': rule(
    'EEXIST',
    'iommufd_vdevice_alloc_ioctl',
    'the virtual id is taken on this vIOMMU',
  ),
  'veventq-alloc/flags': rule(
    'EOPNOTSUPP',
    'iommufd_veventq_alloc',
    'flags or __reserved is not 0, or the type is DEFAULT',
  ),
  'veventq-alloc/depth': rule('EINVAL', 'iommufd_veventq_alloc', 'the depth is 0 or above 2^19'),
  'veventq-alloc/type-taken': rule(
    'EEXIST',
    'iommufd_veventq_alloc',
    'the vIOMMU has a queue of this type already',
  ),
  'trigger-vevent/virt-id': rule(
    'ENOENT',
    'iommufd_viommu_get_vdev_id',
    'the device reports to no vIOMMU, or under virtual id 0',
  ),
  'trigger-vevent/queue': rule(
    'EOPNOTSUPP',
    'iommufd_viommu_report_event',
    'the vIOMMU has no queue for this event',
  ),
  'veventq-read/length': rule('EINVAL', 'iommufd_veventq_fops_read', 'the buffer is shorter than a header'),
  'veventq-read/space': rule('EINVAL', 'iommufd_veventq_fops_read', 'the first event does not fit'),
  'veventq-read/fault': rule('EFAULT', 'iommufd_veventq_fops_read', 'the buffer cannot be written'),
  'hw-queue-alloc/flags': rule(
    'EOPNOTSUPP',
    'iommufd_hw_queue_alloc_ioctl',
    'flags is not 0 or the type is DEFAULT',
  ),
  'hw-queue-alloc/length': rule('EINVAL', 'iommufd_hw_queue_alloc_ioctl', 'length is 0'),
  'hw-queue-alloc/overflow': rule(
    'EOVERFLOW',
    'iommufd_hw_queue_alloc_ioctl',
    'the address plus length passes 2^64',
  ),
  'hw-queue-alloc/type': rule(
    'EOPNOTSUPP',
    'iommufd_hw_queue_alloc_ioctl',
    'the driver has no HW queue of this type',
  ),
  'hw-queue-alloc/contiguity': rule(
    'EFAULT',
    'iommufd_hw_queue_alloc_phys',
    'the pages of the queue do not follow each other in physical memory',
  ),
  'hw-queue-alloc/pages-overflow': rule(
    'ERANGE',
    'iommufd_hw_queue_alloc_phys',
    'rounded to pages the range passes 2^64',
  ),
  'mock/hw-queue-index': rule('EINVAL', 'mock_viommu_init_hw_queue', 'the mock has two queues'),
  'mock/hw-queue-used': rule('EEXIST', 'mock_viommu_init_hw_queue', 'the index is taken'),
  'mock/hw-queue-order': rule('EIO', 'mock_viommu_init_hw_queue', 'queue 1 needs queue 0'),
  'vfio-set-iommu/capability': rule('EPERM', 'iommufd_vfio_set_iommu', 'CAP_SYS_RAWIO is missing'),
  'vfio-set-iommu/type': rule('EINVAL', 'iommufd_vfio_set_iommu', 'the type is neither TYPE1 nor TYPE1v2'),
  'vfio-get-info/argsz': rule('EINVAL', 'iommufd_vfio_iommu_get_info', 'argsz is below 16'),
  'vfio-map-dma/flags': rule('EINVAL', 'iommufd_vfio_map_dma', 'argsz is below 32 or an unknown flag is set'),
  'vfio-unmap-dma/flags': rule(
    'EINVAL',
    'iommufd_vfio_unmap_dma',
    'argsz is below 24 or an unknown flag is set',
  ),
  'vfio-unmap-dma/all': rule(
    'EINVAL',
    'iommufd_vfio_unmap_dma',
    'iova or size is not 0 although everything is to go',
  ),
} as const;
