/** The invalidations of a transition as the commands that each vendor's driver issues, in order. */
import { hex } from '../../events/hex.ts';
import { type Entry, type Invalidation, isTranslating, type Transition } from '../../machines/hardware.ts';
import type { Vendor } from './field-table.ts';

export type Command = Readonly<{ command: string; scope: string; cite: string }>;

type Maker = Readonly<{
  command: string;
  cite: string;
  scope: (one: Invalidation, transition: Transition) => string;
}>;

/** How one vendor drops an entry, IOTLB translations and ATC translations, and waits for it. */
export type CommandSpec = Readonly<{
  entry: (transition: Transition) => readonly Maker[];
  iotlb: (transition: Transition, one: Invalidation) => readonly Maker[];
  atc: (transition: Transition, one: Invalidation) => readonly Maker[];
  wait: Maker;
}>;

const rangeText = ({ range }: Invalidation): string =>
  range === undefined ? 'all' : `${hex(range.start)}..${hex(range.last)}`;
const device = ({ rid, pasid }: Invalidation): string => (pasid === 0 ? rid : `${rid}, PASID ${pasid}`);

/** Entry whose translations are dropped, where the transition is about one. */
function former(transition: Transition): Entry | undefined {
  if (transition.kind === 'entry') return transition.from;
  return transition.kind === 'dirty' ? transition.entry : undefined;
}

function tag(transition: Transition): string {
  const entry = former(transition);
  return entry !== undefined && isTranslating(entry) ? `${entry.domainId}` : '1';
}

const VTD = 'VT-d 6.5.2';
const vtd: CommandSpec = {
  entry: () => [
    {
      command: 'PASID-cache invalidate, PASID-selective',
      cite: `${VTD}.2, PASID-cache Invalidate Descriptor`,
      scope: (one, transition) => `DID ${tag(transition)}, ${device(one)}`,
    },
  ],
  iotlb: (transition, one) => [
    one.range === undefined && transition.kind === 'unmap'
      ? {
          command: 'IOTLB invalidate, domain-selective',
          cite: `${VTD}.3, IOTLB Invalidate Descriptor`,
          scope: ({ domainId }) => `DID ${domainId}`,
        }
      : {
          command: `PASID-based IOTLB invalidate, ${one.range === undefined ? 'PASID-selective' : 'page-selective-within-PASID'}`,
          cite: `${VTD}.4, PASID-based-IOTLB Invalidate Descriptor (second stage: ${VTD}.3)`,
          scope: (own) => `DID ${own.domainId}, ${rangeText(own)}`,
        },
  ],
  atc: (_transition, one) => [
    {
      command: one.pasid === 0 ? 'device-TLB invalidate' : 'PASID-based device-TLB invalidate',
      cite:
        one.pasid === 0
          ? `${VTD}.5, Device-TLB Invalidate Descriptor`
          : `${VTD}.6, PASID-based-Device-TLB Invalidate Descriptor`,
      scope: (own) => `${device(own)}, ${rangeText(own)}; where ATS is on`,
    },
  ],
  wait: { command: 'invalidation wait', cite: `${VTD}.8, Invalidation Wait Descriptor`, scope: () => '' },
};

const SMMU = 'IHI 0070';
const smmuv3: CommandSpec = {
  entry: (transition) => [
    'pasid' in transition && transition.pasid !== 0
      ? { command: 'CMD_CFGI_CD', cite: `${SMMU} 4.3, Configuration structure invalidation`, scope: device }
      : {
          command: 'CMD_CFGI_STE, leaf',
          cite: `${SMMU} 4.3, Configuration structure invalidation`,
          scope: device,
        },
  ],
  iotlb: (transition, one) => {
    const nested = transition.kind === 'unmap' && transition.users.some((user) => user.nested);
    const stage1 = {
      command: 'CMD_TLBI_NH_ALL',
      cite: `${SMMU} 4.4.2, TLB invalidation of stage 1`,
      scope: () => `VMID ${one.domainId}`,
    };
    const whole = {
      command: 'CMD_TLBI_NH_ASID or CMD_TLBI_S12_VMALL',
      cite: `${SMMU} 4.4.2 and 4.4.3`,
      scope: () => `ASID or VMID ${one.domainId}`,
    };
    const pages = {
      command: 'CMD_TLBI_NH_VA or CMD_TLBI_S2_IPA',
      cite: `${SMMU} 4.4.2 and 4.4.3`,
      scope: () => `ASID or VMID ${one.domainId}, ${rangeText(one)}`,
    };
    if (nested) return [{ ...whole, command: 'CMD_TLBI_S2_IPA' }, stage1];
    return [one.range === undefined ? whole : pages];
  },
  atc: () => [
    {
      command: 'CMD_ATC_INV',
      cite: `${SMMU} 4.5, ATS and PRI`,
      scope: (own) => `${device(own)}, ${rangeText(own)}; where ATS is on`,
    },
  ],
  wait: {
    command: 'CMD_SYNC',
    cite: `${SMMU} 4.7, Fault response and synchronization commands`,
    scope: () => '',
  },
};

const AMD = 'AMD 48882, 2.4';
const amd: CommandSpec = {
  entry: () => [{ command: 'INVALIDATE_DEVTAB_ENTRY', cite: `${AMD}.2`, scope: device }],
  iotlb: () => [
    {
      command: 'INVALIDATE_IOMMU_PAGES',
      cite: `${AMD}.3`,
      scope: (one) => `DomainID ${one.domainId}, ${rangeText(one)}`,
    },
  ],
  atc: () => [
    {
      command: 'INVALIDATE_IOTLB_PAGES',
      cite: `${AMD}.4`,
      scope: (one) => `${device(one)}, ${rangeText(one)}; where ATS is on`,
    },
  ],
  wait: { command: 'COMPLETION_WAIT', cite: `${AMD}.1`, scope: () => '' },
};

const RISCV = 'RISC-V IOMMU, Command-queue (CQ)';
const riscv: CommandSpec = {
  entry: (transition) => [
    'pasid' in transition && transition.pasid !== 0
      ? {
          command: 'IODIR.INVAL_PDT',
          cite: `${RISCV}: IOMMU directory cache invalidation commands`,
          scope: device,
        }
      : {
          command: 'IODIR.INVAL_DDT',
          cite: `${RISCV}: IOMMU directory cache invalidation commands`,
          scope: device,
        },
  ],
  iotlb: () => [
    {
      command: 'IOTINVAL.VMA',
      cite: `${RISCV}: IOMMU Page-Table cache invalidation commands`,
      scope: (one) => `PSCID ${one.domainId}, ${rangeText(one)}`,
    },
  ],
  atc: () => [
    {
      command: 'ATS.INVAL',
      cite: `${RISCV}: IOMMU ATS commands`,
      scope: (one) => `${device(one)}, ${rangeText(one)}; where ATS is on`,
    },
  ],
  wait: { command: 'IOFENCE.C', cite: `${RISCV}: IOMMU Command-queue Fence commands`, scope: () => '' },
};

const specs: Readonly<Record<Vendor, CommandSpec>> = { intel: vtd, arm: smmuv3, amd, riscv };

/** What must have been issued for this transition when the call returns. */
export function commandsFor(vendor: Vendor, transition: Transition): Command[] {
  const spec = specs[vendor];
  const commands: Command[] = [];
  for (const one of transition.required) {
    const makers = one.cache === 'entry' ? spec.entry(transition) : spec[one.cache](transition, one);
    for (const { command, cite, scope } of makers)
      commands.push({ command, cite, scope: scope(one, transition) });
  }
  if (commands.length > 0) commands.push({ command: spec.wait.command, cite: spec.wait.cite, scope: '' });
  return commands;
}
