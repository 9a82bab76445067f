/** Devices join a descriptor, and leave it when they are closed. */
import { hasPasids } from '../attachments.ts';
import { closeContext, endContexts } from '../contexts.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand, type Refusal } from '../proposal.ts';
import { fitsPasid, type Ground, traitsOf } from '../setup.ts';
import { blockGroup, boundMates, isViable, isWireFree, releaseGroup } from '../slots.ts';
import * as rules from './rules.ts';
import { freed, leaveAll } from './slots.ts';

function whyNotJoin(
  state: DesignState,
  ground: Ground,
  device: number,
  context: number,
): Refusal | undefined {
  if (state.device.get(device) === 'bound') return rules.ALREADY_JOINED;
  if (state.device.get(device) !== 'open') return rules.NOT_OPEN;
  if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
  const mates = boundMates(state, ground, device);
  const elsewhere = mates.some((mate) => state.boundTo.get(mate) !== context);
  return elsewhere || !isViable(state, ground, device) ? rules.OTHER_OWNER : undefined;
}

function closeEvents(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  if (state.boundTo.get(device) === undefined) return [{ type: 'DeviceClosed', device }];
  const last = boundMates(state, ground, device).length === 0 && traitsOf(ground, device).kind === 'pdev';
  return [
    ...leaveAll(state, ground, device),
    { type: 'DeviceClosed', device },
    ...(last ? releaseGroup(ground, device) : []),
    ...endContexts(state, ground, device, (space) => freed(state, ground, space)),
  ];
}

export const deviceCommands: readonly DesignCommand[] = [
  command('close-context', {
    name: 'close ioasid',
    on: 'iommu',
    source: 'SET <20210331173148.GN1463678@...>: what devices hold lives until they let go [D]',
    decide: (state, { context }, ground) => {
      if (!state.contextOpen.has(context)) return rules.NO_CONTEXT;
      return closeContext(state, ground, context, (space) => freed(state, ground, space));
    },
  }),
  command('bind', {
    name: 'JOIN',
    on: 'device',
    source: 'SET <20210421230301.GP1370958@...>: devices of a group are on one descriptor, or not in use',
    decide: (state, { device, context }, ground) => {
      const { kind } = traitsOf(ground, device);
      if (kind === 'mdev') return rules.IS_MEDIATED;
      const refused = whyNotJoin(state, ground, device, context);
      if (refused !== undefined) return refused;
      const first = kind === 'pdev' && boundMates(state, ground, device).length === 0;
      return [{ type: 'DeviceBound', device, context }, ...(first ? blockGroup(ground, device) : [])];
    },
  }),
  command('bind-mdev', {
    name: 'JOIN',
    on: 'device',
    source:
      'SET <MWHPR11MB1886E22D03B14EE0D5725CE08C539@...>: a mediated device has a number for its default space',
    decide: (state, { device, context, wire }, ground) => {
      const { kind, rid } = traitsOf(ground, device);
      if (kind !== 'mdev') return rules.NOT_MEDIATED;
      if (!isWireFree(state, ground, rid, wire) || state.global.has(wire) || state.cpuMap.includes(wire))
        return rules.NUMBER_TAKEN;
      return (
        whyNotJoin(state, ground, device, context) ?? [
          { type: 'DeviceBound', device, context },
          { type: 'DefaultPasidTaken', device, wire },
        ]
      );
    },
  }),
  command('close-device', {
    name: 'close device',
    on: 'device',
    source: 'SET <20210331173148.GN1463678@...>',
    decide: (state, { device }, ground) =>
      state.device.get(device) === 'closed' ? rules.NOT_OPEN : closeEvents(state, ground, device),
  }),
  command('bind-process', {
    name: 'bind of a process at its PASID',
    on: 'device',
    source: 'SET Ashok Raj, 5 and 7 May 2021',
    decide: (state, { device, wire }, ground) =>
      whyNotProcess(state, ground, device, wire) ?? [
        { type: 'ProcessBound', device, wire, loads: state.global.has(wire) },
      ],
  }),
  command('unbind-process', {
    name: 'unbind of a process',
    on: 'device',
    source: 'SET Ashok Raj, 5 and 7 May 2021',
    decide: (state, { device }) =>
      state.process.has(device) ? [{ type: 'ProcessUnbound', device }] : rules.PROCESS_UNBOUND,
  }),
];

/** A number of one device is not used on another, and never sent by ENQCMD. */
function whyNotProcess(
  state: DesignState,
  ground: Ground,
  device: number,
  wire: number,
): Refusal | undefined {
  const { pri, rid } = traitsOf(ground, device);
  if (!hasPasids(ground, device) || !pri) return rules.NOT_FOR_PROCESS;
  if (!fitsPasid(ground, device, wire)) return rules.BEYOND_WIDTH;
  if (state.process.has(device)) return rules.PROCESS_BOUND;
  if (!state.allocated.has(wire)) return rules.NO_NUMBER;
  const known = state.msr.get();
  const bound = ground.devices.filter((other) => state.process.has(other));
  if (bound.some((other) => state.sva.get(other) !== wire) || (known !== undefined && known !== wire))
    return rules.OTHER_NUMBER;
  if (!state.global.has(wire) && bound.length > 0) return rules.LOCAL_ELSEWHERE;
  return isWireFree(state, ground, rid, wire) ? undefined : rules.LOCAL_TAKEN;
}
