/** Devices without an IOMMU: their HWPTs are page tables that no hardware reads (hwpt_noiommu.c). */
import type { Domain } from '../events/hwpt.ts';
import { U64_MAX } from '../events/u64.ts';
import type { PagingRequest } from './drivers/driver.ts';
import type { Failure, Site } from './site.ts';

const NO_IOMMU_DOMAIN: Domain = {
  driver: 'no-iommu',
  instance: '',
  format: 'software',
  granule: 4096,
  pageSizes: 0x1000n,
  aperture: { start: 0n, last: U64_MAX },
  cacheCoherent: true,
  noIommu: true,
};

/** The domain of a new paging HWPT: of the device's IOMMU driver, or of nothing but software. */
export function allocDomain(site: Site, request: PagingRequest): Domain | Failure {
  return request.traits.noIommu ? NO_IOMMU_DOMAIN : site.platform.driver.allocPaging(site, request);
}
