/** Short sequences that the proposals answer differently: each asks one thing. */
import { dma, does, type Scenario, told, tries } from '../scenario.ts';
import { type Platform, pdev } from '../setup.ts';

const [D1, D2] = [0, 1];
const [A, B, C] = [0, 1, 2];
const DELEGATING: readonly Platform[] = ['arm', 'amd'];

const WORLD = {
  devices: { d1: pdev(0), d2: pdev(1) },
  spaces: ['a', 'b', 'c'],
  pasids: ['5'],
  contexts: 2,
  pages: 2,
} as const;

const ONE_GROUP = { d1: pdev(0), d2: pdev(1, { group: 0 }) } as const;

const BOUND = [does('open-context', 0), does('open-context', 1), does('assign', D1, 0)] as const;
const ATTACHED = [...BOUND, does('make-space', A, 0), does('attach', D1, A)] as const;
const PAIR = [...BOUND, does('assign', D2, 0), does('make-space', A, 0)] as const;

export const differentialScenarios: readonly Scenario[] = [
  {
    ...WORLD,
    id: 'X1',
    title: 'map before a device is attached',
    source: 'V1 2.1; V2 1.1; R20-18; Q21',
    steps: [...BOUND, does('make-space', A, 0), tries('map', A, 0), does('attach', D1, A)],
  },
  {
    ...WORLD,
    id: 'X2',
    title: 'bind a device to two descriptors',
    source: 'V1 2.2; V2 changelog; Jason Gunthorpe 29 September 2021; Q3',
    steps: [...BOUND, tries('bind', D1, 1)],
  },
  {
    ...WORLD,
    id: 'X3',
    title: 'bind two devices of one group to two descriptors',
    source: 'R20-06; P23',
    devices: ONE_GROUP,
    steps: [...BOUND, does('open-device', D2), tries('take', D2, 1)],
  },
  {
    ...WORLD,
    id: 'X4',
    title: 'attach a device to a second space on the same route',
    source: 'R20-15; mainline replaces; P01',
    steps: [...ATTACHED, does('make-space', B, 0), tries('attach', D1, B)],
  },
  {
    ...WORLD,
    id: 'X4-child',
    title: 'attach a device to a child of its space',
    source: 'V1 5.3, V2 4.3',
    steps: [...ATTACHED, does('nest-table', B, A), tries('attach', D1, B)],
  },
  {
    ...WORLD,
    id: 'X5',
    title: 'one of two devices of a group is detached and attached elsewhere',
    source: 'R20T, David Gibson 26 October 2021; P27',
    devices: ONE_GROUP,
    steps: [
      ...PAIR,
      does('attach', D1, A),
      does('attach', D2, A),
      does('make-space', B, 0),
      does('detach', D1),
      tries('attach', D1, B),
      tries('map', A, 0),
    ],
  },
  {
    ...WORLD,
    id: 'X5-replace',
    title: 'one of two devices of a group is attached elsewhere without being detached',
    source: 'mainline, iommufd_device_replace(); P28',
    devices: ONE_GROUP,
    steps: [
      ...PAIR,
      does('attach', D1, A),
      does('attach', D2, A),
      does('make-space', B, 0),
      tries('attach', D1, B),
    ],
  },
  {
    ...WORLD,
    id: 'X6',
    title: 'only one of two devices of a group is attached, then a page is mapped',
    source: 'V1 2.1; PLAN 28 June 2021; P10',
    devices: ONE_GROUP,
    steps: [...PAIR, does('attach', D1, A), tries('map', A, 0)],
  },
  {
    ...WORLD,
    id: 'X7',
    title: 'invalidate a space whose mappings the kernel keeps',
    source: 'S3; P03',
    steps: [...ATTACHED, does('map', A, 0), tries('invalidate', A)],
  },
  {
    ...WORLD,
    id: 'X8',
    title: 'attach to a child without having been attached to its parent',
    source: 'V1 2.2; P09',
    steps: [...PAIR, does('attach', D1, A), does('nest-table', B, A), tries('attach', D2, B)],
  },
  {
    ...WORLD,
    id: 'X9',
    title: 'nest on a nested space',
    source: 'V1 2.2; V2 1.1; P08',
    steps: [...ATTACHED, does('guest-table', B, A, D1), tries('nest-table', C, B)],
  },
  {
    ...WORLD,
    id: 'X9-software',
    title: 'the same where software merges the spaces',
    source: 'V1 2.2; V2 1.1; P08',
    steps: [
      ...ATTACHED,
      does('map', A, 0),
      does('shadow-space', B, A, D1),
      does('map', B, 0),
      tries('nest-shadow', C, B),
    ],
  },
  {
    ...WORLD,
    id: 'X10',
    title: 'free a space while a device is attached to it',
    source: 'R20-11; P48',
    steps: [...ATTACHED, tries('destroy', A)],
  },
  {
    ...WORLD,
    id: 'X11',
    title: 'unmap half of what was mapped at once',
    source: 'VFIO type1v2; P11',
    steps: [...ATTACHED, does('map-all', A), tries('unmap', A, 0)],
  },
  {
    ...WORLD,
    id: 'X11-more',
    title: 'unmap several mappings at once',
    source: 'VFIO type1; iommufd; P11',
    steps: [...ATTACHED, does('map', A, 0), does('map', A, 1), tries('unmap-all', A)],
  },
  {
    ...WORLD,
    id: 'X12',
    title: 'attach with a PASID where the PASID table is the guest’s',
    source: 'V1 5.7; V2 1.4; iommufd',
    only: {
      platforms: DELEGATING,
      because: 'the PASID table stays in the memory of the host on Intel (VT-d, scalable mode)',
    },
    steps: [
      ...ATTACHED,
      does('guest-pasid-table', B, A, D1),
      tries('nest-for-pasid', C, A),
      tries('route-pasid', D1, C, 0),
    ],
  },
  {
    ...WORLD,
    id: 'X13',
    title: 'touch a device before it is bound',
    source: 'V2 1.3; R20-05; P22',
    steps: [does('open-device', D1), tries('touch', D1)],
  },
  {
    ...WORLD,
    id: 'X14',
    title: 'ask for the abilities of a device: open, bound, attached',
    source: 'V1 IOASID_GET_INFO; V2 IOMMU_DEVICE_GET_INFO; Q6',
    steps: [
      does('open-context', 0),
      does('open-device', D1),
      told(D1),
      does('take', D1, 0),
      told(D1),
      does('make-space', A, 0),
      does('attach', D1, A),
      told(D1),
    ],
  },
  {
    ...WORLD,
    id: 'X15',
    title: 'close the descriptor of the spaces while a device is attached',
    source: 'R20-07; P49',
    steps: [...ATTACHED, does('map', A, 0), tries('close-context', 0), dma(D1, 0)],
  },
  {
    ...WORLD,
    id: 'X16',
    title: 'attach a device whose DMA cannot be made to snoop',
    source: 'V2 1.5; R20-14; P57',
    devices: { d1: pdev(0, { forceSnoop: false }), d2: pdev(1) },
    steps: [...BOUND, does('snooped-space', A, 0), tries('attach', D1, A)],
  },
  {
    ...WORLD,
    id: 'X17',
    title: 'attach a second device that reaches fewer addresses',
    source: 'V1 2.2; R20-14; P50',
    devices: { d1: pdev(0), d2: pdev(1, { narrow: true }) },
    steps: [...PAIR, does('attach', D1, A), does('map', A, 0), tries('attach', D2, A)],
  },
  {
    ...WORLD,
    id: 'X17-mapped',
    title: 'the same, with a mapping that the second device cannot reach',
    source: 'iommufd; P51',
    devices: { d1: pdev(0), d2: pdev(1, { narrow: true }) },
    steps: [...PAIR, does('attach', D1, A), does('map', A, 1), tries('attach', D2, A)],
  },
  {
    ...WORLD,
    id: 'X18',
    title: 'map a PASID in the CPU for a space that no device is attached to with it',
    source: 'Jason Gunthorpe 28 May 2021, Kevin Tian 3 June 2021; P39',
    steps: [...ATTACHED, does('translate-pasids'), tries('cpu-map', 0, A, D1)],
  },
];
