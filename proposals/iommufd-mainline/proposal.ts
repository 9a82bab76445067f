/**
 * iommufd as it is in Linux 7.3, packed small enough to be searched. Each command stands for the calls of the uAPI that adapter.ts
 * makes on the full model; test/proposal-co-simulation.test.ts holds the two against each other.
 */
import { boundUntilClosed } from '../device-machines.ts';
import type { Proposal } from '../proposal.ts';
import { deviceCommands, report } from './devices.ts';
import { faultCommands } from './faults.ts';
import { spaceMachine } from './machines.ts';
import { memoryCommands } from './memory.ts';
import { phrases } from './phrases.ts';
import { processCommands } from './processes.ts';
import { routeCommands } from './routes.ts';
import { spaceCommands } from './spaces.ts';

export const iommufdMainline: Proposal = {
  id: 'iommufd-mainline',
  title: 'iommufd in Linux 7.3',
  date: '2026-10',
  source: 'Linux 7.3, drivers/iommu/iommufd, drivers/vfio',
  file: 'proposals/iommufd-mainline/proposal.ts',
  // vfio_df_ioctl_bind_iommufd(): only closing the descriptor of a device ends what binding it began.
  device: boundUntilClosed,
  space: spaceMachine,
  claims: [
    'P01',
    'P02',
    'P03',
    'P04',
    'P07',
    'P08',
    'P11',
    'P12',
    'P17',
    'P18',
    'P19',
    'P20',
    'P21',
    'P22',
    'P23',
    'P24',
    'P25',
    'P26',
    'P27',
    'P28',
    'P30',
    'P32',
    'P35',
    'P44',
    'P45',
    'P48',
    'P49',
    'P50',
    'P51',
    'P52',
    'P53',
    'P55',
    'P56',
    'P59',
  ],
  lacks: {
    'alloc-enforced':
      'snooping is enforced for each HWPT where its devices can (iommufd_hw_pagetable_enforce_cc())',
    'alloc-shadow': 'no nesting by software; IOAS_COPY shares what is pinned',
    'alloc-mm': 'no page table of a process in iommufd; kernel drivers have iommu_sva_bind_device()',
    'alloc-kvm': 'no page table of a VM in iommufd',
    'attach-vpasid':
      'a PASID goes on the bus as the user says it; mediated devices with PASIDs were not merged',
    'bind-mdev': 'mediated devices do DMA by iommufd_access only, nothing of theirs is in the IOMMU',
    'cpu-map': 'KVM translates no PASIDs',
    register: 'pins are shared by IOAS_COPY',
    P57: 'snooping is not asked for: each HWPT enforces it where its devices can (iommufd_hw_pagetable_enforce_cc())',
  },
  phrases,
  report,
  commands: [
    ...deviceCommands,
    ...spaceCommands,
    ...routeCommands,
    ...memoryCommands,
    ...faultCommands,
    ...processCommands,
  ],
};
