/** Small worlds of devices that differ, of what is told of them, of processes, and of a guest that moved. */
import { pdev, type SetupDraft, type SetupStep } from './setup.ts';

/** One context, to which these devices are bound. */
function bound(...devices: readonly number[]): SetupStep[] {
  return [
    ['open-context', 0],
    ...devices.flatMap((device): SetupStep[] => [
      ['open-device', device],
      ['bind', device, 0],
    ]),
  ];
}

type CapabilitySetupId = 'capabilities' | 'widths' | 'reports' | 'mixed-group' | 'processes' | 'migration';

/** `devices`: how many a process may bind. */
export function capabilitySetups(devices: number): Readonly<Record<CapabilitySetupId, SetupDraft>> {
  return {
    capabilities: {
      says: 'three bound devices: one that can do all, one whose DMA cannot be made to snoop, one with a smaller address width',
      devices: [pdev(0), pdev(1, { forceSnoop: false }), pdev(2, { narrow: true })],
      contexts: 1,
      spaces: 2,
      pasids: 1,
      pages: 2,
      verbs: ['alloc', 'alloc-enforced', 'destroy', 'attach', 'detach', 'map', 'unmap'],
      prelude: bound(0, 1, 2),
    },
    widths: {
      says: 'a device with PASIDs, one with fewer bits and one without, bound to a context or to a process',
      devices: [pdev(0), pdev(1, { fewPasids: true }), pdev(2, { pasid: false })],
      contexts: 1,
      spaces: 1,
      pasids: 2,
      pages: 1,
      verbs: [
        'open-device',
        'close-device',
        'bind',
        'alloc',
        'alloc-enforced',
        'destroy',
        'attach-pasid',
        'detach-pasid',
        'alloc-pasid',
        'alloc-global-pasid',
        'bind-process',
        'unbind-process',
      ],
      prelude: [['open-context', 0]],
    },
    reports: {
      says: 'what is told of devices behind two IOMMUs: PASIDs in both, in one of both, in neither',
      devices: [
        pdev(0),
        pdev(1, { pasid: false }),
        pdev(2, { iommu: 1, iommuPasid: false }),
        pdev(3, { iommu: 1, iommuPasid: false, pasid: false }),
      ],
      contexts: 1,
      spaces: 1,
      pasids: 1,
      pages: 1,
      verbs: ['open-context', 'close-context', 'open-device', 'close-device', 'bind', 'freeze-viommu'],
      prelude: [['open-context', 0]],
    },
    'mixed-group': {
      says: 'two bound devices of one group, one of which has no PASIDs, and one alone that has them',
      devices: [pdev(0), pdev(1, { group: 0, pasid: false }), pdev(2)],
      contexts: 1,
      spaces: 2,
      pasids: 1,
      pages: 1,
      verbs: [
        'alloc',
        'alloc-enforced',
        'alloc-automatic',
        'alloc-table',
        'destroy',
        'attach',
        'detach',
        'attach-pasid',
        'attach-vpasid',
        'detach-pasid',
      ],
      prelude: bound(0, 1, 2),
    },
    processes: {
      says: 'devices that one process is bound to, and numbers that others take',
      devices: Array.from({ length: devices }, (_, device) => pdev(device)),
      contexts: 1,
      spaces: 1,
      pasids: 2,
      pages: 1,
      verbs: [
        'alloc-pasid',
        'alloc-global-pasid',
        'free-pasid',
        'bind-process',
        'unbind-process',
        'others-take',
      ],
      prelude: [['open-context', 0]],
    },
    migration: {
      says: 'a device with PASIDs on the host that a guest has come to, where others use numbers too',
      devices: [pdev(0)],
      contexts: 1,
      spaces: 1,
      pasids: 3,
      pages: 1,
      verbs: [
        'alloc',
        'alloc-enforced',
        'destroy',
        'attach',
        'detach',
        'attach-pasid',
        'attach-vpasid',
        'detach-pasid',
        'alloc-pasid',
        'alloc-global-pasid',
        'free-pasid',
        'others-take',
      ],
      prelude: bound(0),
    },
  };
}
