/** The second RFC, /dev/iommu, of 9 July 2021: what a space is is said at allocation, and a device is bound before it is attached. */
import { boundUntilClosed } from '../device-machines.ts';
import type { Proposal } from '../proposal.ts';
import { deviceCommands } from './devices.ts';
import { spaceMachine } from './machines.ts';
import { memoryCommands } from './memory.ts';
import { pasidCommands } from './pasids.ts';
import { hasPasidCap } from './reach.ts';
import { spaceCommands } from './spaces.ts';

const FUTURE = 'a page table of a process or of KVM is a third category, left to the future (V2 1.1)';

export const iommuRfcV2: Proposal = {
  id: 'iommu-rfc-v2',
  title: '/dev/iommu RFC v2',
  date: '2021-07-09',
  source: '<BN9PR11MB5433B1E4AE5B0480369F97178C189@...>',
  file: 'proposals/iommu-rfc-v2/proposal.ts',
  // V2 1.3: a device is unbound by closing its descriptor, by nothing else.
  device: boundUntilClosed,
  space: spaceMachine,
  claims: [
    // V2T: every slot has one device. Its own text on ENQCMD breaks this.
    'P01',
    'P02',
    'P03',
    'P04',
    'P07',
    'P08',
    'P11',
    'P12',
    'P13',
    'P14',
    'P15',
    'P16',
    'P17',
    'P18',
    'P20',
    'P21',
    'P22',
    'P23',
    'P24',
    'P25',
    'P33',
    'P34',
    'P35',
    'P36',
    'P37',
    'P38',
    'P39',
    'P40',
    'P41',
    'P42',
    'P43',
    'P45',
    'P46',
    'P50',
    'P57',
    'P58',
    'P60',
  ],
  lacks: {
    P45: 'PASID_DELEGATED is set: no vPASID is ever told to the kernel (V2 2.2)',
    'alloc-mm': FUTURE,
    'alloc-kvm': FUTURE,
    'create-nesting': 'the parent is an attribute of ALLOC (V2 2.1)',
    'bind-table': 'the table of the user is an attribute of ALLOC (V2 2.1)',
    'bind-pasid-table': 'the PASID table of the user is an attribute of ALLOC (V2 2.1)',
    'unbind-table': 'the table goes with the IOASID (V2 2.1)',
    register: 'a dummy root with map and unmap took its place (V2 1.1)',
    unbind: 'closing the descriptor of the device unbinds it (V2 1.3)',
  },
  report: (state, device, ground) =>
    state.device.get(device) === 'bound'
      ? { pasid: hasPasidCap(ground, device), iommuPasid: undefined }
      : undefined,
  commands: [...deviceCommands, ...spaceCommands, ...memoryCommands, ...pasidCommands],
};
