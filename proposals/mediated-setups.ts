/** Small worlds with mediated devices: those of Intel's scalable IOV, and those that only software isolates. */
import { mdev, type PreludeStep, parentOf, pdev, type SetupDraft, type SetupStep, swmdev } from './setup.ts';
import type { Verb } from './verb.ts';

const PLAIN: readonly Verb[] = ['alloc', 'alloc-enforced'];
const PASIDS: readonly Verb[] = ['attach-vpasid', 'detach-pasid'];
/** What some proposals need before a number can be attached at all. */
const NUMBERS: readonly Verb[] = ['alloc-pasid', 'alloc-global-pasid', 'free-pasid'];
const ENQCMD = { enqcmd: true };

/** A space of the kernel's, as the proposal makes them. */
function plainSpace(space: number): PreludeStep {
  return {
    anyOf: [
      ['alloc', space, 0],
      ['alloc-enforced', space, 0],
    ],
  };
}

/** One context, and each of these devices bound to it, with the number of its default address space. */
function bound(...devices: readonly (readonly [device: number, wire: number])[]): SetupStep[] {
  return [
    ['open-context', 0],
    ...devices.flatMap(([device, wire]): SetupStep[] => [
      ['open-device', device],
      ['bind-mdev', device, 0, wire],
    ]),
  ];
}

/** Setups in which several devices share a RID, which no platform but Intel has. */
export function mediatedSetups() {
  return {
    mediated: {
      says: 'two mediated devices of one parent',
      devices: [parentOf(0), mdev(1, 0), mdev(2, 0)],
      // The second is never opened: nothing can be bound to it.
      contexts: 2,
      spaces: 2,
      pasids: 3,
      pages: 1,
      verbs: [
        'open-device',
        'bind-mdev',
        'close-device',
        ...PLAIN,
        'destroy',
        'attach',
        'detach',
        ...PASIDS,
        ...NUMBERS,
      ],
      prelude: [['open-context', 0]],
    },
    parents: {
      says: 'two mediated devices, each of a parent of its own',
      devices: [parentOf(0), parentOf(1), mdev(2, 0), mdev(3, 1)],
      contexts: 1,
      spaces: 2,
      pasids: 3,
      pages: 1,
      verbs: [...PLAIN, 'destroy', ...PASIDS, ...NUMBERS],
      prelude: bound([2, 0], [3, 0]),
    },
    enqcmd: {
      says: 'two mediated devices of one parent, both with ENQCMD',
      devices: [parentOf(0), mdev(1, 0, ENQCMD), mdev(2, 0, ENQCMD)],
      contexts: 1,
      spaces: 2,
      pasids: 4,
      pages: 1,
      verbs: [...PLAIN, 'destroy', ...PASIDS, ...NUMBERS],
      prelude: bound([1, 0], [2, 1]),
    },
    'enqcmd-parents': {
      says: 'two mediated devices with ENQCMD, each of a parent of its own',
      devices: [parentOf(0), parentOf(1), mdev(2, 0, ENQCMD), mdev(3, 1, ENQCMD)],
      contexts: 1,
      spaces: 2,
      pasids: 4,
      pages: 1,
      verbs: [...PLAIN, 'destroy', ...PASIDS, ...NUMBERS],
      prelude: bound([2, 0], [3, 1]),
    },
    portal: {
      says: 'a mediated device and one with a RID of its own, both with ENQCMD, in one guest',
      devices: [parentOf(0), mdev(1, 0, ENQCMD), pdev(2, ENQCMD)],
      contexts: 1,
      spaces: 1,
      pasids: 2,
      pages: 1,
      verbs: ['enable-translation', 'open-portal', 'open-device', 'bind', 'bind-mdev', 'close-device'],
      prelude: [
        ['open-context', 0],
        ['open-device', 1],
        ['bind-mdev', 1, 0, 0],
        ['open-device', 2],
        ['bind', 2, 0],
      ],
    },
    cpu: {
      says: 'a mediated device with ENQCMD, the translation of the CPU, and submissions under way',
      devices: [parentOf(0), mdev(1, 0, ENQCMD)],
      contexts: 1,
      spaces: 2,
      pasids: 3,
      pages: 1,
      verbs: [...PASIDS, ...NUMBERS, 'open-portal', 'cpu-map', 'cpu-unmap', 'cpu-submits', 'cpu-drains'],
      prelude: [...bound([1, 0]), plainSpace(0), plainSpace(1), ['enable-translation']],
    },
  } satisfies Readonly<Record<string, SetupDraft>>;
}

/** Setups with devices of which nothing is in the IOMMU. */
export function softwareSetups() {
  return {
    software: {
      says: 'a device that its driver isolates by software, and the device of the host that helps it',
      devices: [parentOf(0), swmdev(1, 0)],
      contexts: 1,
      spaces: 2,
      pasids: 1,
      pages: 1,
      verbs: [
        'open-device',
        'close-device',
        'bind',
        ...PLAIN,
        'alloc-shadow',
        'alloc-user',
        'alloc-table',
        'create-nesting',
        'bind-table',
        'unbind-table',
        'destroy',
        'attach',
        'detach',
        'attach-pasid',
        'detach-pasid',
        'probe-driver',
        'release-driver',
      ],
      prelude: [['open-context', 0]],
    },
  } satisfies Readonly<Record<string, SetupDraft>>;
}
