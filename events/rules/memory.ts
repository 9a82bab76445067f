/** Refusals that come from user memory: pins, accounting, access users. */
import { rule } from '../rule.ts';

export const memoryRules = {
  'pin/user-memory': rule(
    'EFAULT',
    'pfn_reader_user_pin',
    'a page is not mapped, not readable, or not writable although the map is',
  ),
  'pin/address-wrap': rule('EOVERFLOW', 'gup_fast', 'the pages reach the end of the address space'),
  'pin/owner-gone': rule('EFAULT', 'pfn_reader_user_pin', 'the process that mapped the memory has exited'),
  'pin/memlock': rule(
    'ENOMEM',
    'do_update_pinned',
    'RLIMIT_MEMLOCK of the mapping process would be exceeded',
  ),
  'pin/file-kind': rule('EINVAL', 'memfd_pin_folios', 'the file is neither shared memory nor hugetlbfs'),
  'pin/file-size': rule('EINVAL', 'memfd_pin_folios', 'the pages end beyond the file'),
  'user-page/fault': rule('EFAULT', 'get_user_pages_fast', 'the page at the user address cannot be read'),
  'user-page/wrap': rule('EOVERFLOW', 'gup_fast', 'the page ends at the end of the address space'),
  'access/descriptor': rule(
    'EBADFD',
    'iommufd_access_get',
    'the number is not an open access descriptor of the caller',
  ),
  'access/attached': rule('ENOENT', 'iommufd_access_pin_pages', 'the access is on no IOAS'),
  'access/length': rule('EINVAL', 'iommufd_access_pin_pages', 'length is 0'),
  'access/overflow': rule('EOVERFLOW', 'iommufd_access_pin_pages', 'iova plus length passes 2^64'),
  'access/covered': rule('ENOENT', 'iopt_for_each_contig_area', 'areas do not cover the range without a gap'),
  'access/page-aligned': rule(
    'EINVAL',
    'iommufd_access_pin_pages',
    'a slice does not start or end with a page',
  ),
  'access/permission': rule(
    'EPERM',
    'iommufd_access_pin_pages',
    'the area was not mapped for this direction',
  ),
  'access/pages-writable': rule(
    'EPERM',
    'iopt_area_add_access',
    'the pages were not mapped writable at first',
  ),
  'access/dmabuf': rule('EINVAL', 'iopt_pages_add_access', 'pages of a dma-buf cannot be accessed'),
  'access/user-memory': rule(
    'EFAULT',
    'iopt_pages_rw_access',
    'the memory behind the area cannot be reached',
  ),
  'access/item': rule('ENOENT', 'iommufd_test_access_item_destroy', 'the access holds no item with this id'),
  'create-access/flags': rule('EOPNOTSUPP', 'iommufd_test_create_access', 'an unknown flag is set'),
  'access-pages/length': rule('ENOMEM', 'iommufd_test_access_pages', 'length is above 16 MiB'),
  'access-pages/flags': rule('EOPNOTSUPP', 'iommufd_test_access_pages', 'an unknown flag is set'),
  'access-pages/needs-pin': rule(
    'EOPNOTSUPP',
    'iommufd_test_access_pages',
    'the access was not made for pinning',
  ),
  'access-pages/mismatch': rule(
    'EBADE',
    'iommufd_test_check_pages',
    'the pinned pages are not those behind uptr',
  ),
  'access-rw/length': rule('ENOMEM', 'iommufd_test_access_rw', 'length is above 16 MiB'),
  'access-rw/flags': rule('EOPNOTSUPP', 'iommufd_test_access_rw', 'an unknown flag is set'),
  'access-rw/buffer': rule(
    'EFAULT',
    'iommufd_test_access_rw',
    'the buffer of the caller cannot be read or written',
  ),
  'md-check-map/alignment': rule(
    'EINVAL',
    'iommufd_test_md_check_pa',
    'iova, length or uptr is not aligned, or uptr plus length wraps',
  ),
  'md-check-map/mismatch': rule(
    'EINVAL',
    'iommufd_test_md_check_pa',
    'the domain does not map the IOVA to the page behind uptr',
  ),
  'md-check-refs/alignment': rule(
    'EINVAL',
    'iommufd_test_md_check_refs',
    'length or uptr is not aligned, or uptr plus length wraps',
  ),
  'md-check-refs/count': rule('EIO', 'iommufd_test_md_check_refs', 'a page is not pinned as often as asked'),
  'memory-limit/minimum': rule(
    'EINVAL',
    'iommufd_test_set_temp_memory_limit',
    'the limit is below the smallest batch',
  ),
  'add-reserved/length': rule('EINVAL', 'iommufd_test_add_reserved', 'length is 0'),
  'add-reserved/overflow': rule('EOVERFLOW', 'iommufd_test_add_reserved', 'start plus length passes 2^64'),
  'reserve/in-use': rule(
    'EADDRINUSE',
    'iopt_reserve_iova',
    'an area or an allowed range is in the range to reserve',
  ),
  'dmabuf-get/length': rule(
    'EINVAL',
    'iommufd_test_dmabuf_get',
    'the length rounded to pages is 0 or above 2 MiB',
  ),
  'dmabuf-revoke/descriptor': rule('EBADF', 'dma_buf_get', 'the descriptor is not open'),
  'dmabuf-revoke/kind': rule('EINVAL', 'dma_buf_get', 'the descriptor is not a dma-buf'),
} as const;
