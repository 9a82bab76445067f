/** Shared virtual addressing by drivers of the host: one number for each process, from one allocator of the whole kernel. */
import { hasPasids } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import { command, type DesignCommand } from '../proposal.ts';
import { fitsPasid, traitsOf } from '../setup.ts';
import * as rules from './rules.ts';

export const processCommands: readonly DesignCommand[] = [
  command('bind-process', {
    name: 'iommu_sva_bind_device()',
    on: 'host',
    source: 'iommu_alloc_mm_data(): iommu_global_pasid_ida',
    decide: (state, { device, wire }, ground) => {
      if (!hasPasids(ground, device) || !traitsOf(ground, device).pri || state.device.get(device) === 'bound')
        return rules.NOT_FOR_SVA;
      if (state.process.has(device)) return rules.SVA_BOUND;
      if (!fitsPasid(ground, device, wire)) return rules.BEYOND_DEVICE;
      const known = state.msr.get();
      if (known === undefined ? state.taken.has(wire) : known !== wire) return rules.OTHER_NUMBER;
      const first: DesignEvent[] =
        known === undefined ? [{ type: 'PasidAllocated', pasid: wire, global: true }] : [];
      return [...first, { type: 'ProcessBound', device, wire, loads: true }];
    },
  }),
  command('unbind-process', {
    name: 'iommu_sva_unbind_device()',
    on: 'host',
    source: 'mm_pasid_drop(): the number stays with the process until it ends',
    decide: (state, { device }) =>
      state.process.has(device) ? [{ type: 'ProcessUnbound', device }] : rules.SVA_UNBOUND,
  }),
];
