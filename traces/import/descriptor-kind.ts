/** What a descriptor is, by where it comes from. */
import { IOMMU_FAULT_QUEUE_ALLOC, IOMMU_TEST_CMD, IOMMU_VEVENTQ_ALLOC } from '../../events/ioctl-number.ts';
import type { FdKind } from '../recording.ts';

const DEVICE_FOLDER = '/dev/vfio/devices/';

const ISSUERS: Readonly<Record<number, FdKind>> = {
  [IOMMU_FAULT_QUEUE_ALLOC]: 'fault',
  [IOMMU_VEVENTQ_ALLOC]: 'eventq',
  [IOMMU_TEST_CMD]: 'access',
};

/** What the descriptor of an opened path is; undefined for files that the model does not follow. */
export function kindOfPath(path: string): FdKind | undefined {
  if (path === '/dev/iommu') return 'iommufd';
  if (path === '/dev/vfio/vfio') return 'vfio-container';
  return path.startsWith(DEVICE_FOLDER) ? 'vfio-dev' : undefined;
}

/** What an ioctl with this number hands out, where it hands out a descriptor. */
export function kindIssuedBy(request: number): FdKind | undefined {
  return ISSUERS[request];
}
