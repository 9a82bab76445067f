/** What Jason Gunthorpe answered to S0: any device with PASIDs attaches a kernel-managed space, and the kernel says at which number. */
import { hasPasids } from '../attachments.ts';
import { iommufdRfc } from '../iommufd-rfc-2021-09/proposal.ts';
import { command, commandFor, type DesignCommand, isRefusal, type Proposal } from '../proposal.ts';
import { traitsOf } from '../setup.ts';
import { attachPasid, detachAll, detachPasid } from './pasids.ts';

const closeOfRfc = commandFor(iommufdRfc, 'close-device');

const closeDevice: DesignCommand = command('close-device', {
  name: 'close device',
  on: 'device',
  source: 'R20-07',
  decide: (state, args, ground) => {
    const closed = closeOfRfc?.decide(state, args, ground) ?? [];
    return isRefusal(closed) ? closed : [...detachAll(state, ground, args.device), ...closed];
  },
});

export const kernelPickedPasid: Proposal = {
  ...iommufdRfc,
  id: 'kernel-picked-pasid',
  title: 'the RFC of September 2021, with PASIDs that the kernel picks',
  date: '2021-09-23',
  source: '<20210923133037.GP964074@nvidia.com>',
  file: 'proposals/kernel-picked-pasid/proposal.ts',
  claims: [...iommufdRfc.claims, 'P35', 'P44'],
  report: (state, device, ground) => {
    if (state.device.get(device) !== 'bound') return undefined;
    return { pasid: hasPasids(ground, device), iommuPasid: traitsOf(ground, device).iommuPasid };
  },
  lacks: { 'alloc-user': 'the answer is about spaces that the kernel manages' },
  commands: [
    ...iommufdRfc.commands.filter(({ verb }) => verb !== 'close-device'),
    closeDevice,
    attachPasid,
    detachPasid,
  ],
};
