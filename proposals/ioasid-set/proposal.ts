/** The sketches of spring 2021: IOASIDs as page tables, and numbers that say whether they are for one device or for all. */
import { boundUntilClosed } from '../device-machines.ts';
import type { Proposal } from '../proposal.ts';
import { deviceCommands } from './devices.ts';
import { spaceMachine } from './machines.ts';
import { pasidCommands } from './pasids.ts';
import { phrases } from './phrases.ts';
import { spaceCommands } from './spaces.ts';

export const ioasidSet: Proposal = {
  id: 'ioasid-set',
  title: '/dev/ioasid with explicit local or global PASIDs',
  date: '2021-05-11',
  source: '<MWHPR11MB1886E22D03B14EE0D5725CE08C539@...>, <20210507182050.GX1370958@nvidia.com>',
  file: 'proposals/ioasid-set/proposal.ts',
  device: boundUntilClosed,
  space: spaceMachine,
  claims: ['P01', 'P02', 'P03', 'P23', 'P30', 'P31', 'P32', 'P33', 'P34', 'P35', 'P41', 'P42', 'P43', 'P47'],
  lacks: {
    'report-fault': 'page faults are left to a later phase (Kevin Tian, 8 May 2021)',
    touch: 'access to the device is not tied to joining',
    'open-portal': 'the portal is not spoken of',
    'freeze-viommu': 'nothing tells what a device can do',
    'alloc-shadow': 'nesting is by hardware: CREATE_NESTED_IOASID is for a table of the guest',
    'alloc-user': 'a nested one gets its table later, by IOASID_BIND_PGTABLE',
    'invalidate-device': 'invalidation names an IOASID only',
  },
  phrases,
  report: undefined,
  commands: [...deviceCommands, ...spaceCommands, ...pasidCommands],
};
