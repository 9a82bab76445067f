/** The flows of the first proposal, 27 May 2021, sections 5.1 to 5.7. */
import {
  blamed,
  cached,
  charged,
  damage,
  dma,
  dmaWith,
  does,
  fails,
  type Scenario,
  tries,
} from '../scenario.ts';
import { pdev } from '../setup.ts';

const [DEV1, DEV2] = [0, 1];
const [GPA, V, GVA] = [0, 1, 2];

const VM = {
  devices: { dev1: pdev(0), dev2: pdev(1) },
  spaces: ['gpa', 'giova', 'gva'],
  pasids: ['gpasid1', 'gpasid2'],
  contexts: 1,
  pages: 3,
} as const;

/** Both devices on one space, which maps the memory of the guest: pages 0 and 1. */
const BOOTED = [
  does('open-context', 0),
  does('assign', DEV1, 0),
  does('assign', DEV2, 0),
  does('count-once', 0),
  does('count-once', 1),
  does('give-memory', GPA, 0, DEV1, 0),
  does('attach', DEV2, GPA),
  does('map', GPA, 1),
] as const;

export const flowsOfV1: readonly Scenario[] = [
  {
    ...VM,
    id: 'F-V1-1',
    title: 'simple: one device, then another, in one space',
    source: 'V1 5.1',
    steps: [
      does('open-context', 0),
      does('assign', DEV1, 0),
      does('give-memory', GPA, 0, DEV1, 0),
      dma(DEV1, 0, 'memory through gpa'),
      does('assign', DEV2, 0),
      does('attach', DEV2, GPA),
      dma(DEV2, 0, 'memory through gpa'),
    ],
  },
  {
    ...VM,
    id: 'F-V1-2',
    title: 'two spaces without nesting: the second device moves, one page of its memory goes with it',
    source: 'V1 5.2',
    steps: [
      ...BOOTED,
      does('make-space', V, 0),
      does('detach', DEV2),
      does('attach', DEV2, V),
      does('map', V, 0),
      dma(DEV1, 0, 'memory through gpa'),
      dma(DEV2, 0, 'memory through giova'),
      dma(DEV2, 1, 'nothing'),
      charged(0),
      tries('map', V, 2),
    ],
  },
  {
    ...VM,
    id: 'F-V1-3',
    title: 'software nesting: both levels are mapped, the kernel merges them',
    source: 'V1 5.3',
    steps: [
      ...BOOTED,
      does('shadow-space', V, GPA, DEV2),
      does('map', V, 0),
      dma(DEV2, 0, 'memory through giova'),
      charged(0, 'once'),
      does('unmap', GPA, 0),
      dma(DEV2, 0, 'nothing'),
    ],
  },
  {
    ...VM,
    id: 'F-V1-4',
    title: 'hardware nesting: the guest’s table over the space of its memory',
    source: 'V1 5.4',
    steps: [
      ...BOOTED,
      does('guest-table', V, GPA, DEV2),
      does('guest-maps', V, 0),
      dma(DEV2, 0, 'memory through giova'),
      does('dma', DEV2, 0),
      does('guest-unmaps', V, 0),
      cached(DEV2, 0, 'yes'),
      does('invalidate', V),
      cached(DEV2, 0, 'no'),
      fails('map', V, 1),
    ],
  },
  {
    ...VM,
    id: 'F-V1-5',
    title: 'vSVA: a process of the guest on a PASID, its table over the space of the guest’s memory',
    source: 'V1 5.5',
    only: {
      platforms: ['intel'],
      because: 'where the PASID table is in the guest’s memory it is told as F-V1-7',
    },
    steps: [
      ...BOOTED,
      does('enable-pasid', DEV1, 0, GVA, GPA),
      does('guest-maps', GVA, 0),
      dmaWith(DEV1, 0, 0, 'memory through gva'),
      dma(DEV1, 0, 'memory through gpa'),
      dma(DEV2, 0, 'memory through gpa'),
      dmaWith(DEV2, 0, 0, 'nothing'),
    ],
  },
  {
    ...VM,
    id: 'F-V1-6',
    title: 'a page fault, told without its device; the VMM picks one of those that are attached',
    source: 'V1 5.6; Jean-Philippe Brucker 28 May 2021',
    steps: [
      ...BOOTED,
      does('guest-table', V, GPA, DEV1),
      does('attach', DEV2, V),
      does('fault', DEV1),
      tries('report-fault', DEV1, DEV2),
      blamed(DEV1),
      tries('respond', DEV1),
      damage(),
    ],
  },
  {
    ...VM,
    id: 'F-V1-7',
    title: 'the PASID table of the device is the guest’s; its tables are bound one by one all the same',
    source: 'V1 5.7; David Gibson asks what for',
    steps: [
      ...BOOTED,
      does('guest-pasid-table', V, GPA, DEV1),
      tries('nest-for-pasid', GVA, GPA),
      tries('route-pasid', DEV1, GVA, 0),
      dmaWith(DEV1, 0, 0, 'nothing'),
      does('guest-enables-pasid', DEV1, 0),
      dmaWith(DEV1, 0, 0, 'memory'),
    ],
  },
];
