/** The small worlds in which properties are looked at. Each has just the words and things that its properties need. */
import { capabilitySetups } from './capability-setups.ts';
import { mediatedSetups, softwareSetups } from './mediated-setups.ts';
import {
  bound,
  type Platform,
  type PreludeStep,
  pdev,
  type Setup,
  type SetupDraft,
  type SetupStep,
} from './setup.ts';
import type { Verb } from './verb.ts';

export type SetupId =
  | 'routes'
  | 'groups'
  | 'pasids'
  | 'mediated'
  | 'parents'
  | 'enqcmd'
  | 'enqcmd-parents'
  | 'portal'
  | 'cpu'
  | 'nesting'
  | 'kinds'
  | 'caches'
  | 'caches-moved'
  | 'faults'
  | 'answers'
  | 'capabilities'
  | 'widths'
  | 'reports'
  | 'mixed-group'
  | 'processes'
  | 'migration'
  | 'software';

const OPENING: readonly Verb[] = [
  'open-context',
  'close-context',
  'open-device',
  'close-device',
  'bind',
  'unbind',
];
/** The plainest space that a proposal has. */
const PLAIN: readonly Verb[] = ['alloc', 'alloc-enforced'];
const ALLOCATING: readonly Verb[] = [
  ...PLAIN,
  'alloc-shadow',
  'alloc-user',
  'alloc-table',
  'create-nesting',
  'bind-table',
  'bind-pasid-table',
  'unbind-table',
  'destroy',
];
const CACHING: readonly Verb[] = ['guest-maps', 'guest-unmaps', 'unmap', 'dma', 'invalidate'];
const SHARED: readonly Verb[] = ['alloc-mm', 'alloc-kvm', 'alloc-root'];
const ATTACHING: readonly Verb[] = ['attach', 'detach'];
const PASIDS: readonly Verb[] = ['attach-pasid', 'attach-vpasid', 'detach-pasid'];
const MAPPING: readonly Verb[] = ['register', 'map', 'map-all', 'unmap', 'unmap-all'];

const PLAIN_SPACE: PreludeStep = {
  anyOf: [
    ['alloc', 0, 0],
    ['alloc-enforced', 0, 0],
  ],
};

/** Devices on a space of the user's over one of the kernel's. */
function nested(...devices: readonly number[]): PreludeStep[] {
  return [
    ...bound(...devices),
    PLAIN_SPACE,
    ...devices.map((device): SetupStep => ['attach', device, 0]),
    ['map', 0, 0],
    {
      anyOf: [
        ['create-nesting', 1, 0],
        ['alloc-user', 1, 0],
        ['alloc-table', 1, 0],
      ],
    },
    ...devices.map((device): SetupStep => ['attach', device, 1]),
    {
      anyOf: [
        ['bind-table', 1],
        ['bind-pasid-table', 1],
      ],
    },
  ];
}

/** Devices of the parts of a setup that may be more than two: `--devices`. */
function several(count: number): ReturnType<typeof pdev>[] {
  return Array.from({ length: count }, (_, device) => pdev(device));
}

/** All setups for one platform. `devices` is how many alike there are where that is open; 2 unless asked for. */
export function setupsFor(platform: Platform, devices = 2): ReadonlyMap<SetupId, Setup> {
  const drafts: Partial<Record<SetupId, SetupDraft>> = {
    routes: {
      says: 'devices with groups of their own, two contexts, two spaces',
      devices: several(devices),
      contexts: 2,
      spaces: 2,
      pasids: 1,
      pages: 1,
      verbs: [...OPENING, 'touch', ...PLAIN, 'destroy', ...ATTACHING],
      prelude: [],
    },
    groups: {
      says: 'two devices of one group with drivers of the host, one of another group, two contexts',
      devices: [pdev(0, { hostDriver: true }), pdev(1, { group: 0, hostDriver: true }), pdev(2)],
      contexts: 2,
      spaces: 2,
      pasids: 1,
      pages: 1,
      verbs: [...OPENING, ...PLAIN, 'destroy', ...ATTACHING, 'release-driver', 'probe-driver'],
      prelude: [['open-context', 0]],
    },
    pasids: {
      says: 'bound devices with PASIDs, spaces of every kind',
      devices: several(devices),
      contexts: 1,
      spaces: 2,
      pasids: 2,
      pages: 1,
      verbs: [...ALLOCATING, ...ATTACHING, ...PASIDS, 'guest-enables-pasid'],
      prelude: bound(...several(devices).keys()),
    },
    nesting: {
      says: 'one bound device, spaces over spaces, pages that come and go',
      devices: [pdev(0)],
      contexts: 1,
      spaces: 3,
      pasids: 1,
      pages: 2,
      verbs: [...ALLOCATING, ...ATTACHING, ...MAPPING],
      prelude: bound(0),
    },
    kinds: {
      says: 'a bound device that takes page faults and one that does not, spaces of every kind',
      devices: [pdev(0), pdev(1, { pri: false })],
      contexts: 1,
      spaces: 2,
      pasids: 1,
      pages: 1,
      verbs: [
        ...ALLOCATING,
        ...SHARED,
        ...ATTACHING,
        'map',
        'unmap',
        'fault',
        'report-fault',
        'respond',
        'kernel-resolves',
      ],
      prelude: bound(0, 1),
    },
    caches: {
      says: 'two devices on a guest’s page table over a kernel’s, with caches, DMA and invalidations',
      devices: several(2),
      contexts: 1,
      spaces: 2,
      pasids: 1,
      pages: 2,
      verbs: [...CACHING, 'map', 'invalidate-device'],
      prelude: nested(0, 1),
    },
    'caches-moved': {
      says: 'the same with one page, and devices that leave and come back',
      devices: several(2),
      contexts: 1,
      spaces: 2,
      pasids: 1,
      pages: 1,
      verbs: [...CACHING, ...ATTACHING],
      prelude: nested(0, 1),
    },
    faults: {
      says: 'two devices on a guest’s page table, whose page requests are reported and answered',
      devices: several(2),
      contexts: 1,
      spaces: 2,
      pasids: 1,
      pages: 1,
      verbs: ['fault', 'report-fault', 'respond', 'attach', 'detach', 'close-device'],
      prelude: nested(0, 1),
    },
    answers: {
      says: 'two devices on a guest’s page table, with reports and answers that get their turn',
      devices: several(2),
      contexts: 1,
      spaces: 2,
      pasids: 1,
      pages: 1,
      verbs: ['fault', 'report-fault', 'respond', 'attach', 'detach', 'close-device'],
      fair: ['report-fault', 'respond'],
      prelude: nested(0, 1),
    },
  };
  Object.assign(
    drafts,
    capabilitySetups(devices),
    softwareSetups(),
    platform === 'intel' ? mediatedSetups() : {},
  );
  return new Map(
    Object.entries(drafts).map(([id, draft]) => [id as SetupId, { id, ...draft } satisfies Setup]),
  );
}
