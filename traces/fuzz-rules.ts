/** Which rules a target can refuse with: those of other kernels and other hardware are no part of its profile. */
import { RULES, type RuleId } from '../events/rules.ts';
import type { Target } from './program.ts';

export type RuleCoverage = Readonly<{
  hit: number;
  total: number;
  missed: RuleId[];
  /** Why nothing reached a rule that was missed, where that is known. */
  reasons: Readonly<Record<string, string>>;
}>;

const VFIO = /^vfio(\/|-bind|-attach|-detach|-device)/;
const MOCK_ONLY =
  /^(mock|test|selftest|mock-domain|pasid-check|md-check|dev-check|access|create-access|add-reserved|dmabuf|memory-limit|mock-dirty|trigger)/;

/** The kernel or the hardware that a rule belongs to. */
const OUTSIDE: readonly (readonly [RegExp, (target: Target) => boolean])[] = [
  [VFIO, ({ machine }) => machine === undefined],
  [MOCK_ONLY, ({ iommu }) => iommu !== 'mock'],
  [/^(driver\/|core\/driver$)/, ({ iommu }) => iommu === 'mock'],
  [/^vtd\//, ({ iommu }) => iommu !== 'intel-vtd'],
  [/^(domain\/granule-classic|mmap\/op)$/, ({ kernel }) => kernel !== '6.12.117'],
  [/^(domain\/granule|domain\/prot)$/, ({ kernel }) => kernel === '6.12.117'],
  [
    /^(viommu|vdevice|veventq|hw-queue|ioas-change|noiommu|mmap\/(length|shared|exec|window|whole)|ioas-map-file|dmabuf|pasid|attach\/(pasid|rid)|core\/pasid|hwpt-alloc\/viommu|mock\/(viommu|hw-queue|pasid|page-table|attach-vdevice|invalidate-(tail|vdevice))|hwpt-invalidate\/kind|trigger-vevent|pin\/file|hw-info\/type)/,
    ({ kernel }) => kernel === '6.12.117',
  ],
];

type Reasons = Readonly<Partial<Record<RuleId, string>>>;

const NO_NESTING = 'the IOMMU of this machine does not nest';

/** Rules that no program reaches, or hardly, and why. */
const REASONS: Reasons = {
  'pin/owner-gone': 'needs a second process; programs have one',
  'access/pages-writable':
    'an area is WRITEABLE only if its pages were mapped so (map/pages-writable comes first)',
  'core/attach-op': 'there is no device without IOMMU',
  'join/page-size': 'no driver has domains whose smallest page is above 4096 bytes',
  'hw-info/no-iommu': 'there is no device without IOMMU',
  'hwpt-alloc/no-iommu': 'there is no device without IOMMU',
  'hwpt-alloc/viommu-instance': 'there is one IOMMU only',
  'vdevice-alloc/instance': 'there is one IOMMU only',
  'vfio-set-iommu/capability': 'the no-IOMMU mode is not modelled: no call turns it on',
  'fault-read/fault': 'recordings do not hold the address of a read, so programs do not choose it',
  'veventq-read/fault': 'recordings do not hold the address of a read, so programs do not choose it',
  'hw-queue-alloc/contiguity':
    'no recording holds physical addresses: a replay supposes this refusal, a program cannot expect it',
  'ioas-change-process/memlock':
    'needs pages of a file, pinned by somebody who may lock more than the caller, and no other pages',
  'area-split/dmabuf': 'needs a dma-buf in the compat IOAS after VFIO_SET_IOMMU TYPE1',
  'domain/granule': 'needs a COPY over two areas that are aligned only together',
  'vtd/nested-type': NO_NESTING,
  'vtd/nested-length': NO_NESTING,
  'vtd/nested-data': NO_NESTING,
  'vtd/nested-width': NO_NESTING,
  'vtd/nested-flags': NO_NESTING,
  'vtd/invalidate-type': NO_NESTING,
  'vtd/invalidate-length': NO_NESTING,
  'vtd/invalidate-data': NO_NESTING,
  'vtd/invalidate-flags': NO_NESTING,
  'vtd/invalidate-range': NO_NESTING,
  'vfio-bind/isolated-msi': 'the devices of this machine have isolated MSI',
};

/** What the mock is never refused. */
const MOCK_REASONS: Reasons = {
  'access/attached': 'an access of the mock is on an IOAS from its first to its last moment',
  'attach/group-hwpt': 'each mock device has a group of its own',
  'replace/member': 'each mock device has a group of its own',
  'core/pasid-op': 'every domain of the mock can sit on a PASID',
  'hwpt-alloc/viommu-op': 'the mock makes nested HWPTs on a vIOMMU',
  'mock/paging-flags': 'the core knows no flag that the mock does not take',
  'hwpt-invalidate/op': 'the mock invalidates both nested HWPTs and vIOMMUs',
  'viommu-alloc/op': 'the mock has vIOMMUs',
};

/** What is said of a rule that was missed by chance. */
export const NO_REASON = 'no program of this run came to it';

/** Rules of the target's profile. */
export function rulesOf(target: Target): RuleId[] {
  return (Object.keys(RULES) as RuleId[]).filter((rule) =>
    OUTSIDE.every(([pattern, applies]) => !pattern.test(rule) || !applies(target)),
  );
}

/** What of a profile was reached. */
export function ruleCoverage(target: Target, reached: (rule: string) => boolean): RuleCoverage {
  const rules = rulesOf(target);
  const missed = rules.filter((rule) => !reached(rule));
  const reasons: Record<string, string> = {};
  const own = target.iommu === 'mock' ? MOCK_REASONS : {};
  for (const rule of missed) reasons[rule] = REASONS[rule] ?? own[rule] ?? NO_REASON;
  return { hit: rules.length - missed.length, total: rules.length, missed, reasons };
}
