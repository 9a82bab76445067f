/** Commands with a user PASID, and the PASID translation of the CPU (V1 section 4, 5.5). */
import { hasPasids, hasWire, isHeldByPasid, isOnlyWay, isWireUnused } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { fitsPasid, type Ground, traitsOf } from '../setup.ts';
import { isWireFree } from '../slots.ts';
import { activate, detachPasidEvents } from './attach.ts';
import { whyNotReach } from './devices.ts';
import * as rules from './rules.ts';

/** The number that an IOASID has got for ENQCMD: ioasid_get_global_pasid() keeps it. */
function globalNumber(state: DesignState, ground: Ground, space: number): number | undefined {
  for (const device of ground.devices) {
    if (!isSubmitter(ground, device)) continue;
    for (const pasid of ground.pasids)
      if (state.attachedAt.get(device, pasid) === space) return state.wire.get(device, pasid);
  }
  return undefined;
}

/** A mediated device whose guest may use ENQCMD: its numbers are global, for the CPU has one table for the VM. */
function isSubmitter(ground: Ground, device: number): boolean {
  const { kind, enqcmd } = traitsOf(ground, device);
  return kind === 'mdev' && enqcmd;
}

function mayPick(state: DesignState, ground: Ground, device: number, space: number, wire: number): boolean {
  const { rid } = traitsOf(ground, device);
  if (!isSubmitter(ground, device)) return isWireFree(state, ground, rid, wire) && !state.allocated.has(wire);
  const known = globalNumber(state, ground, space);
  if (known === undefined) return isWireUnused(state, ground, wire);
  return known === wire && !hasWire(state, ground, device, wire);
}

function whyNotPasid(
  state: DesignState,
  ground: Ground,
  device: number,
  space: number,
  pasid: number,
): Refusal | undefined {
  const refused = whyNotReach(state, ground, device, space);
  if (refused !== undefined) return refused;
  if (!hasPasids(ground, device)) return rules.NO_PASID;
  if (!fitsPasid(ground, device, pasid)) return rules.BEYOND_WIDTH;
  return state.attachedAt.get(device, pasid) === undefined ? undefined : rules.SLOT_TAKEN;
}

export const PASID_COMMANDS: readonly DesignCommand[] = [
  command('attach-pasid', {
    name: 'VFIO_ATTACH_IOASID with IOASID_ATTACH_USER_PASID',
    on: 'device',
    source: 'V1 section 4, 5.5: on a device with a RID of its own the number is used as it is',
    mentions: ['vpasid'],
    decide: (state, { device, space, pasid }, ground) => {
      const refused = whyNotPasid(state, ground, device, space, pasid);
      if (refused !== undefined) return refused;
      const { kind, rid } = traitsOf(ground, device);
      if (kind !== 'pdev') return rules.IS_MEDIATED;
      // 5.7: with the guest's PASID table bound the kernel records it and writes nothing.
      const routed: DesignEvent[] = state.delegated.has(rid)
        ? []
        : [{ type: 'SlotRouted', rid, pasid, space }];
      return [
        { type: 'PasidAttached', device, space, pasid, wire: pasid },
        ...activate(state, space),
        ...routed,
      ];
    },
  }),
  command('attach-vpasid', {
    name: 'VFIO_ATTACH_IOASID with IOASID_ATTACH_USER_PASID',
    on: 'device',
    source: 'V1 section 4: from the pool of the RID, or from the global one with ENQCMD',
    mentions: ['vpasid'],
    decide: (state, { device, space, pasid, wire }, ground) => {
      const refused = whyNotPasid(state, ground, device, space, pasid);
      if (refused !== undefined) return refused;
      const { kind, rid } = traitsOf(ground, device);
      if (kind !== 'mdev') return rules.NOT_MEDIATED;
      if (!mayPick(state, ground, device, space, wire)) return rules.WIRE_TAKEN;
      const fresh = isSubmitter(ground, device) && !state.allocated.has(wire);
      return [
        ...(fresh ? [{ type: 'PasidAllocated', pasid: wire, global: true } as const] : []),
        { type: 'PasidAttached', device, space, pasid, wire },
        ...activate(state, space),
        { type: 'SlotRouted', rid, pasid: wire, space },
      ];
    },
  }),
  command('detach-pasid', {
    name: 'VFIO_DETACH_IOASID with IOASID_ATTACH_USER_PASID',
    on: 'device',
    source: 'V1 section 2',
    mentions: ['vpasid'],
    decide: (state, { device, pasid }, ground) => {
      const space = state.attachedAt.get(device, pasid);
      if (space === undefined) return rules.NOT_ATTACHED;
      const holdsChild = ground.spaces.some(
        (child) => state.parent.get(child) === space && isHeldByPasid(state, ground, device, child),
      );
      if (holdsChild && isOnlyWay(state, ground, device, pasid)) return rules.CHILD_ATTACHED;
      return detachPasidEvents(state, ground, device, pasid);
    },
  }),
  command('enable-translation', {
    name: 'KVM turns PASID translation on',
    on: 'kvm',
    source:
      'V1 section 4: one switch for a VM; that two kinds of device exclude each other is left to the user',
    decide: (state) => (state.translation.get() ? rules.TRANSLATION_ON : [{ type: 'TranslationEnabled' }]),
  }),
  command('cpu-map', {
    name: 'KVM_MAP_PASID',
    on: 'kvm',
    source: 'V1 section 2, 5.5',
    mentions: ['vpasid'],
    decide: (state, { pasid, space, device }, ground) => {
      if (state.cpuMap.get(pasid) !== undefined) return rules.CPU_MAPPED;
      const wire = state.wire.get(device, pasid);
      if (!isSubmitter(ground, device) || state.attachedAt.get(device, pasid) !== space || wire === undefined)
        return rules.NO_GLOBAL;
      return [{ type: 'CpuMapSet', pasid, wire }];
    },
  }),
  command('cpu-unmap', {
    name: 'KVM_UNMAP_PASID',
    on: 'kvm',
    source: 'V1 section 2',
    mentions: ['vpasid'],
    decide: (state, { pasid }) =>
      state.cpuMap.get(pasid) === undefined ? rules.CPU_UNMAPPED : [{ type: 'CpuMapCleared', pasid }],
  }),
  command('open-portal', {
    name: 'map the portal into the guest',
    on: 'vmm',
    source: 'V1 section 4 [D]: nothing keeps it closed until translation is on',
    decide: (state, { device }, ground) => {
      if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
      return traitsOf(ground, device).enqcmd && !state.portal.has(device)
        ? [{ type: 'PortalOpened', device }]
        : rules.NO_ENQCMD;
    },
  }),
];
