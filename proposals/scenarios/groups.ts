/** Devices that their IOMMU cannot tell apart well enough: the examples of June 2021. */
import { damage, dma, does, fails, type Scenario, tries } from '../scenario.ts';
import { pdev } from '../setup.ts';

const [FN0, FN1] = [0, 1];
const [A, B] = [0, 1];

const NIC = {
  spaces: ['a', 'b'],
  pasids: [],
  contexts: 2,
  pages: 1,
} as const;

const FREE = { fn0: pdev(0), fn1: pdev(1, { group: 0 }) } as const;
const DRIVEN = { fn0: pdev(0, { hostDriver: true }), fn1: pdev(1, { group: 0, hostDriver: true }) } as const;

const BOTH = [
  does('open-context', 0),
  does('open-context', 1),
  does('assign', FN0, 0),
  does('assign', FN1, 0),
  does('make-space', A, 0),
  does('attach', FN0, A),
  does('attach', FN1, A),
] as const;

export const groupScenarios: readonly Scenario[] = [
  {
    ...NIC,
    id: 'F-GRP-1',
    title: 'both functions of a card have drivers of the host; one is taken, then the other too',
    source: 'Alex Williamson 15 June 2021, example 1; Kevin Tian 16 June, Jason Gunthorpe 17 June',
    devices: DRIVEN,
    steps: [
      does('open-context', 0),
      does('release-driver', FN1),
      does('open-device', FN1),
      fails('take', FN1, 0),
      does('release-driver', FN0),
      does('take', FN1, 0),
      dma(FN0, 0, 'nothing'),
      dma(FN1, 0, 'nothing'),
      does('open-device', FN0),
      fails('touch', FN0),
    ],
  },
  {
    ...NIC,
    id: 'F-GRP-2',
    title: 'both functions are bound and attached; one is detached and closed, the host wants it back',
    source: 'Alex Williamson 15 June 2021, example 2; Kevin Tian 16 June, Jason Gunthorpe 17 June',
    devices: FREE,
    steps: [
      ...BOTH,
      does('map', A, 0),
      does('detach', FN1),
      dma(FN1, 0),
      does('close-device', FN1),
      dma(FN1, 0),
      dma(FN0, 0),
      fails('probe-driver', FN1),
      does('open-device', FN1),
      fails('take', FN1, 1),
      damage('none'),
    ],
  },
  {
    ...NIC,
    id: 'F-GRP-3',
    title: 'one function is detached and attached to another space while the other stays',
    source:
      'Alex Williamson 15 June 2021, example 3; four answers: Kevin Tian, Jason Gunthorpe, R20-13, mainline',
    devices: FREE,
    steps: [...BOTH, does('make-space', B, 0), does('detach', FN1), tries('attach', FN1, B), dma(FN1, 0)],
  },
  {
    ...NIC,
    id: 'F-GRP-4',
    title: 'the first bind blocks the group, the first attach moves it, the last of each undoes it',
    source: 'Kevin Tian 28 June 2021 (PLAN), stage 2',
    devices: FREE,
    steps: [
      does('open-context', 0),
      does('assign', FN0, 0),
      dma(FN0, 0, 'nothing'),
      dma(FN1, 0, 'nothing'),
      does('assign', FN1, 0),
      does('give-memory', A, 0, FN0, 0),
      dma(FN0, 0, 'memory through a'),
      dma(FN1, 0, 'memory through a'),
      does('attach', FN1, A),
      does('detach', FN0),
      dma(FN0, 0, 'memory through a'),
      does('detach', FN1),
      dma(FN0, 0, 'nothing'),
      dma(FN1, 0, 'nothing'),
      does('close-device', FN0),
      dma(FN0, 0, 'nothing'),
      does('close-device', FN1),
      dma(FN0, 0, 'host memory'),
      dma(FN1, 0, 'host memory'),
    ],
  },
];
