/** The first uAPI proposal for /dev/ioasid, 27 May 2021. */
import { boundUntilUnbound } from '../device-machines.ts';
import type { Proposal } from '../proposal.ts';
import { DEVICE_COMMANDS } from './devices.ts';
import { FAULT_COMMANDS } from './faults.ts';
import { spaceMachine } from './machines.ts';
import { MEMORY_COMMANDS } from './memory.ts';
import { PASID_COMMANDS } from './pasids.ts';
import { phrases } from './phrases.ts';
import { SPACE_COMMANDS } from './spaces.ts';

export const ioasidRfcV1: Proposal = {
  id: 'ioasid-rfc-v1',
  title: '/dev/ioasid RFC, first version',
  date: '2021-05-27',
  source: '<MWHPR11MB1886422D4839B372C6AB245F8C239@...>',
  file: 'proposals/ioasid-rfc-v1/proposal.ts',
  // Section 2: a device is registered with the ioasid descriptor, and can be taken out again.
  device: boundUntilUnbound,
  space: spaceMachine,
  claims: [
    'P02',
    'P07',
    'P08',
    'P09',
    'P10',
    'P11',
    'P12',
    'P13',
    'P16',
    'P33',
    'P34',
    'P35',
    'P37',
    'P39',
    'P45',
    'P50',
    'P58',
    'P59',
  ],
  lacks: {
    'invalidate-device': 'INVALIDATE_CACHE names an IOASID, and reaches every route of it (V1 section 2)',
    'alloc-user': 'a table is bound to a child that CREATE_NESTING made (V1 section 2)',
    'alloc-mm': 'page tables of processes are not part of it (V1 section 2)',
    'alloc-enforced': 'snooping is not dealt with in this version',
  },
  phrases,
  report: undefined,
  commands: [...DEVICE_COMMANDS, ...SPACE_COMMANDS, ...MEMORY_COMMANDS, ...PASID_COMMANDS, ...FAULT_COMMANDS],
};
