/** docs/HARDWARE.md, written from the field tables and the command tables. */
import { BLOCKED, type Entry, type Transition } from '../../machines/hardware.ts';
import { requiredByDirty, requiredByEntry, requiredByUnmap, requiredByUser } from '../hardware-caches.ts';
import { commandsFor } from './commands.ts';
import type { EntrySpec, Vendor } from './field-table.ts';
import { VENDOR_NAMES, VENDORS } from './vendor-view.ts';

const slot = { instance: 'iommu', rid: '0000:01:00.0', pasid: 0 };
const base = { context: 1, hwptId: 3, ioasId: 2, domainId: 2, faultId: 0, dirty: false };
const paging: Entry = { kind: 'paging', ...base };
const range = { start: 0x1000n, last: 0x1fffn };
const user = { rid: slot.rid, pasid: 0, domainId: 2, nested: false };

/** One of each kind, with the words that introduce it. */
const examples: readonly Readonly<{ says: string; transition: Transition }>[] = [
  {
    says: 'attach: a blocked RID gets a paging HWPT',
    transition: {
      kind: 'entry',
      ...slot,
      from: BLOCKED,
      to: paging,
      required: requiredByEntry(slot, BLOCKED),
    },
  },
  {
    says: 'replace or detach of a RID',
    transition: {
      kind: 'entry',
      ...slot,
      from: paging,
      to: BLOCKED,
      required: requiredByEntry(slot, paging),
    },
  },
  {
    says: 'detach of PASID 5',
    transition: {
      kind: 'entry',
      ...slot,
      pasid: 5,
      from: paging,
      to: BLOCKED,
      required: requiredByEntry({ ...slot, pasid: 5 }, paging),
    },
  },
  {
    says: 'unmap of one page',
    transition: {
      kind: 'unmap',
      instance: 'iommu',
      range,
      users: [user],
      required: requiredByUnmap('iommu', range, [user]),
    },
  },
  {
    says: 'unmap of one page of a nest parent',
    transition: {
      kind: 'unmap',
      instance: 'iommu',
      range,
      users: [{ ...user, nested: true }],
      required: requiredByUnmap('iommu', range, [{ ...user, nested: true }]),
    },
  },
  {
    says: 'dirty tracking switched',
    transition: { kind: 'dirty', ...slot, enabled: true, entry: paging, required: requiredByDirty(slot, 2) },
  },
  {
    says: 'user space invalidates its stage 1',
    transition: { kind: 'user', ...slot, domainId: 2, required: requiredByUser(slot, 2) },
  },
];

function bits({ word, high, low }: { word: number; high: number; low: number }): string {
  return high === low ? `${word}: ${high}` : `${word}: ${high}:${low}`;
}

function entrySection({ entry, index, cite, fields }: EntrySpec): string[] {
  return [
    `### ${entry}`,
    '',
    `Found by ${index}. ${cite}.`,
    '',
    '| field | word: bits | meaning | specification |',
    '|---|---|---|---|',
    ...fields.map((one) => `| ${one.name} | ${bits(one)} | ${one.says} | ${one.cite} |`),
    '',
  ];
}

function commandSection(vendor: Vendor): string[] {
  const rows = examples.flatMap(({ says, transition }) =>
    commandsFor(vendor, transition).map(({ command, scope, cite }, index) => {
      const first = index === 0 ? says : '';
      return `| ${first} | ${command} | ${scope} | ${cite} |`;
    }),
  );
  return [
    '### Invalidations, in order',
    '',
    '| transition | command | scope | specification |',
    '|---|---|---|---|',
    ...rows,
    '',
  ];
}

const BESIDES: readonly string[] = [
  '## Whole groups',
  '',
  'An entry belongs to a device and a domain to a group: whichever device asks, all RIDs of the group move. A recording that names the',
  'members of a group (`members` of a device in its first line) gives each of them a RID here, bound or not; one that is not bound',
  'is taken to have the PASIDs and page requests of its siblings. Where members are not told (captures without the notes of',
  '`ioasis capture`, the mock), the snapshot holds the devices that were bound and claims nothing of others.',
  '',
  '## What a refused attach or replace leaves',
  '',
  'The core asks the driver device by device, in the group’s order (`__iommu_group_set_domain_internal()`). At the first refusal those',
  'before go back to what they had, those after were never asked. What the refusing one has:',
  '',
  '| driver | refused replace of a RID | refused attach of a RID | refused PASID |',
  '|---|---|---|---|',
  '| VT-d | **blocked**: `device_block_translation()` runs before anything is checked. iommufd still lists the old HWPT, attaching it again is a no-op; another HWPT, or a detach, ends it | blocked, as before | as before: checked first |',
  '| SMMUv3 | as before: everything is checked before the STE is written | blocked, as before | as before |',
  '| AMD-Vi | as before: dirty tracking is checked before the old domain is detached | blocked, as before | refused by the core |',
  '| mock | as before | blocked, as before | as before |',
  '',
  'Such a RID is *left blocked* (`RidLeftBlocked`, `show` says so). Failures of memory in the middle of a driver’s attach are not modelled.',
  '',
  '## What the snapshot does not know',
  '',
  '* **Message interrupts on Arm.** The kernel maps a page into the RID’s page table for each place that interrupts are written to, when',
  '  the device gets them (VFIO_DEVICE_SET_IRQS, which is not modelled), somewhere in the window that the device has reserved. `show` names',
  '  the window, and what DMA meets there is *unknown*. After a detach such pages stay in the HWPT; that is not followed. On x86',
  '  interrupts are decoded before DMA is remapped, and no page table holds them.',
  '* **ATS.** Whether a device keeps translations itself (ATC) is in no recording of a tool. Unless a scenario tells it (`ats` of a device), the',
  '  device is owed every invalidation, with the words “where ATS is on”; told that there is none, it is owed none. The fields that turn ATS on (DTE of',
  '  VT-d, EATS, I of AMD, EN_ATS) are 1 where it was told, or where the device has page requests, which need ATS.',
  '* **Stage 1 of a guest** is user memory: `translate` stops there.',
  '* **Refused accesses during a change** (a replace is a teardown and a setup on VT-d) last no longer than the call.',
  '',
];

/** The whole document. */
export function hardwareDocument(): string {
  const lines = [
    '# The hardware snapshot in the words of each vendor',
    '',
    'Written from the tables in `reducers/views/` by a test; change those, not this file.',
    '',
    'The snapshot itself is generic: for each requester (RID) and PASID one entry, which is blocked, identity, a paging HWPT, a',
    'nested HWPT over its parent, or a process’s own page table. `ioasis show --vendor` writes it in the words below. Bit numbers',
    'are those of the 64-bit word before the colon. Physical addresses are in no recording, so a pointer is shown as what it',
    'leads to. Fields that the model has no ground to set are 0.',
    '',
    'Domain ids are given as the lowest free one above 1 for each HWPT and IOMMU, from the first entry to the last; 1 stands for',
    'the kernel’s own domains. Kernels count differently (VT-d per IOMMU and attachment, SMMUv3 and AMD per allocation), so the',
    'numbers tell entries apart and are not what a register dump would show.',
    '',
    'An invalidation of a device’s own cache (ATC) is listed for every device of which nobody told that it has no ATS.',
    '',
    ...BESIDES,
  ];
  for (const vendor of VENDOR_NAMES) {
    const { title, specification, entries } = VENDORS[vendor];
    lines.push(`## ${title}`, '', `Source: ${specification}.`, '');
    for (const entry of entries) lines.push(...entrySection(entry));
    lines.push(...commandSection(vendor));
  }
  return `${lines.join('\n').trimEnd()}\n`;
}
