/** What happens around every proposal in the same way: descriptors are opened, guests write tables, devices do DMA. */
import { translates } from './design-hardware.ts';
import type { DesignState, SpaceState } from './design-state.ts';
import { command, type DesignCommand, type Refusal } from './proposal.ts';
import { type Ground, traitsOf } from './setup.ts';

const SOURCE = 'PCI, ATS and PRI; the same for every proposal';

/** Steps of the world that cannot happen now. */
function cannot(rule: string, says: string): Refusal {
  return { rule: `world/${rule}`, errno: undefined, says, source: SOURCE };
}

const IS_OPEN = cannot('open', 'is open already');
const HAS_DRIVER = cannot('driver', 'the host’s own driver has the device');
const NO_DRIVER = cannot('no-driver', 'the host has no driver on it');
const NO_TABLE = cannot('no-table', 'the guest has no table of its own there');
const NO_CHANGE = cannot('no-change', 'it is so already');
const NO_ROUTE = cannot('no-route', 'its DMA is not translated');
const NO_FAULT = cannot('no-fault', 'no page request waits for the kernel');
const NO_PORTAL = cannot(
  'no-portal',
  'no device takes its submissions, or the CPU has no number for this one',
);
const NOT_IN_FLIGHT = cannot('not-in-flight', 'no submission with this number is under way');
const NOT_TAKEN = cannot('not-taken', 'the device takes no page fault now');

/** A table that the guest writes without asking. */
function isGuestsTable(kind: SpaceState): boolean {
  return kind === 'user' || kind === 'table';
}

/** A table that a process or a VM has anyway. */
function isShared(kind: SpaceState): boolean {
  return kind === 'mm' || kind === 'kvm';
}

/** What a guest means by a vPASID: the space that its devices with a portal reach with it; undefined where they differ. */
function spaceMeant(state: DesignState, ground: Ground, pasid: number): number | undefined {
  const portals = ground.devices.filter((device) => state.portal.has(device));
  const [space, ...others] = portals.map((device) => state.attachedAt.get(device, pasid));
  return others.every((other) => other === space) ? space : undefined;
}

/** Whether a submission meets a space that it was not meant for. One that meets none is a PCIe error, which harms nobody. */
function arrivesElsewhere(state: DesignState, ground: Ground, wire: number): boolean {
  const meant = state.meantFor.get(wire);
  return ground.devices.some((device) => {
    const space = state.pasidRoute.get(traitsOf(ground, device).rid, wire);
    return state.portal.has(device) && meant !== undefined && space !== undefined && space !== meant;
  });
}

export const WORLD_COMMANDS: readonly DesignCommand[] = [
  command('open-context', {
    name: 'open iommu',
    on: 'iommu',
    source: SOURCE,
    decide: (state, { context }) =>
      state.contextOpen.has(context) || state.contextGone.has(context)
        ? IS_OPEN
        : [{ type: 'ContextOpened', context }],
  }),
  command('open-device', {
    name: 'open device',
    on: 'device',
    source: SOURCE,
    decide: (state, { device }) => {
      if (state.device.get(device) !== 'closed') return IS_OPEN;
      return state.hostDriver.has(device) ? HAS_DRIVER : [{ type: 'DeviceOpened', device }];
    },
  }),
  command('release-driver', {
    name: 'unbind the host driver',
    on: 'host',
    source: SOURCE,
    decide: (state, { device }, ground) =>
      state.hostDriver.has(device) && traitsOf(ground, device).kind !== 'parent'
        ? [{ type: 'DriverReleased', device }]
        : NO_DRIVER,
  }),
  command('guest-maps', {
    name: 'guest sets an entry',
    on: 'guest',
    source: SOURCE,
    decide: (state, { space, page }) => {
      if (!isGuestsTable(state.space.get(space))) return NO_TABLE;
      return state.pte.has(space, page) ? NO_CHANGE : [{ type: 'TableWritten', space, page, present: true }];
    },
  }),
  command('guest-unmaps', {
    name: 'guest clears an entry',
    on: 'guest',
    source: SOURCE,
    decide: (state, { space, page }) => {
      if (!isGuestsTable(state.space.get(space)) || !state.pte.has(space, page)) return NO_TABLE;
      return [{ type: 'TableWritten', space, page, present: false }];
    },
  }),
  command('guest-enables-pasid', {
    name: 'guest enables a PASID',
    on: 'guest',
    source: SOURCE,
    decide: (state, { device, pasid }, ground) => {
      const { rid } = traitsOf(ground, device);
      if (!state.delegated.has(rid) || state.guestEntry.has(rid, pasid)) return NO_TABLE;
      return [{ type: 'GuestEntryWritten', rid, pasid }];
    },
  }),
  command('dma', {
    name: 'DMA',
    on: 'hardware',
    source: SOURCE,
    decide: (state, { device, page }, ground) => {
      const { rid } = traitsOf(ground, device);
      const space = state.route.get(rid);
      if (space === undefined || state.onDefault.has(rid)) return NO_ROUTE;
      if (translates(state, space, page)) return [{ type: 'TranslationCached', rid, space, page }];
      // What the guest's table does not hold is cached too, as VT-d does in caching mode.
      const absent = isGuestsTable(state.space.get(space)) && !state.pte.has(space, page);
      return absent ? [{ type: 'AbsenceCached', space, page }] : NO_ROUTE;
    },
  }),
  command('fault', {
    name: 'page request',
    on: 'hardware',
    source: SOURCE,
    decide: (state, { device }, ground) => {
      const { rid, pri } = traitsOf(ground, device);
      const space = state.route.get(rid);
      if (!pri || space === undefined || state.fault.get(device) !== 'none') return NOT_TAKEN;
      const kind = state.space.get(space);
      return isGuestsTable(kind) || isShared(kind) ? [{ type: 'FaultRaised', device }] : NOT_TAKEN;
    },
  }),
  command('kernel-resolves', {
    name: 'the kernel or KVM handles the page request',
    on: 'host',
    source: SOURCE,
    decide: (state, { device }, ground) => {
      const space = state.route.get(traitsOf(ground, device).rid);
      if (space === undefined || state.fault.get(device) !== 'raised') return NO_FAULT;
      return isShared(state.space.get(space))
        ? [{ type: 'FaultCompleted', device, by: undefined }]
        : NO_FAULT;
    },
  }),
  command('cpu-submits', {
    name: 'ENQCMD',
    on: 'guest',
    source: 'V2 1.4.2; SET <20210331145056.760478ca@...>',
    decide: (state, { pasid }, ground) => {
      if (state.portal.size() === 0) return NO_PORTAL;
      const wire = state.translation.get() ? state.cpuMap.get(pasid) : pasid;
      if (wire === undefined || state.inFlight.has(wire)) return NO_PORTAL;
      return [{ type: 'Submitted', wire, space: spaceMeant(state, ground, pasid) }];
    },
  }),
  command('cpu-drains', {
    name: 'the submission arrives',
    on: 'hardware',
    source: 'SET <20210331145056.760478ca@...>',
    decide: (state, { pasid }, ground) => {
      if (!state.inFlight.has(pasid)) return NOT_IN_FLIGHT;
      const stray = arrivesElsewhere(state, ground, pasid);
      return [{ type: 'Drained', wire: pasid }, ...(stray ? [{ type: 'Misdelivered' } as const] : [])];
    },
  }),
  command('others-take', {
    name: 'another process takes a number',
    on: 'host',
    source: SOURCE,
    // A number that is valid on every RID is nobody else's; one of a single RID may be in use on another.
    decide: (state, { wire }) =>
      state.taken.has(wire) || state.global.has(wire) ? NO_CHANGE : [{ type: 'PasidTaken', pasid: wire }],
  }),
];
