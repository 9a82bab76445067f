/** One call to make each kind of address space, one to destroy any: Jason Gunthorpe's variant of V1, June 2021. */

import { boundUntilUnbound } from '../device-machines.ts';
import { phrases } from '../ioasid-rfc-v1/phrases.ts';
import type { Proposal } from '../proposal.ts';
import { DEVICE_COMMANDS } from './devices.ts';
import { spaceMachine } from './machines.ts';
import { SPACE_COMMANDS } from './spaces.ts';

export const allocPerKind: Proposal = {
  id: 'alloc-per-kind',
  title: '/dev/ioasid with one call for each kind',
  date: '2021-06-02',
  source: '<20210602232352.GL1002214@...>',
  file: 'proposals/alloc-per-kind/proposal.ts',
  device: boundUntilUnbound,
  space: spaceMachine,
  claims: ['P02', 'P03', 'P04', 'P05', 'P06', 'P07', 'P17', 'P20', 'P21', 'P23', 'P24', 'P25'],
  lacks: {
    'invalidate-device': 'a table is invalidated as a whole: no device is named (S3)',
    'alloc-shadow': 'software nesting is none of the kinds that have a call (S3)',
    'alloc-table': 'no call makes an IOASID of a PASID table (S3)',
    'alloc-root': 'no call makes a space for accounting only (S3)',
    'bind-mdev': 'S3 speaks of address spaces: routes of mediated devices are left to V1',
    'attach-vpasid': 'S3 speaks of address spaces: vPASIDs are left to V1',
    'alloc-enforced': 'snooping is not dealt with in this variant',
  },
  // A device leaves a child for its parent, as in V1.
  phrases,
  report: undefined,
  commands: [...DEVICE_COMMANDS, ...SPACE_COMMANDS],
};
