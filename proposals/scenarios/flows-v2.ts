/** The flows of the second proposal, 9 July 2021, sections 4.1 to 4.6. */
import {
  blamed,
  charged,
  damage,
  dma,
  dmaWith,
  does,
  fails,
  type Scenario,
  tries,
  waiting,
} from '../scenario.ts';
import { mdev, parentOf, pdev } from '../setup.ts';
import { MEDIATED } from './pasids.ts';

const [DEV1, DEV2] = [0, 1];
const [GPA, GIOVA, GVA] = [0, 1, 2];

const VM = {
  devices: { dev1: pdev(0), dev2: pdev(1) },
  spaces: ['gpa', 'giova', 'gva'],
  pasids: ['vpasid1', 'vpasid2'],
  contexts: 1,
  pages: 2,
} as const;

const BOOTED = [
  does('open-context', 0),
  does('assign', DEV1, 0),
  does('assign', DEV2, 0),
  does('give-memory', GPA, 0, DEV1, 0),
  does('attach', DEV2, GPA),
] as const;

export const flowsOfV2: readonly Scenario[] = [
  {
    ...VM,
    id: 'F-V2-1',
    title: 'simple: attributes at allocation, two devices in one space',
    source: 'V2 4.1',
    steps: [
      does('open-context', 0),
      does('open-device', DEV1),
      fails('touch', DEV1),
      does('take', DEV1, 0),
      dma(DEV1, 0, 'nothing'),
      does('touch', DEV1),
      does('give-memory', GPA, 0, DEV1, 0),
      does('assign', DEV2, 0),
      does('attach', DEV2, GPA),
      dma(DEV1, 0, 'memory through gpa'),
      dma(DEV2, 0, 'memory through gpa'),
    ],
  },
  {
    ...VM,
    id: 'F-V2-2',
    title: 'two roots: a page of both counts twice',
    source: 'V2 4.2',
    steps: [
      ...BOOTED,
      does('make-space', GIOVA, 0),
      does('detach', DEV2),
      does('attach', DEV2, GIOVA),
      does('map', GIOVA, 0),
      dma(DEV2, 0, 'memory through giova'),
      charged(0),
    ],
  },
  {
    ...VM,
    id: 'F-V2-3',
    title: 'software nesting',
    source: 'V2 4.3',
    steps: [
      ...BOOTED,
      does('shadow-space', GIOVA, GPA, DEV2),
      does('map', GIOVA, 0),
      dma(DEV2, 0, 'memory through giova'),
      charged(0, 'once'),
    ],
  },
  {
    ...VM,
    id: 'F-V2-4',
    title: 'hardware nesting; the guest invalidates, all at once or what a device has',
    source: 'V2 4.4',
    steps: [
      ...BOOTED,
      does('guest-table', GIOVA, GPA, DEV2),
      does('guest-maps', GIOVA, 0),
      dma(DEV2, 0, 'memory through giova'),
      does('invalidate', GIOVA),
      tries('invalidate-device', DEV2),
    ],
  },
  {
    ...VM,
    id: 'F-V2-5a',
    title: 'vSVA where the host has the PASID table: each PASID passes through it',
    source: 'V2 4.5, PASID_DELEGATED=0',
    only: { platforms: ['intel'], because: 'the PASID table is in the guest’s memory there: F-V2-5b' },
    steps: [
      ...BOOTED,
      dmaWith(DEV1, 0, 0, 'nothing'),
      does('enable-pasid', DEV1, 0, GVA, GPA),
      does('guest-maps', GVA, 0),
      dmaWith(DEV1, 0, 0, 'memory through gva'),
      does('invalidate', GVA),
    ],
  },
  {
    ...VM,
    id: 'F-V2-5b',
    title: 'vSVA where the guest has the PASID table: none passes through the host',
    source: 'V2 4.5, PASID_DELEGATED=1',
    steps: [
      ...BOOTED,
      does('guest-pasid-table', GIOVA, GPA, DEV1),
      does('guest-enables-pasid', DEV1, 0),
      does('guest-enables-pasid', DEV1, 1),
      dmaWith(DEV1, 0, 0, 'memory'),
      dmaWith(DEV1, 1, 0, 'memory'),
      does('make-space', GVA, 0),
      fails('route-pasid', DEV1, GVA, 0),
    ],
  },
  {
    id: 'F-V2-5c',
    title:
      'the check of a VMM at its start: translation in the CPU is switched on once, then each PASID is mapped',
    source: 'V2 1.4.4',
    devices: {
      parent: parentOf(0),
      mdev1: mdev(1, 0, { enqcmd: true }),
      nic: pdev(2, { enqcmd: true }),
    },
    spaces: ['gpa', 'gva1', 'gva2'],
    pasids: ['vpasid1', 'vpasid3', 'vpasid4', 'vpasid2'],
    contexts: 1,
    pages: 1,
    only: MEDIATED,
    steps: [
      does('open-context', 0),
      does('assign', 1, 0),
      does('assign', 2, 0),
      does('give-memory', 0, 0, 1, 0),
      does('enable-translation'),
      does('make-space', 1, 0),
      does('route-pasid', 1, 1, 0),
      does('cpu-map', 0, 1, 1),
      does('make-space', 2, 0),
      does('route-pasid', 1, 2, 3),
      does('cpu-map', 3, 2, 1),
      does('open-portal', 1),
      fails('open-portal', 2),
    ],
  },
  {
    ...VM,
    id: 'F-V2-6',
    title: 'a page fault that names its device, both ways',
    source: 'V2 4.6',
    steps: [
      ...BOOTED,
      does('guest-table', GIOVA, GPA, DEV1),
      does('attach', DEV2, GIOVA),
      does('fault', DEV1),
      fails('report-fault', DEV1, DEV2),
      does('report-fault', DEV1, DEV1),
      blamed(DEV1, 'dev1'),
      does('respond', DEV1),
      waiting(DEV1, 'no'),
      damage('none'),
    ],
  },
];
