/** What refused calls are known to leave behind: the exceptions of `refused-changes-nothing`, with the kernel's reason. */
import type { EventType } from '../events/event.ts';
import type { RuleId } from '../events/rules.ts';

export type Residue = Readonly<{
  events: readonly EventType[];
  /** A rule, or a prefix of rules that ends with `/`. */
  rules: readonly (RuleId | `${string}/`)[];
  /** Why it stays. */
  because: string;
}>;

export const RESIDUES: readonly Residue[] = [
  {
    events: ['AreaUnmapped', 'AccessUnpinned', 'AreaSplit'],
    rules: ['unmap/partial', 'unmap/locked', 'respond/fault'],
    because: 'iopt_unmap_iova_range() stops at the first area it cannot remove; those before it are gone.',
  },
  {
    events: ['AreaSplit'],
    rules: ['area-split/', 'ioas-unmap/length', 'ioas-unmap/end-overflow'],
    because: 'iopt_cut_iova() has cut one end when the other is refused.',
  },
  {
    events: [
      'AreasMapped',
      'AccountModeSet',
      'LargePagesSet',
      'PagesCleaned',
      'PagesDirtied',
      'RangesAllowed',
      'AccessItemSkipped',
    ],
    rules: ['respond/fault'],
    because: 'The command has taken effect before its answer is written to user memory.',
  },
  {
    events: [
      'DeviceAttached',
      'DeviceDetached',
      'HwptReplaced',
      'HwptPagingAllocated',
      'HwptDestroyed',
      'RangeReserved',
      'ReservationsDropped',
      'VfioAttachmentNoted',
      'VirtualIdentityTaken',
      'Pasid1024Toggled',
    ],
    rules: ['respond/fault'],
    because:
      'An attachment whose answer cannot be written is undone by a detach of the RID, or not at all (VFIO, PASID).',
  },
  {
    events: ['ReservationsDropped'],
    rules: ['attach/', 'core/', 'mock/', 'vtd/', 'driver/', 'reserve/', 'join/', 'pin/', 'ioas/', 'domain/'],
    because:
      'iommufd_device_do_replace() takes the reserved regions out of the target’s IOAS when it fails, even if the device stays there.',
  },
  {
    events: ['RidLeftBlocked'],
    rules: ['vtd/', 'core/driver', 'respond/fault'],
    because:
      'intel_iommu_attach_device() blocks the RID before it asks whether the HWPT fits; the core puts back the other devices of the group only.',
  },
  {
    events: ['Pasid1024Toggled'],
    rules: ['mock/pasid-1024', 'attach/', 'core/', 'respond/fault'],
    because: 'The mock counts the attempts on PASID 1024.',
  },
  {
    events: ['IotlbInvalidated', 'CacheInvalidated'],
    rules: ['mock/', 'vtd/', 'driver/', 'respond/fault'],
    because: 'Entries before the bad one were invalidated; entry_num says how many.',
  },
  {
    events: ['CookieZeroFreed'],
    rules: ['fault-write/cookie'],
    because: 'xa_erase() of cookie 0 frees an index that the allocator had set aside.',
  },
];

const allowed = new Map<EventType, readonly string[]>();
for (const { events, rules } of RESIDUES)
  for (const event of events) allowed.set(event, [...(allowed.get(event) ?? []), ...rules]);

/** Whether the event may come with a refusal by this rule. */
export function mayStay(event: EventType, rule: RuleId): boolean {
  return (allowed.get(event) ?? []).some((one) => (one.endsWith('/') ? rule.startsWith(one) : rule === one));
}
