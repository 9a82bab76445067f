/** Spaces over spaces: what a change below, or above, leaves in tables and caches. */
import { cached, charged, dma, does, fails, type Scenario, tries } from '../scenario.ts';
import { pdev } from '../setup.ts';

const NIC = 0;
const [GPA, GIOVA] = [0, 1];

const VM = {
  devices: { nic: pdev(0) },
  spaces: ['gpa', 'giova'],
  pasids: [],
  contexts: 1,
  pages: 2,
} as const;

const ASSIGNED = [
  does('open-context', 0),
  does('assign', NIC, 0),
  does('give-memory', GPA, 0, NIC, 0),
] as const;

export const nestingScenarios: readonly Scenario[] = [
  {
    ...VM,
    id: 'unmap-parent',
    title: 'a page is unmapped from the space below the guest’s table',
    source: 'V1 2.2, V2 1.1; P12',
    steps: [
      ...ASSIGNED,
      does('guest-table', GIOVA, GPA, NIC),
      does('guest-maps', GIOVA, 0),
      dma(NIC, 0, 'memory through giova'),
      does('dma', NIC, 0),
      cached(NIC, 0, 'yes'),
      does('unmap', GPA, 0),
      dma(NIC, 0, 'nothing'),
      cached(NIC, 0, 'no'),
    ],
  },
  {
    ...VM,
    id: 'unmap-shadowed',
    title: 'a page is unmapped from the space below one that software merges with it',
    source: 'V1 5.3, V2 4.3; P12',
    steps: [
      ...ASSIGNED,
      does('shadow-space', GIOVA, GPA, NIC),
      does('map', GIOVA, 0),
      dma(NIC, 0, 'memory through giova'),
      does('dma', NIC, 0),
      tries('unmap', GPA, 0),
      dma(NIC, 0),
      cached(NIC, 0),
    ],
  },
  {
    ...VM,
    id: 'stale',
    title: 'the guest changes its table, and tells it later',
    source: 'V2 1.1, David Gibson 8 June 2021; P13',
    steps: [
      ...ASSIGNED,
      does('guest-table', GIOVA, GPA, NIC),
      does('guest-maps', GIOVA, 0),
      does('dma', NIC, 0),
      does('guest-unmaps', GIOVA, 0),
      cached(NIC, 0, 'yes'),
      does('invalidate', GIOVA),
      cached(NIC, 0, 'no'),
      dma(NIC, 0, 'nothing'),
    ],
  },
  {
    ...VM,
    id: 'map-user-table',
    title: 'the host maps a page into a space whose table is the guest’s',
    source: 'David Gibson, Jason Gunthorpe 2 June 2021; S3',
    steps: [...ASSIGNED, does('guest-table', GIOVA, GPA, NIC), fails('map', GIOVA, 1)],
  },
  {
    ...VM,
    id: 'destroy-parent',
    title: 'the space below is destroyed while another lies over it',
    source: 'S3; R20-11',
    steps: [...ASSIGNED, does('guest-table', GIOVA, GPA, NIC), tries('destroy', GPA), dma(NIC, 0, 'nothing')],
  },
  {
    ...VM,
    id: 'count-shadowed',
    title: 'a page is mapped in two spaces, one over the other: it counts once',
    source: 'V1 5.3, V2 4.3; P58',
    steps: [...ASSIGNED, does('shadow-space', GIOVA, GPA, NIC), does('map', GIOVA, 0), charged(0, 'once')],
  },
  {
    ...VM,
    id: 'count-unrelated',
    title: 'a page is mapped in two spaces that have nothing to do with each other',
    source: 'V1 5.2, V2 4.2; P58',
    steps: [
      does('open-context', 0),
      does('assign', NIC, 0),
      does('count-once', 0),
      does('give-memory', GPA, 0, NIC, 0),
      does('detach', NIC),
      does('give-memory', GIOVA, 0, NIC, 0),
      charged(0),
    ],
  },
];
