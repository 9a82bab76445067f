/** Flows of the allocator of May 2021, of the RFC and the counter-proposal of September 2021, and of mainline. */
import { blamed, damage, dma, dmaWith, does, fails, type Scenario, tries, waiting } from '../scenario.ts';
import { mdev, parentOf, pdev } from '../setup.ts';
import { MEDIATED } from './pasids.ts';

const DEV = 0;
const [GPA, TABLE, GVA] = [0, 1, 2];

const VM = {
  devices: { dev: pdev(0) },
  spaces: ['gpa', 'table', 'gva'],
  pasids: ['7', '8'],
  contexts: 1,
  pages: 2,
} as const;

const ASSIGNED = [
  does('open-context', 0),
  does('assign', DEV, 0),
  does('give-memory', GPA, 0, DEV, 0),
] as const;

const setFlows: readonly Scenario[] = [
  {
    ...VM,
    id: 'F-SET-1',
    title: 'SR-IOV on Arm and AMD: the PASID table is the guest’s, the host hears of no PASID',
    source: 'Kevin Tian 11 May 2021 (SET), scenario 1',
    steps: [
      ...ASSIGNED,
      does('guest-pasid-table', TABLE, GPA, DEV),
      does('guest-enables-pasid', DEV, 0),
      dmaWith(DEV, 0, 0, 'memory'),
      does('guest-enables-pasid', DEV, 1),
      dmaWith(DEV, 1, 0, 'memory'),
    ],
  },
  {
    ...VM,
    id: 'F-SET-2',
    title: 'SR-IOV on Intel without ENQCMD: each PASID of the guest is installed by the host as it is',
    source: 'Kevin Tian 11 May 2021 (SET), scenario 2',
    only: { platforms: ['intel'], because: 'where the PASID table is in the guest’s memory it is F-SET-1' },
    steps: [
      ...ASSIGNED,
      does('enable-pasid', DEV, 0, GVA, GPA),
      does('guest-maps', GVA, 0),
      dmaWith(DEV, 0, 0, 'memory through gva'),
      dmaWith(DEV, 1, 0, 'nothing'),
    ],
  },
  {
    id: 'F-SET-3',
    title: 'ENQCMD on Intel: a local number of the guest, a global one on the bus',
    source: 'Kevin Tian 11 May 2021 (SET), scenario 3',
    devices: { parent: parentOf(0), mdev1: mdev(1, 0, { enqcmd: true }) },
    spaces: ['gpa', 'gva'],
    pasids: ['local 5', 'global 1029', 'global 1030', 'global 1031'],
    contexts: 1,
    pages: 1,
    only: MEDIATED,
    steps: [
      does('open-context', 0),
      does('assign', 1, 0),
      does('give-memory', 0, 0, 1, 0),
      does('make-space', 1, 0),
      does('route-pasid', 1, 1, 0),
      does('map', 1, 0),
      dmaWith(1, 0, 0, 'memory through gva'),
      does('let-enqcmd', 1, 0, 1),
      does('cpu-submits', 0),
      damage('none'),
    ],
  },
];

export const laterFlows: readonly Scenario[] = [
  ...setFlows,
  {
    ...VM,
    id: 'F-S0',
    title: 'DPDK: a PASID for a process of the host, no guest, no table of a vendor',
    source: 'Jason Gunthorpe 23 September 2021 (R20T)',
    steps: [
      does('open-context', 0),
      does('assign', DEV, 0),
      does('make-space', GPA, 0),
      does('route-pasid', DEV, GPA, 0),
      does('map', GPA, 0),
      dmaWith(DEV, 0, 0, 'memory through gpa'),
      dma(DEV, 0, 'nothing'),
    ],
  },
  {
    ...VM,
    id: 'F-R20',
    title: 'the example of the RFC, with every command that should be refused on the way',
    source: 'R20-20; errnos of R20-05 to R20-18',
    steps: [
      does('open-context', 0),
      does('open-device', DEV),
      fails('touch', DEV),
      does('take', DEV, 0),
      dma(DEV, 0, 'nothing'),
      does('touch', DEV),
      does('make-space', GPA, 0),
      fails('map', GPA, 0),
      does('attach', DEV, GPA),
      does('make-space', TABLE, 0),
      fails('attach', DEV, TABLE),
      does('map', GPA, 0),
      dma(DEV, 0, 'memory through gpa'),
      fails('destroy', GPA),
      does('unmap', GPA, 0),
      dma(DEV, 0, 'nothing: not mapped'),
      does('detach', DEV),
      dma(DEV, 0, 'nothing: blocked'),
      does('destroy', GPA),
      does('close-device', DEV),
      dma(DEV, 0, 'host memory'),
      does('close-context', 0),
    ],
  },
  {
    ...VM,
    id: 'F-ML-1a',
    title: 'mainline, simple: mappings may come before the device',
    source: 'Linux 7.3.4, drivers/iommu/iommufd/device.c',
    steps: [
      does('open-context', 0),
      does('assign', DEV, 0),
      does('make-space', GPA, 0),
      does('map', GPA, 0),
      does('attach', DEV, GPA),
      dma(DEV, 0, 'memory through gpa'),
    ],
  },
  {
    ...VM,
    id: 'F-ML-1b',
    title: 'mainline, nested: the device need not be attached to the parent first',
    source: 'Linux 7.3.4, drivers/iommu/iommufd/hw_pagetable.c',
    steps: [
      does('open-context', 0),
      does('assign', DEV, 0),
      does('make-space', GPA, 0),
      does('map', GPA, 0),
      does('nest-table', GVA, GPA),
      does('attach', DEV, GVA),
      does('guest-maps', GVA, 0),
      dma(DEV, 0, 'memory through gva'),
      does('invalidate', GVA),
    ],
  },
  {
    ...VM,
    id: 'F-ML-1c',
    title: 'mainline, nested on Arm and AMD: the root of the guest’s PASID table',
    source: 'Linux 7.3.4, drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3-iommufd.c',
    steps: [
      ...ASSIGNED,
      does('guest-pasid-table', TABLE, GPA, DEV),
      does('guest-enables-pasid', DEV, 0),
      dmaWith(DEV, 0, 0, 'memory'),
      tries('invalidate', TABLE),
    ],
  },
  {
    ...VM,
    id: 'F-ML-1d',
    title: 'mainline, PASID on Intel: the number of the user on the bus',
    source: 'Linux 7.3.4, drivers/iommu/iommufd/device.c, iommufd_hwpt_pasid_compat()',
    only: {
      platforms: ['intel'],
      because: 'nested domains of Arm and AMD cannot be attached to a PASID: X12',
    },
    steps: [
      ...ASSIGNED,
      does('nest-for-pasid', GVA, GPA),
      does('route-pasid', DEV, GVA, 0),
      does('guest-maps', GVA, 0),
      dmaWith(DEV, 0, 0, 'memory through gva'),
      dmaWith(DEV, 1, 0, 'nothing'),
      dma(DEV, 0, 'memory through gpa'),
    ],
  },
  {
    ...VM,
    id: 'F-ML-1e',
    title: 'mainline, page faults: read, answered once',
    source: 'Linux 7.3.4, drivers/iommu/iommufd/eventq.c',
    steps: [
      ...ASSIGNED,
      does('guest-table', GVA, GPA, DEV),
      does('fault', DEV),
      does('report-fault', DEV, DEV),
      blamed(DEV, 'dev'),
      does('respond', DEV),
      waiting(DEV, 'no'),
      fails('respond', DEV),
      damage('none'),
    ],
  },
];
