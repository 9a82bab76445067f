/** Numbers: what they are asked for (SET_HWID_MODE), which of them a space has (SET_HWID), and what the CPU makes of them. */
import { hasPasids, hasWire } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { fitsPasid, type Ground, traitsOf } from '../setup.ts';
import { isWireFree } from '../slots.ts';
import * as rules from './rules.ts';
import { leavePasid } from './slots.ts';
import { whyNotReach } from './spaces.ts';

const SCENARIOS = 'SET <MWHPR11MB1886E22D03B14EE0D5725CE08C539@...>';
const REFCOUNT = 'SET <20210331173148.GN1463678@...>';

/** A device, or the MSR of a process, has the number. */
function isUsed(state: DesignState, ground: Ground, wire: number): boolean {
  if (state.msr.get() === wire) return true;
  return ground.devices.some(
    (device) =>
      state.defPasid.get(device) === wire ||
      state.sva.get(device) === wire ||
      hasWire(state, ground, device, wire),
  );
}

/** Nobody uses it, but KVM may still make the CPU emit it, or a submission is under way. */
function isEmitted(state: DesignState, wire: number): boolean {
  return state.cpuMap.includes(wire) || state.inFlight.has(wire) || state.parked.has(wire);
}

function isHeld(state: DesignState, ground: Ground, wire: number): boolean {
  return isUsed(state, ground, wire) || isEmitted(state, wire);
}

/** The number that stands for a local one in this VM. */
function globalOf(state: DesignState, ground: Ground, pasid: number): number | undefined {
  const known = state.cpuMap.get(pasid);
  if (known !== undefined) return known;
  return ground.devices
    .filter((device) => traitsOf(ground, device).enqcmd)
    .map((device) => state.wire.get(device, pasid))
    .find((wire) => wire !== undefined);
}

type Choice = Readonly<{ device: number; pasid: number; wire: number }>;

/** Which number of the bus a mediated device may get: one of its RID, or with ENQCMD one that was asked for as global. */
function whyNotNumber(
  state: DesignState,
  ground: Ground,
  { device, pasid, wire }: Choice,
): Refusal | undefined {
  const { rid, enqcmd } = traitsOf(ground, device);
  if (!enqcmd) {
    const free = isWireFree(state, ground, rid, wire) && !state.global.has(wire) && !isEmitted(state, wire);
    return free ? undefined : rules.NUMBER_TAKEN;
  }
  if (!state.global.has(wire)) return rules.NOT_GLOBAL;
  const known = globalOf(state, ground, pasid);
  if (known !== undefined && known !== wire) return rules.OTHER_GLOBAL;
  const foreign = known === undefined && isHeld(state, ground, wire);
  return foreign || !isWireFree(state, ground, rid, wire) ? rules.NUMBER_TAKEN : undefined;
}

export const pasidCommands: readonly DesignCommand[] = [
  command('alloc-pasid', {
    name: 'IOASID_SET_HWID_MODE(LOCAL), IOASID_SET_HWID',
    on: 'iommu',
    source: SCENARIOS,
    mentions: ['ppasid'],
    // A mediated device gets another number in any case, so that none is asked for ahead.
    decide: (state, { wire }, ground) => {
      if (!ground.traits.some(({ kind }) => kind === 'pdev')) return rules.NO_OWN_RID;
      return state.allocated.has(wire) || isHeld(state, ground, wire)
        ? rules.NUMBER_TAKEN
        : [{ type: 'PasidAllocated', pasid: wire, global: false }];
    },
  }),
  command('alloc-global-pasid', {
    name: 'IOASID_SET_HWID_MODE(GLOBAL), IOASID_HWID_SET_GLOBAL_MIN, IOASID_SET_HWID',
    on: 'iommu',
    source: SCENARIOS,
    mentions: ['ppasid'],
    decide: (state, { wire }, ground) =>
      state.allocated.has(wire) || state.taken.has(wire) || isHeld(state, ground, wire)
        ? rules.NUMBER_TAKEN
        : [
            { type: 'PasidAllocated', pasid: wire, global: true },
            { type: 'PasidRevealed', pasid: wire },
          ],
  }),
  command('free-pasid', {
    name: 'free of a number',
    on: 'iommu',
    source: `${REFCOUNT}: it is not given out again before KVM, devices and IOMMU dropped it`,
    mentions: ['ppasid'],
    decide: (state, { wire }, ground) => {
      if (!state.allocated.has(wire)) return rules.NO_NUMBER;
      if (isUsed(state, ground, wire)) return rules.NUMBER_USED;
      const freed: DesignEvent = { type: 'PasidFreed', pasid: wire };
      return isEmitted(state, wire) ? [freed, { type: 'PasidParked', pasid: wire }] : [freed];
    },
  }),
  command('attach-pasid', {
    name: 'ATTACH_IOASID_PASID, IOASID_SET_HWID',
    on: 'device',
    source: `${SCENARIOS}: scenario 2, kept as it is`,
    mentions: ['vpasid'],
    decide: (state, { device, space, pasid }, ground) => {
      const refused = whyNotReach(state, device, space);
      if (refused !== undefined) return refused;
      const { kind, rid } = traitsOf(ground, device);
      if (kind !== 'pdev') return rules.IS_MEDIATED;
      if (!hasPasids(ground, device)) return rules.NO_PASIDS;
      if (!fitsPasid(ground, device, pasid)) return rules.BEYOND_WIDTH;
      if (state.delegated.has(rid)) return rules.GUEST_TABLE;
      if (state.global.has(pasid)) return rules.NOT_LOCAL;
      if (!isWireFree(state, ground, rid, pasid)) return rules.LOCAL_TAKEN;
      return [
        { type: 'PasidAttached', device, space, pasid, wire: pasid },
        { type: 'SlotRouted', rid, pasid, space },
      ];
    },
  }),
  command('attach-vpasid', {
    name: 'ATTACH_IOASID_PASID, IOASID_SET_HWID',
    on: 'device',
    source: `${SCENARIOS}: scenarios 2 and 3, another number is answered`,
    mentions: ['vpasid', 'ppasid'],
    decide: (state, { device, space, pasid, wire }, ground) => {
      const refused = whyNotReach(state, device, space);
      if (refused !== undefined) return refused;
      const { kind, rid } = traitsOf(ground, device);
      if (kind !== 'mdev') return rules.NOT_MEDIATED;
      if (!hasPasids(ground, device)) return rules.NO_PASIDS;
      if (state.global.has(pasid)) return rules.NOT_LOCAL;
      if (state.attachedAt.get(device, pasid) !== undefined) return rules.LOCAL_TAKEN;
      return (
        whyNotNumber(state, ground, { device, pasid, wire }) ?? [
          { type: 'PasidAttached', device, space, pasid, wire },
          { type: 'SlotRouted', rid, pasid: wire, space },
        ]
      );
    },
  }),
  command('detach-pasid', {
    name: 'detach at a PASID',
    on: 'device',
    source: SCENARIOS,
    mentions: ['vpasid'],
    decide: (state, { device, pasid }, ground) =>
      state.attachedAt.get(device, pasid) === undefined
        ? rules.NOT_ATTACHED
        : leavePasid(state, ground, device, pasid),
  }),
  command('enable-translation', {
    name: 'KVM turns PASID translation on',
    on: 'kvm',
    source: `${REFCOUNT}: the table of the CPU is off unless asked for`,
    decide: (state) => (state.translation.get() ? rules.TRANSLATION_ON : [{ type: 'TranslationEnabled' }]),
  }),
  command('cpu-map', {
    name: 'KVM_SET_PASID_MAPPING',
    on: 'kvm',
    source: `${SCENARIOS}: local and global number, both from the VMM`,
    mentions: ['vpasid', 'ppasid'],
    decide: (state, { pasid, space, device }) => {
      const wire = state.wire.get(device, pasid);
      if (state.cpuMap.get(pasid) !== undefined) return rules.CPU_MAPPED;
      if (wire === undefined || !state.global.has(wire) || state.attachedAt.get(device, pasid) !== space)
        return rules.NOT_GLOBAL;
      return [{ type: 'CpuMapSet', pasid, wire }];
    },
  }),
  command('cpu-unmap', {
    name: 'KVM_SET_PASID_MAPPING, cleared',
    on: 'kvm',
    source: SCENARIOS,
    mentions: ['vpasid'],
    decide: (state, { pasid }, ground) => {
      const wire = state.cpuMap.get(pasid);
      if (wire === undefined) return rules.CPU_UNMAPPED;
      const others = ground.pasids.some((other) => other !== pasid && state.cpuMap.get(other) === wire);
      const released = state.parked.has(wire) && !others && !state.inFlight.has(wire);
      const cleared: DesignEvent = { type: 'CpuMapCleared', pasid };
      return released ? [cleared, { type: 'PasidReleased', pasid: wire }] : [cleared];
    },
  }),
];
