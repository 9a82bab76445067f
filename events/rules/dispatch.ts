/** Refusals before any handler runs: numbers, sizes, unreadable structs, and descriptors that take no ioctl. */
import { rule } from '../rule.ts';

export const dispatchRules = {
  'dispatch/size-fault': rule(
    'EFAULT',
    'iommufd_fops_ioctl',
    'the first word of the struct, its size, cannot be read',
  ),
  'dispatch/unknown': rule(
    'ENOTTY',
    'iommufd_fops_ioctl',
    'the number is in the table range, but no command has exactly this number',
  ),
  'dispatch/short': rule('EINVAL', 'iommufd_fops_ioctl', 'the size is below the minimum of the command'),
  'dispatch/tail': rule(
    'E2BIG',
    'copy_struct_from_user',
    'bytes past the struct that the kernel knows are not zero',
  ),
  'dispatch/tail-fault': rule(
    'EFAULT',
    'copy_struct_from_user',
    'bytes past the struct that the kernel knows cannot be read',
  ),
  'dispatch/copy-fault': rule('EFAULT', 'copy_struct_from_user', 'the struct cannot be read'),
  'respond/fault': rule('EFAULT', 'iommufd_ucmd_respond', 'the struct cannot be written back'),
  'compat/unknown': rule(
    'ENOTTY',
    'iommufd_vfio_ioctl',
    'the number is neither an iommufd command nor an emulated VFIO one',
  ),
  'compat/fault': rule('EFAULT', 'iommufd_vfio_ioctl', 'the fixed part of the VFIO struct cannot be read'),
  'compat/ioas': rule('ENODEV', 'get_compat_ioas', 'no compat IOAS is set'),
  'event-file/ioctl': rule('ENOTTY', 'vfs_ioctl', 'fault and event descriptors take no ioctl'),
  'event-file/write': rule('EINVAL', 'vfs_write', 'event queue descriptors take no write'),
  'iommufd-file/read-write': rule('EINVAL', 'vfs_read', 'an iommufd descriptor is neither read nor written'),
  'destroy/exists': rule('ENOENT', 'iommufd_object_remove', 'no object has this id'),
  'destroy/users': rule('EBUSY', 'iommufd_object_remove', 'something still refers to the object'),
  'test/unknown-op': rule('EOPNOTSUPP', 'iommufd_test', 'the mock has no operation with this number'),
  'mmap/op': rule('ENODEV', 'mmap_region', 'this release has no mmap on the iommufd'),
  'mmap/length': rule('EINVAL', 'do_mmap', 'the length is 0'),
  'mmap/shared': rule('EINVAL', 'iommufd_fops_mmap', 'the mapping is not shared'),
  'mmap/executable': rule('EPERM', 'iommufd_fops_mmap', 'the mapping is executable'),
  'mmap/window': rule('ENXIO', 'iommufd_fops_mmap', 'no window contains the offset'),
  'mmap/whole-window': rule(
    'ENXIO',
    'iommufd_fops_mmap',
    'offset and length are not exactly those of the window',
  ),
} as const;
