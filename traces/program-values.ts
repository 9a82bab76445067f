/** Requests whose argument is a value and no address. */
import { VFIO_CHECK_EXTENSION, VFIO_GET_API_VERSION, VFIO_SET_IOMMU } from '../events/ioctl-number.ts';

export const VALUE_REQUESTS: ReadonlySet<number> = new Set([
  VFIO_GET_API_VERSION,
  VFIO_CHECK_EXTENSION,
  VFIO_SET_IOMMU,
]);
