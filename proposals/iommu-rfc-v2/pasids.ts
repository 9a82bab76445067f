/** Address spaces that are reached with a vPASID, and what KVM and the CPU know of it. */
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { fitsPasid, type Ground, traitsOf } from '../setup.ts';
import { isWireFree } from '../slots.ts';
import { detachPasidEvents, isNumberFree, numberInVm } from './numbers.ts';
import { canName, hasPasidCap, isCompatible, isDelegated, isReachable } from './reach.ts';
import * as rules from './rules.ts';

/** What holds for every attach with IOASID_ATTACH_VPASID. */
function attachRefusal(
  state: DesignState,
  ground: Ground,
  { device, space, pasid }: Readonly<{ device: number; space: number; pasid: number }>,
): Refusal | undefined {
  if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
  if (!hasPasidCap(ground, device)) return rules.NO_PASIDS;
  if (!fitsPasid(ground, device, pasid)) return rules.BEYOND_WIDTH;
  if (isDelegated(ground, device)) return rules.TABLE_DELEGATED;
  if (!canName(state, device, space)) return rules.NO_SPACE;
  if (state.space.get(space) === 'root') return rules.ACCOUNTING_ONLY;
  if (state.space.get(space) === 'table') return rules.NOT_ONE_SPACE;
  if (state.attachedAt.get(device, pasid) !== undefined) return rules.VPASID_USED;
  return isCompatible(state, ground, device, space) ? undefined : rules.INCOMPATIBLE;
}

/** Why a number cannot stand for a vPASID of a mediated device. */
function numberRefusal(
  state: DesignState,
  ground: Ground,
  { device, space, pasid, wire }: Readonly<{ device: number; space: number; pasid: number; wire: number }>,
): Refusal | undefined {
  const { rid } = traitsOf(ground, device);
  const known = numberInVm(state, ground, device, pasid);
  if (known === undefined) return isNumberFree(state, ground, device, wire) ? undefined : rules.NUMBER_USED;
  if (known !== wire) return rules.OTHER_NUMBER;
  // A sibling in the same VM: V2 gives both the same (RID, pPASID), which V2T found to be wrong.
  const there = state.pasidRoute.get(rid, wire);
  if (there === undefined) return isWireFree(state, ground, rid, wire) ? undefined : rules.NUMBER_USED;
  return there === space ? undefined : rules.SLOT_DIFFERS;
}

function isExposed(state: DesignState, ground: Ground, kind: 'pdev' | 'mdev'): boolean {
  return ground.devices.some((device) => state.portal.has(device) && traitsOf(ground, device).kind === kind);
}

const ATTACH = { name: 'VFIO_ATTACH_IOASID with a vPASID', on: 'device', mentions: ['vpasid'] } as const;

export const pasidCommands: readonly DesignCommand[] = [
  command('attach-pasid', {
    ...ATTACH,
    source: 'V2 1.4.1, 2.2: types 5 and 7',
    decide: (state, args, ground) => {
      const { device, space, pasid } = args;
      const { kind, rid } = traitsOf(ground, device);
      if (kind !== 'pdev') return rules.WRONG_KIND;
      const refusal = attachRefusal(state, ground, args);
      if (refusal !== undefined) return refusal;
      return [
        { type: 'PasidAttached', device, space, pasid, wire: pasid },
        { type: 'SlotRouted', rid, pasid, space },
      ];
    },
  }),
  command('attach-vpasid', {
    ...ATTACH,
    source: 'V2 1.4.1, 1.4.2: types 6 and 8',
    decide: (state, args, ground) => {
      const { device, space, pasid, wire } = args;
      const { kind, rid } = traitsOf(ground, device);
      if (kind !== 'mdev') return rules.WRONG_KIND;
      const refusal = attachRefusal(state, ground, args) ?? numberRefusal(state, ground, args);
      if (refusal !== undefined) return refusal;
      return [
        { type: 'PasidAttached', device, space, pasid, wire },
        { type: 'SlotRouted', rid, pasid: wire, space },
      ];
    },
  }),
  command('detach-pasid', {
    name: 'VFIO_DETACH_IOASID with a vPASID',
    on: 'device',
    source: 'V2 2.2',
    mentions: ['vpasid'],
    decide: (state, { device, pasid }, ground) =>
      state.attachedAt.get(device, pasid) === undefined
        ? rules.NOT_ATTACHED
        : detachPasidEvents(state, ground, device, pasid),
  }),
  command('enable-translation', {
    name: 'KVM_CAP_PASID_TRANSLATION',
    on: 'kvm',
    source: 'V2 1.4.3, 1.4.4: the VMM compares PASID_CPU_VIRT of its devices first',
    decide: (state, _, ground) => {
      if (state.translation.get()) return rules.IS_TRANSLATING;
      return isExposed(state, ground, 'pdev') ? rules.CPU_VIRT_DIFFERS : [{ type: 'TranslationEnabled' }];
    },
  }),
  command('open-portal', {
    name: 'give the guest the command portal',
    on: 'vmm',
    source: 'V2 1.4.2, 1.4.3',
    decide: (state, { device }, ground) => {
      if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
      const { enqcmd, kind } = traitsOf(ground, device);
      if (!enqcmd || state.portal.has(device)) return rules.NO_PORTAL;
      if (kind === 'mdev' && !state.translation.get()) return rules.NOT_TRANSLATING;
      if (kind === 'pdev' && state.translation.get()) return rules.CPU_VIRT_DIFFERS;
      return [{ type: 'PortalOpened', device }];
    },
  }),
  command('cpu-map', {
    name: 'KVM_MAP_PASID',
    on: 'kvm',
    source: 'V2 2.3: the number is looked up by {iommu_fd, ioasid}',
    mentions: ['vpasid'],
    decide: (state, { pasid, space, device }) => {
      if (!isReachable(state, space)) return rules.NO_SPACE;
      if (state.cpuMap.get(pasid) !== undefined) return rules.IS_MAPPED;
      const wire = state.wire.get(device, pasid);
      if (wire === undefined || state.attachedAt.get(device, pasid) !== space) return rules.NO_NUMBER;
      if (!state.translation.get()) return rules.NOT_TRANSLATING;
      return [{ type: 'CpuMapSet', pasid, wire }];
    },
  }),
  command('cpu-unmap', {
    name: 'KVM_UNMAP_PASID',
    on: 'kvm',
    source: 'V2 2.3',
    mentions: ['vpasid'],
    decide: (state, { pasid }) =>
      state.cpuMap.get(pasid) === undefined ? rules.NO_NUMBER : [{ type: 'CpuMapCleared', pasid }],
  }),
];
