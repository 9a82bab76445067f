/** What each event leaves behind. All proposals share these reducers; they differ in which events their commands decide. */

import { unreachable } from '../events/unreachable.ts';
import { advance, type Table } from '../machines/lifecycle.ts';
import type {
  DesignEvent,
  DeviceEvent,
  FaultEvent,
  PasidEvent,
  SlotEvent,
  SpaceEvent,
} from './design-event.ts';
import { reduceSlots } from './design-hardware.ts';
import type { DesignState, DeviceState, SpaceState } from './design-state.ts';
import type { Ground } from './setup.ts';

/** The lifecycles of a proposal's kinds, compiled from its machines. */
export type Lifecycles = Readonly<{ device: Table; space: Table }>;

/** What a reducer works with. */
export type Bench = Readonly<{ ground: Ground; lifecycles: Lifecycles }>;

type Family = 'slot' | 'space' | 'device' | 'fault' | 'pasid';

/** Which reducer an event belongs to. */
const FAMILIES: { readonly [T in DesignEvent['type']]: Family } = {
  SlotRouted: 'slot',
  SlotBlocked: 'slot',
  SlotReleased: 'slot',
  TableDelegated: 'slot',
  TableReclaimed: 'slot',
  GuestEntryWritten: 'slot',
  TranslationCached: 'slot',
  AbsenceCached: 'slot',
  TranslationsDropped: 'slot',
  DeviceCacheDropped: 'slot',
  SpaceAllocated: 'space',
  SpaceActivated: 'space',
  SpaceDeactivated: 'space',
  TableBound: 'space',
  PasidTableBound: 'space',
  TableUnbound: 'space',
  SpaceFreed: 'space',
  MemoryRegistered: 'space',
  PageCharged: 'space',
  PageUncharged: 'space',
  PageMapped: 'space',
  PagesMappedAtOnce: 'space',
  PageUnmapped: 'space',
  TableWritten: 'space',
  SpaceInvalidated: 'space',
  DeviceInvalidated: 'space',
  ContextOpened: 'device',
  ContextClosed: 'device',
  ContextEnded: 'device',
  DeviceOpened: 'device',
  DeviceBound: 'device',
  DeviceBoundAlso: 'device',
  DeviceUnbound: 'device',
  DeviceClosed: 'device',
  Attached: 'device',
  AttachedUnder: 'device',
  Detached: 'device',
  PasidAttached: 'device',
  PasidDetached: 'device',
  DefaultPasidTaken: 'device',
  DriverReleased: 'device',
  DriverProbed: 'device',
  KernelCrashed: 'device',
  ViommuFrozen: 'device',
  FaultRaised: 'fault',
  FaultReported: 'fault',
  FaultCompleted: 'fault',
  PasidAllocated: 'pasid',
  PasidFreed: 'pasid',
  PasidParked: 'pasid',
  PasidReleased: 'pasid',
  PasidTaken: 'pasid',
  PasidRevealed: 'pasid',
  TranslationEnabled: 'pasid',
  CpuMapSet: 'pasid',
  CpuMapCleared: 'pasid',
  PortalOpened: 'pasid',
  Submitted: 'pasid',
  Drained: 'pasid',
  Misdelivered: 'pasid',
  ProcessBound: 'pasid',
  ProcessUnbound: 'pasid',
};

/** Applies one event. Throws where the proposal's own machine forbids it: that is a defect of the proposal. */
export function reduceDesign(state: DesignState, bench: Bench, event: DesignEvent): void {
  switch (FAMILIES[event.type]) {
    case 'slot':
      reduceSlots(state, bench.ground, event as SlotEvent);
      return;
    case 'space':
      reduceSpace(state, bench, event as SpaceEvent);
      return;
    case 'device':
      reduceDevice(state, bench, event as DeviceEvent);
      return;
    case 'fault':
      reduceFault(state, event as FaultEvent);
      return;
    case 'pasid':
      reducePasid(state, event as PasidEvent);
      return;
  }
}

/** The name of an event for the machine of spaces: an allocation names the kind that it makes. */
function spaceEventName(event: SpaceEvent): string {
  return event.type === 'SpaceAllocated' ? `SpaceAllocated.${event.as}` : event.type;
}

function stepSpace(state: DesignState, { lifecycles }: Bench, event: SpaceEvent & { space: number }): void {
  const next = advance(lifecycles.space, state.space.get(event.space), spaceEventName(event));
  // The machine's states are those of the declaration: test/proposals.test.ts.
  state.space.set(event.space, next as SpaceState);
}

function reduceSpace(state: DesignState, bench: Bench, event: SpaceEvent): void {
  if ('space' in event) stepSpace(state, bench, event);
  switch (event.type) {
    case 'SpaceAllocated':
      state.home.set(event.space, event.context);
      state.parent.set(event.space, event.parent);
      if (event.enforced === true) state.enforced.add(event.space);
      if (event.untagged === true) state.untagged.add(event.space);
      return;
    case 'SpaceFreed':
      forget(state, event.space);
      return;
    case 'SpaceActivated':
    case 'SpaceDeactivated':
    case 'TableBound':
    case 'PasidTableBound':
      return;
    case 'TableUnbound':
      state.pte.clear(event.space);
      state.clean.delete(event.space);
      return;
    case 'MemoryRegistered':
      state.registered.add(event.page);
      return;
    case 'PageCharged':
      state.charges.set(event.page, state.charges.get(event.page) + 1);
      return;
    case 'PageUncharged':
      state.charges.set(event.page, state.charges.get(event.page) - 1);
      return;
    case 'PageMapped':
      state.mapped.add(event.space, event.page);
      return;
    case 'PagesMappedAtOnce':
      for (const page of bench.ground.pages) state.mapped.add(event.space, page);
      state.joined.add(event.space);
      return;
    case 'PageUnmapped':
      state.mapped.delete(event.space, event.page);
      state.joined.delete(event.space);
      return;
    case 'TableWritten':
      if (event.present) state.pte.add(event.space, event.page);
      else state.pte.delete(event.space, event.page);
      state.clean.delete(event.space);
      state.cleanDevice.clear();
      return;
    case 'SpaceInvalidated':
      state.clean.add(event.space);
      return;
    case 'DeviceInvalidated':
      state.cleanDevice.add(event.device);
      return;
    default:
      unreachable(event);
  }
}

/** Nothing of a space is left that a later one with its id would find. */
function forget(state: DesignState, space: number): void {
  state.home.set(space, undefined);
  state.parent.set(space, undefined);
  state.enforced.delete(space);
  state.untagged.delete(space);
  state.mapped.clear(space);
  state.joined.delete(space);
  state.pte.clear(space);
  state.clean.delete(space);
  state.iotlb.clear(space);
  state.absent.clear(space);
}

/** What the machine of devices is asked about. */
const LIFECYCLE_EVENTS: ReadonlySet<DeviceEvent['type']> = new Set([
  'DeviceOpened',
  'DeviceBound',
  'DeviceUnbound',
  'DeviceClosed',
]);

function reduceDevice(state: DesignState, bench: Bench, event: DeviceEvent): void {
  if (LIFECYCLE_EVENTS.has(event.type) && 'device' in event) {
    const next = advance(bench.lifecycles.device, state.device.get(event.device), event.type);
    state.device.set(event.device, next as DeviceState);
  }
  switch (event.type) {
    case 'ContextOpened':
      state.contextOpen.add(event.context);
      return;
    case 'ContextClosed':
      state.contextOpen.delete(event.context);
      if (event.lingers) state.contextGone.add(event.context);
      return;
    case 'ContextEnded':
      state.contextGone.delete(event.context);
      return;
    case 'DeviceOpened':
      return;
    case 'DeviceBound':
      state.boundTo.set(event.device, event.context);
      return;
    case 'DeviceBoundAlso':
      state.alsoBoundTo.add(event.device, event.context);
      return;
    case 'DeviceUnbound':
    case 'DeviceClosed':
      state.boundTo.set(event.device, undefined);
      state.alsoBoundTo.clear(event.device);
      state.under.clear(event.device);
      state.defPasid.set(event.device, undefined);
      state.portal.delete(event.device);
      state.cleanDevice.delete(event.device);
      return;
    case 'Attached':
      state.attached.set(event.device, event.space);
      return;
    case 'AttachedUnder':
      state.under.add(event.device, event.space);
      return;
    case 'Detached':
      state.attached.set(event.device, undefined);
      state.under.clear(event.device);
      return;
    case 'PasidAttached':
      state.attachedAt.set(event.device, event.pasid, event.space);
      state.wire.set(event.device, event.pasid, event.wire);
      return;
    case 'PasidDetached':
      state.attachedAt.set(event.device, event.pasid, undefined);
      state.wire.set(event.device, event.pasid, undefined);
      return;
    case 'DefaultPasidTaken':
      state.defPasid.set(event.device, event.wire);
      return;
    case 'DriverReleased':
      state.hostDriver.delete(event.device);
      return;
    case 'DriverProbed':
      state.hostDriver.add(event.device);
      return;
    case 'KernelCrashed':
      state.crashed.set(true);
      return;
    case 'ViommuFrozen':
      state.frozen.set(event.withPasid ? 'with-pasid' : 'without-pasid');
      return;
    default:
      unreachable(event);
  }
}

function reduceFault(state: DesignState, event: FaultEvent): void {
  switch (event.type) {
    case 'FaultRaised':
      state.fault.set(event.device, 'raised');
      return;
    case 'FaultReported':
      state.fault.set(event.device, 'reported');
      state.blamed.set(event.device, event.blamed);
      return;
    case 'FaultCompleted':
      if (event.by !== undefined && event.by !== event.device) state.stray.set(true);
      state.fault.set(event.device, 'none');
      state.blamed.set(event.device, undefined);
      return;
    default:
      unreachable(event);
  }
}

function reducePasid(state: DesignState, event: PasidEvent): void {
  switch (event.type) {
    case 'PasidAllocated':
      state.allocated.add(event.pasid);
      if (event.global) state.global.add(event.pasid);
      return;
    case 'PasidFreed':
      state.allocated.delete(event.pasid);
      state.global.delete(event.pasid);
      state.revealed.delete(event.pasid);
      return;
    case 'PasidParked':
      state.parked.add(event.pasid);
      return;
    case 'PasidReleased':
      state.parked.delete(event.pasid);
      return;
    case 'PasidTaken':
      state.taken.add(event.pasid);
      return;
    case 'PasidRevealed':
      state.revealed.add(event.pasid);
      return;
    case 'TranslationEnabled':
      state.translation.set(true);
      return;
    case 'CpuMapSet':
      state.cpuMap.set(event.pasid, event.wire);
      return;
    case 'CpuMapCleared':
      state.cpuMap.set(event.pasid, undefined);
      return;
    case 'PortalOpened':
      state.portal.add(event.device);
      return;
    case 'Submitted':
      state.inFlight.add(event.wire);
      state.meantFor.set(event.wire, event.space);
      return;
    case 'Drained':
      state.inFlight.delete(event.wire);
      state.meantFor.set(event.wire, undefined);
      return;
    case 'Misdelivered':
      state.misdelivered.set(true);
      return;
    case 'ProcessBound':
      state.process.add(event.device);
      state.sva.set(event.device, event.wire);
      if (event.loads) state.msr.set(event.wire);
      return;
    case 'ProcessUnbound':
      state.process.delete(event.device);
      state.sva.set(event.device, undefined);
      return;
    default:
      unreachable(event);
  }
}
