/** Which releases a rule belongs to: those that have what it is about. */
import * as numbers from '../../events/ioctl-number.ts';
import type { RuleId } from '../../events/rules.ts';
import { type KernelProfile, kernelProfiles, type Trait } from '../../machines/kernel-profile.ts';

/** What a release must have for a rule to matter. */
type Need = Readonly<{ has: Trait } | { lacks: Trait } | { ioctl: number } | { testOp: number }>;

const { IOMMU_IOAS_MAP_FILE, IOMMU_VIOMMU_ALLOC, IOMMU_VDEVICE_ALLOC, IOMMU_IOAS_CHANGE_PROCESS } = numbers;
const { IOMMU_VEVENTQ_ALLOC, IOMMU_HW_QUEUE_ALLOC, IOMMU_IOAS_NOIOMMU_GET_PA } = numbers;
const dmabuf: Need = { testOp: numbers.IOMMU_TEST_OP_DMABUF_GET };

/** By rule id, or by its part before the slash. */
const needs: Readonly<Record<string, Need>> = {
  'ioas-map-file': { ioctl: IOMMU_IOAS_MAP_FILE },
  'pin/file-kind': { ioctl: IOMMU_IOAS_MAP_FILE },
  'pin/file-size': { ioctl: IOMMU_IOAS_MAP_FILE },
  'viommu-alloc': { ioctl: IOMMU_VIOMMU_ALLOC },
  'vdevice-alloc': { ioctl: IOMMU_VDEVICE_ALLOC },
  'ioas-change-process': { ioctl: IOMMU_IOAS_CHANGE_PROCESS },
  'veventq-alloc': { ioctl: IOMMU_VEVENTQ_ALLOC },
  'veventq-read': { ioctl: IOMMU_VEVENTQ_ALLOC },
  'event-file/write': { ioctl: IOMMU_VEVENTQ_ALLOC },
  'hw-queue-alloc': { ioctl: IOMMU_HW_QUEUE_ALLOC },
  'unmap/locked': { ioctl: IOMMU_HW_QUEUE_ALLOC },
  'mock/hw-queue-index': { ioctl: IOMMU_HW_QUEUE_ALLOC },
  'mock/hw-queue-order': { ioctl: IOMMU_HW_QUEUE_ALLOC },
  'mock/hw-queue-used': { ioctl: IOMMU_HW_QUEUE_ALLOC },
  'noiommu-get-pa': { ioctl: IOMMU_IOAS_NOIOMMU_GET_PA },
  viommu: { has: 'viommu' },
  mmap: { has: 'viommu' },
  'mmap/op': { lacks: 'viommu' },
  'hwpt-alloc/viommu-instance': { has: 'viommu' },
  'hwpt-alloc/viommu-flags': { has: 'viommu' },
  'hwpt-alloc/viommu-data': { has: 'viommu' },
  'hwpt-alloc/viommu-op': { has: 'viommu' },
  'hwpt-invalidate/kind': { has: 'viommu' },
  'mock/viommu-data-length': { has: 'viommu' },
  'mock/attach-vdevice': { has: 'viommu' },
  'mock/invalidate-tail': { has: 'viommu' },
  'mock/invalidate-vdevice': { has: 'viommu' },
  'trigger-vevent': { testOp: numbers.IOMMU_TEST_OP_TRIGGER_VEVENT },
  'dev-check-cache': { testOp: numbers.IOMMU_TEST_OP_DEV_CHECK_CACHE },
  'pasid-check': { testOp: numbers.IOMMU_TEST_OP_PASID_CHECK_HWPT },
  'dmabuf-get': dmabuf,
  'dmabuf-revoke': dmabuf,
  'area-split/dmabuf': dmabuf,
  'access/dmabuf': dmabuf,
  'attach/pasids-attached': { has: 'pasid' },
  'attach/pasid-compat': { has: 'pasid' },
  'attach/rid-pasid-compat': { has: 'pasid' },
  'core/pasid-op': { has: 'pasid' },
  'core/pasid-range': { has: 'pasid' },
  'mock/pasid-1024': { has: 'pasid' },
  'hwpt-alloc/fault-nest-parent': { has: 'pasid' },
  'vfio-attach/pasid-op': { has: 'pasid' },
  'vfio-attach/pasid-argsz': { has: 'pasid' },
  'vfio-attach/pasid-limit': { has: 'pasid' },
  'vfio-detach/pasid-argsz': { has: 'pasid' },
  'vfio-bind/token': { has: 'vfio-bind-token' },
  'vfio-bind/token-fault': { has: 'vfio-bind-token' },
  'hw-info/type': { has: 'hw-info-input-type' },
  'mock/page-table-type': { has: 'mock-page-tables' },
  'domain/prot': { has: 'generic-page-tables' },
  'domain/granule': { has: 'generic-page-tables' },
  'domain/granule-classic': { lacks: 'generic-page-tables' },
};

function meets(kernel: KernelProfile, need: Need): boolean {
  if ('has' in need) return kernel.has.has(need.has);
  if ('lacks' in need) return !kernel.has.has(need.lacks);
  return 'ioctl' in need ? kernel.lastIoctl >= need.ioctl : kernel.lastTestOp >= need.testOp;
}

/** Releases, oldest first, in which the rule can answer. */
export function releasesOf(id: RuleId): readonly string[] {
  const need = needs[id] ?? needs[id.slice(0, id.indexOf('/'))];
  const kernels = [...kernelProfiles.values()].sort((one, other) =>
    one.release.localeCompare(other.release, 'en', { numeric: true }),
  );
  return kernels.filter((kernel) => need === undefined || meets(kernel, need)).map(({ release }) => release);
}

/** `since 7.3.4`, `until 6.12.117`, or nothing where every release has the rule. */
export function validityOf(id: RuleId): string {
  const all = [...kernelProfiles.keys()].sort((one, other) =>
    one.localeCompare(other, 'en', { numeric: true }),
  );
  const releases = releasesOf(id);
  if (releases.length === all.length) return '';
  return releases.at(-1) === all.at(-1) ? `since ${releases[0]}` : `until ${releases.at(-1)}`;
}

/** Every key of the table above names a rule or a family of rules. */
export function needlessKeys(ids: readonly string[]): string[] {
  return Object.keys(needs).filter((key) => !ids.some((id) => id === key || id.startsWith(`${key}/`)));
}
