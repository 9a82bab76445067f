/** Fault queues: records with dev_id and a cookie; what is pending when a slot changes hands is answered by the kernel. */
import { command, type DesignCommand } from '../proposal.ts';
import * as rules from './rules.ts';

export const faultCommands: readonly DesignCommand[] = [
  command('report-fault', {
    name: 'read of the fault queue',
    on: 'iommu',
    source: 'iommufd_fault_fops_read()',
    mentions: ['device'],
    decide: (state, { device, other }) => {
      if (state.fault.get(device) !== 'raised') return rules.NO_FAULT;
      return other === device ? [{ type: 'FaultReported', device, blamed: device }] : rules.OTHER_DEVICE;
    },
  }),
  command('respond', {
    name: 'write to the fault queue',
    on: 'iommu',
    source: 'iommufd_fault_fops_write(): the cookie is erased with its answer',
    decide: (state, { device }) =>
      state.fault.get(device) === 'reported'
        ? [{ type: 'FaultCompleted', device, by: device }]
        : rules.NO_FAULT_ANSWERED,
  }),
];
