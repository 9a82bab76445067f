/** Page faults: who is told, who is blamed, and what becomes of those whose space goes away. */
import { blamed, damage, does, fails, type Scenario, tries, waiting } from '../scenario.ts';
import { pdev } from '../setup.ts';

const [NIC, GPU] = [0, 1];
const [GPA, GIOVA] = [0, 1];

const VM = {
  devices: { nic: pdev(0), gpu: pdev(1) },
  spaces: ['gpa', 'giova'],
  pasids: [],
  contexts: 1,
  pages: 1,
} as const;

/** Both devices walk one table of the guest. */
const NESTED = [
  does('open-context', 0),
  does('assign', NIC, 0),
  does('assign', GPU, 0),
  does('give-memory', GPA, 0, NIC, 0),
  does('attach', GPU, GPA),
  does('guest-table', GIOVA, GPA, NIC),
  does('attach', GPU, GIOVA),
] as const;

export const faultScenarios: readonly Scenario[] = [
  {
    ...VM,
    id: 'fault',
    title: 'a page fault of a guest’s table is told to the guest and answered',
    source: 'V1 5.6, V2 4.6',
    steps: [
      ...NESTED,
      does('fault', NIC),
      waiting(NIC, 'yes'),
      does('report-fault', NIC, NIC),
      blamed(NIC, 'nic'),
      does('respond', NIC),
      waiting(NIC, 'no'),
      damage('none'),
    ],
  },
  {
    ...VM,
    id: 'fault-blames',
    title: 'two devices have one table; the fault of one is taken for that of the other',
    source: 'Jean-Philippe Brucker 28 May 2021 on V1 5.6; P17',
    steps: [...NESTED, does('fault', NIC), fails('report-fault', NIC, GPU), blamed(NIC, 'nobody')],
  },
  {
    ...VM,
    id: 'fault-detach',
    title: 'the child is detached while a page fault of it waits for an answer',
    source: 'iommufd fault queues; P19',
    steps: [
      ...NESTED,
      does('fault', NIC),
      does('report-fault', NIC, NIC),
      does('detach', NIC),
      waiting(NIC, 'no'),
      fails('respond', NIC),
      damage('none'),
    ],
  },
  {
    ...VM,
    id: 'fault-close',
    title: 'the device is closed while a page fault of it waits for an answer',
    source: 'iommufd fault queues; P19',
    steps: [...NESTED, does('fault', NIC), does('close-device', NIC), waiting(NIC, 'no'), damage('none')],
  },
  {
    ...VM,
    id: 'fault-twice',
    title: 'a fault is answered twice while another device waits',
    source: 'Jason Gunthorpe 28 May 2021: resume all?; P18',
    steps: [
      ...NESTED,
      does('fault', NIC),
      does('fault', GPU),
      tries('report-fault', NIC, NIC),
      tries('report-fault', GPU, GPU),
      does('respond', NIC),
      fails('respond', NIC),
      waiting(GPU, 'yes'),
      damage('none'),
    ],
  },
  {
    ...VM,
    id: 'fault-kernel-space',
    title: 'a device takes a page fault on mappings that the host has made',
    source: 'S3; Jason Gunthorpe 3 June 2021',
    steps: [
      does('open-context', 0),
      does('assign', NIC, 0),
      does('give-memory', GPA, 0, NIC, 0),
      fails('fault', NIC),
    ],
  },
];
