/** What the five mails that began this ask for, as far as it is a sequence. */
import { bus, damage, dma, dmaWith, does, fails, type Scenario, told, tries } from '../scenario.ts';
import { mdev, parentOf, pdev } from '../setup.ts';
import { MEDIATED } from './pasids.ts';

const [NIC, GPU] = [0, 1];
const [A, B, C] = [0, 1, 2];

const S0 = 'S0, <BN9PR11MB5433B300CF82CB09326A00978CA39@BN9PR11MB5433.namprd11.prod.outlook.com>';
const S1 = 'S1, <Z92wIQGa8RcJb2T/@Asurada-Nvidia>';
const S2 = 'S2, PLAN, 29 June 2021';
const S3 = 'S3, <20210602232352.GL1002214@nvidia.com>';
const S4 = 'S4, <20210507182050.GX1370958@nvidia.com>';

const VM = {
  devices: { nic: pdev(0), gpu: pdev(1) },
  spaces: ['a', 'b', 'c'],
  pasids: ['7', '8'],
  contexts: 1,
  pages: 1,
} as const;

const MDEVS = {
  devices: { parent: parentOf(0), mdev1: mdev(1, 0), mdev2: mdev(2, 0) },
  spaces: ['a', 'b', 'c'],
  pasids: ['7', '8', '9', '10'],
  contexts: 1,
  pages: 1,
  only: MEDIATED,
} as const;

const BOUND = [does('open-context', 0), does('assign', NIC, 0), does('assign', GPU, 0)] as const;
const MDEVS_BOUND = [
  does('open-context', 0),
  does('assign', 1, 0),
  does('assign', 2, 0),
  does('give-memory', A, 0, 1, 0),
  does('attach', 2, A),
] as const;

export const seedScenarios: readonly Scenario[] = [
  {
    ...VM,
    id: 'S0-shared',
    title: 'the page table of a process as a space, on a PASID',
    source: S0,
    steps: [
      ...BOUND,
      does('alloc-mm', A, 0),
      does('route-pasid', NIC, A, 0),
      dmaWith(NIC, 0, 0, 'memory through a'),
    ],
  },
  {
    ...VM,
    id: 'S0-kvm',
    title: 'the second level of a VM as a space',
    source: S0,
    steps: [...BOUND, does('alloc-kvm', A, 0), does('attach', NIC, A), dma(NIC, 0, 'memory through a')],
  },
  {
    ...MDEVS,
    id: 'S0-mdev',
    title: 'a guest’s PASID 7 on a mediated device goes on the bus with another number',
    source: S0,
    steps: [
      ...MDEVS_BOUND,
      does('make-space', B, 0),
      does('route-pasid', 1, B, 0),
      does('map', B, 0),
      dmaWith(1, 0, 0, 'memory through b'),
      dmaWith(2, 0, 0, 'nothing'),
      bus(1, 0),
    ],
  },
  {
    id: 'S1-two-devices',
    title: 'two devices behind one IOMMU, one of them with PASIDs: what is told of each',
    source: S1,
    devices: { first: pdev(0), second: pdev(1, { pasid: false }) },
    spaces: [],
    pasids: ['7'],
    contexts: 1,
    pages: 1,
    steps: [...BOUND, told(NIC), told(GPU)],
  },
  {
    id: 'S1-iommu-off',
    title: 'the device has PASIDs, its IOMMU does not: neither is told',
    source: `${S1}; P52`,
    devices: { nic: pdev(0, { iommuPasid: false }), gpu: pdev(1) },
    spaces: [],
    pasids: ['7'],
    contexts: 1,
    pages: 1,
    steps: [...BOUND, told(NIC), told(GPU)],
  },
  {
    id: 'S1-frozen',
    title: 'a vIOMMU is made for the first device, then a second with other abilities is plugged in',
    source: `${S1}; P54`,
    devices: { first: pdev(0, { pasid: false }), second: pdev(1) },
    spaces: [],
    pasids: ['7'],
    contexts: 1,
    pages: 1,
    steps: [
      does('open-context', 0),
      does('assign', NIC, 0),
      does('freeze-viommu', NIC),
      does('assign', GPU, 0),
      told(NIC),
      told(GPU),
    ],
  },
  {
    id: 'S1-group-mate',
    title: 'a PASID for a device whose group mate has none',
    source: `${S1}; P55`,
    devices: { nic: pdev(0), plain: pdev(1, { group: 0, pasid: false }) },
    spaces: ['a', 'b'],
    pasids: ['7'],
    contexts: 1,
    pages: 1,
    steps: [
      ...BOUND,
      does('make-space', A, 0),
      does('attach', NIC, A),
      does('attach', GPU, A),
      does('make-space', B, 0),
      tries('route-pasid', NIC, B, 0),
    ],
  },
  {
    ...VM,
    id: 'S2-same-number',
    title: 'the same PASID of one device for another space, and of another device',
    source: `${S2}; P45`,
    steps: [
      ...BOUND,
      does('make-space', A, 0),
      does('make-space', B, 0),
      does('route-pasid', NIC, A, 0),
      tries('route-pasid', NIC, B, 0),
      tries('route-pasid', GPU, B, 0),
    ],
  },
  {
    ...VM,
    id: 'S2-two-numbers',
    title: 'one space with another PASID on each device',
    source: `${S2}; P45`,
    steps: [
      ...BOUND,
      does('make-space', A, 0),
      does('route-pasid', NIC, A, 0),
      tries('route-pasid', GPU, A, 1),
    ],
  },
  {
    ...MDEVS,
    id: 'S2-unregistered',
    title: 'a mediated device is told to use a PASID that was never attached',
    source: S2,
    steps: [...MDEVS_BOUND, dmaWith(1, 0, 0, 'nothing')],
  },
  {
    ...VM,
    id: 'S3-sva-no-pri',
    title: 'the page table of a process for a device that cannot take page faults',
    source: `${S3}; P06`,
    devices: { nic: pdev(0, { pri: false }), gpu: pdev(1) },
    steps: [...BOUND, does('alloc-mm', A, 0), fails('attach', NIC, A)],
  },
  {
    ...VM,
    id: 'S3-map-mm',
    title: 'map into, and invalidate, the page table of a process',
    source: `${S3}; P02, P03`,
    steps: [
      ...BOUND,
      does('alloc-mm', A, 0),
      does('attach', NIC, A),
      fails('map', A, 0),
      fails('invalidate', A),
    ],
  },
  {
    ...VM,
    id: 'S3-destroy',
    title: 'spaces with children and devices are destroyed, in the wrong order and in the right one',
    source: `${S3}; P04, P48`,
    steps: [
      ...BOUND,
      does('give-memory', A, 0, NIC, 0),
      does('guest-table', B, A, NIC),
      fails('destroy', A),
      fails('destroy', B),
      does('leave-nesting', NIC),
      does('destroy', B),
      does('destroy', A),
    ],
  },
  {
    ...VM,
    id: 'S3-before-device',
    title: 'a space is allocated before there is any device',
    source: S3,
    steps: [
      does('open-context', 0),
      does('make-space', A, 0),
      tries('map', A, 0),
      does('assign', NIC, 0),
      does('attach', NIC, A),
    ],
  },
  {
    ...VM,
    id: 'S3-root-of-user',
    title: 'a table of the user without a space of the kernel below it',
    source: `${S3}; P07`,
    steps: [
      ...BOUND,
      does('make-space', A, 0),
      does('attach', NIC, A),
      does('nest-table', B, A),
      fails('nest-table', C, C),
    ],
  },
  {
    ...VM,
    id: 'S4-isolation',
    title: 'a PASID of one device leads nowhere on another',
    source: `${S4}; P32`,
    steps: [
      ...BOUND,
      does('make-space', A, 0),
      does('route-pasid', NIC, A, 0),
      does('map', A, 0),
      dmaWith(NIC, 0, 0, 'memory through a'),
      dmaWith(GPU, 0, 0, 'nothing'),
    ],
  },
  {
    ...MDEVS,
    id: 'S4-in-flight',
    title: 'a submission is under way when its PASID is taken away, and its number given to another',
    source: `${S4}; P47`,
    devices: { parent: parentOf(0), mdev1: mdev(1, 0, { enqcmd: true }), mdev2: mdev(2, 0) },
    pasids: ['7', '8', '9', '10'],
    steps: [
      ...MDEVS_BOUND,
      does('make-space', B, 0),
      does('route-pasid', 1, B, 0),
      does('let-enqcmd', 1, 0, B),
      does('cpu-submits', 0),
      bus(1, 0),
      does('cpu-unmap', 0),
      does('detach-pasid', 1, 0),
      does('make-space', C, 0),
      tries('route-pasid', 2, C, 1),
      bus(2, 1),
      does('submission-arrives'),
      damage('none'),
    ],
  },
];
