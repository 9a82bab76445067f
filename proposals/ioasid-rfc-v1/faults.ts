/** Page faults as V1 5.6 sketches them: a report is {ioasid, addr}, an answer {ioasid, code}. */
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand } from '../proposal.ts';
import type { Ground } from '../setup.ts';
import * as rules from './rules.ts';

/** Reported faults of an IOASID: the answer cannot tell them apart. */
function pending(state: DesignState, ground: Ground, space: number): number[] {
  return ground.devices.filter(
    (device) => state.attached.get(device) === space && state.fault.get(device) === 'reported',
  );
}

export const FAULT_COMMANDS: readonly DesignCommand[] = [
  command('report-fault', {
    name: 'report {ioasid, addr}',
    on: 'iommu',
    source: 'V1 5.6: the VMM picks any device that is attached; doubted in <YLEY6yAF1osdtS3e@myrica>',
    decide: (state, { device, other }) => {
      const space = state.attached.get(device);
      if (space === undefined || state.fault.get(device) !== 'raised') return rules.NO_FAULT;
      const kind = state.space.get(space);
      if (kind !== 'user' && kind !== 'table') return rules.NO_FAULT;
      if (state.attached.get(other) !== space) return rules.NOT_ITS_FAULT;
      return [{ type: 'FaultReported', device, blamed: other }];
    },
  }),
  command('respond', {
    name: 'respond {ioasid, code}',
    on: 'iommu',
    source: 'V1 5.6; V1T Jason Gunthorpe, 28 May 2021: does it resume all?',
    decide: (state, { device }, ground) => {
      const space = state.attached.get(device);
      if (space === undefined || state.fault.get(device) !== 'reported') return rules.NO_FAULT;
      return pending(state, ground, space).map(
        (one): DesignEvent => ({ type: 'FaultCompleted', device: one, by: device }),
      );
    },
  }),
];
