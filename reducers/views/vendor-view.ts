/** The vendors by name: their tables, their view of a device, and the document that lists every field. */
import type { RidState } from '../../machines/hardware.ts';
import type { World } from '../../machines/world.ts';
import { amdEntries, viewAmd } from './amd.ts';
import type { EntrySpec, RidView, Vendor } from './field-table.ts';
import { riscvEntries, viewRiscv } from './riscv.ts';
import { smmuv3Entries, viewSmmuv3 } from './smmuv3.ts';
import { viewVtd, vtdEntries } from './vtd.ts';

export type VendorSpec = Readonly<{
  title: string;
  specification: string;
  entries: readonly EntrySpec[];
  view: (world: World, state: RidState) => RidView;
}>;

export const VENDORS: Readonly<Record<Vendor, VendorSpec>> = {
  intel: {
    title: 'Intel VT-d, scalable mode',
    specification:
      'Intel Virtualization Technology for Directed I/O, Architecture Specification, rev. 5.10 (chapters 6 and 9)',
    entries: vtdEntries,
    view: viewVtd,
  },
  arm: {
    title: 'Arm SMMUv3',
    specification:
      'Arm System Memory Management Unit Architecture Specification, version 3, IHI 0070 (chapters 4 and 5)',
    entries: smmuv3Entries,
    view: viewSmmuv3,
  },
  amd: {
    title: 'AMD-Vi',
    specification: 'AMD I/O Virtualization Technology (IOMMU) Specification, 48882 (chapter 2)',
    entries: amdEntries,
    view: viewAmd,
  },
  riscv: {
    title: 'RISC-V IOMMU',
    specification: 'RISC-V IOMMU Architecture Specification, version 1.0 (data structures, in-memory queues)',
    entries: riscvEntries,
    view: viewRiscv,
  },
};

export const VENDOR_NAMES = Object.keys(VENDORS) as readonly Vendor[];

/** The hardware snapshot in the vendor's words: one view for each RID, in the order in which they were bound. */
export function viewHardware(vendor: Vendor, world: World): RidView[] {
  return [...world.hardware.rids.values()]
    .filter((state) => !state.traits.noIommu)
    .map((state) => VENDORS[vendor].view(world, state));
}
