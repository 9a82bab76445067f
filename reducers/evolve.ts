/** The one fold: an event into the world, in place or through Immer. */
import { enableMapSet, produce } from 'immer';
import type { Event, EventOf, EventType } from '../events/event.ts';
import type { World } from '../machines/world.ts';
import { reduceAccess } from './access.ts';
import { reduceDevice } from './device.ts';
import { reduceFault } from './fault.ts';
import { reduceFile } from './file.ts';
import { hardwareReaction, mayEndContexts, settleHardware } from './hardware.ts';
import { reduceHwpt } from './hwpt.ts';
import { reduceIoas } from './ioas.ts';
import { reduceMemory } from './process.ts';
import { destroyObject, reduceViommu } from './viommu.ts';

enableMapSet();

const reducers: { readonly [T in EventType]: (world: World, event: EventOf<T>) => void } = {
  IoasAllocated: reduceIoas,
  RangesAllowed: reduceIoas,
  AllowedForgotten: reduceIoas,
  AreasAdrift: reduceIoas,
  RangeReserved: reduceIoas,
  ReservationsDropped: reduceIoas,
  AreasMapped: reduceIoas,
  AreaUnmapped: reduceIoas,
  AreaSplit: reduceIoas,
  LargePagesSet: reduceIoas,
  AccountModeSet: reduceIoas,
  CompatIoasSet: reduceIoas,
  ProcessChanged: reduceIoas,
  AccessCreated: reduceAccess,
  AccessMoved: reduceAccess,
  AccessDetached: reduceAccess,
  AccessPinned: reduceAccess,
  AccessItemSkipped: reduceAccess,
  AccessUnpinned: reduceAccess,
  AccessDestroyed: reduceAccess,
  DeviceBound: reduceDevice,
  DeviceUnbound: reduceDevice,
  SelftestCreated: reduceDevice,
  SelftestDestroyed: reduceDevice,
  DeviceAttached: reduceDevice,
  HwptReplaced: reduceDevice,
  DeviceDetached: reduceDevice,
  RidLeftBlocked: reduceDevice,
  VfioAttachmentNoted: reduceDevice,
  VirtualIdentityTaken: reduceDevice,
  Pasid1024Toggled: reduceDevice,
  CacheInvalidated: reduceDevice,
  CachesForgotten: reduceDevice,
  CacheLearned: reduceDevice,
  HwptPagingAllocated: reduceHwpt,
  HwptNestedAllocated: reduceHwpt,
  HwptDestroyed: reduceHwpt,
  DirtyTrackingSet: reduceHwpt,
  PagesDirtied: reduceHwpt,
  DirtyForgotten: reduceHwpt,
  PagesCleaned: reduceHwpt,
  IotlbInvalidated: reduceHwpt,
  IotlbForgotten: reduceHwpt,
  IotlbLearned: reduceHwpt,
  FaultQueueAllocated: reduceFault,
  FaultQueueClosed: reduceFault,
  FaultRaised: reduceFault,
  FaultsRead: reduceFault,
  FaultAnswered: reduceFault,
  CookieZeroFreed: reduceFault,
  ViommuAllocated: reduceViommu,
  VdeviceAllocated: reduceViommu,
  VdeviceBuried: reduceViommu,
  VeventqAllocated: reduceViommu,
  VeventqClosed: reduceViommu,
  VeventReported: reduceViommu,
  VeventsRead: reduceViommu,
  HwQueueAllocated: reduceViommu,
  CredentialsSeen: reduceMemory,
  MappingsSeen: reduceMemory,
  ProcessForked: reduceMemory,
  ProcessExited: reduceMemory,
  FileSized: reduceMemory,
  FileTruncated: reduceMemory,
  ContextOpened: reduceFile,
  VfioDeviceOpened: reduceFile,
  DescriptorIssued: reduceFile,
  DescriptorDuplicated: reduceFile,
  DescriptorClosed: reduceFile,
  FileReleased: reduceFile,
  DmabufRevoked: reduceFile,
  UnseenCloseNoticed: reduceFile,
  WindowMapped: reduceFile,
  InvariantBroken: reduceFile,
  ObjectDestroyed: (world, event) => destroyObject(world, event.context, event.id),
};

type Reaction = Readonly<{
  hardware: ((world: World, event: Event) => void) | undefined;
  objects: (world: World, event: Event) => void;
  settles: boolean;
}>;

// One look for each event, in a map: V8 is slow to find a field whose name varies.
const reactions = new Map<EventType, Reaction>();
for (const type of Object.keys(reducers) as EventType[]) {
  const objects = reducers[type] as (world: World, event: Event) => void;
  reactions.set(type, { hardware: hardwareReaction(type), objects, settles: mayEndContexts(type) });
}

/** The recipe: applies `event` to a world that it may change. Streaming replay calls it on the world itself. */
export function applyEvent(world: World, event: Event): void {
  const { hardware, objects, settles } = reactions.get(event.type) as Reaction;
  if (hardware !== undefined) hardware(world, event);
  objects(world, event);
  if (settles) settleHardware(world);
}

/** Immutable snapshots: the world after `event`; the one before stays as it was. */
export function evolve(world: World, event: Event): World {
  return produce(world, (draft: World) => applyEvent(draft, event));
}
