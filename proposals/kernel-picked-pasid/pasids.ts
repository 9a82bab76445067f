/** Attach with a PASID that the kernel picks, and detach. */
import { hasPasids } from '../attachments.ts';
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { command, type DesignCommand } from '../proposal.ts';
import { fitsPasid, type Ground, traitsOf } from '../setup.ts';
import { isLive, isWireFree } from '../slots.ts';
import * as rules from './rules.ts';

export const attachPasid: DesignCommand = command('attach-pasid', {
  name: 'attach, PASID returned',
  on: 'device',
  source: '<20210923133037.GP964074@nvidia.com>',
  mentions: ['ppasid'],
  // `pasid` is the kernel's choice: every free number is one way in which the command can go.
  decide: (state, { device, space, pasid }, ground) => {
    if (state.device.get(device) !== 'bound') return rules.NOT_BOUND;
    if (!hasPasids(ground, device)) return rules.NO_PASIDS;
    const { rid } = traitsOf(ground, device);
    if (!isLive(state, space) || state.home.get(space) !== state.boundTo.get(device)) return rules.NO_SPACE;
    if (!fitsPasid(ground, device, pasid)) return rules.BEYOND_WIDTH;
    if (!isWireFree(state, ground, rid, pasid)) return rules.NO_NUMBER;
    return [
      { type: 'PasidAttached', device, space, pasid, wire: pasid },
      { type: 'SlotRouted', rid, pasid, space },
      { type: 'PasidRevealed', pasid },
    ];
  },
});

export const detachPasid: DesignCommand = command('detach-pasid', {
  name: 'detach of a PASID',
  on: 'device',
  source: '<20210923133037.GP964074@nvidia.com>',
  mentions: ['ppasid'],
  decide: (state, { device, pasid }, ground) =>
    state.attachedAt.get(device, pasid) === undefined ? rules.NOT_ATTACHED : detached(ground, device, pasid),
});

/** Everything that a device has at a PASID goes before the device itself. */
export function detachAll(state: DesignState, ground: Ground, device: number): DesignEvent[] {
  return ground.pasids
    .filter((pasid) => state.attachedAt.get(device, pasid) !== undefined)
    .flatMap((pasid) => detached(ground, device, pasid));
}

function detached(ground: Ground, device: number, pasid: number): DesignEvent[] {
  return [
    { type: 'PasidDetached', device, pasid },
    { type: 'SlotBlocked', rid: traitsOf(ground, device).rid, pasid },
  ];
}
