/** The one fold: an event into the world, in place or through Immer. */
import { enableMapSet, produce } from 'immer';
import type { Event } from '../events/event.ts';
import { unreachable } from '../events/unreachable.ts';
import type { World } from '../machines/world.ts';
import { reduceAccess } from './access.ts';
import { reduceDevice } from './device.ts';
import { reduceFault } from './fault.ts';
import { reduceFile } from './file.ts';
import { reduceHwpt } from './hwpt.ts';
import { reduceIoas } from './ioas.ts';
import { reduceMemory } from './process.ts';
import { destroyObject, reduceViommu } from './viommu.ts';

enableMapSet();

/** The recipe: applies `event` to a world that it may change. Streaming replay calls it on the world itself. */
export function applyEvent(world: World, event: Event): void {
  switch (event.type) {
    case 'IoasAllocated':
    case 'RangesAllowed':
    case 'RangeReserved':
    case 'ReservationsDropped':
    case 'AreasMapped':
    case 'AreaUnmapped':
    case 'AreaSplit':
    case 'LargePagesSet':
    case 'AccountModeSet':
    case 'CompatIoasSet':
    case 'ProcessChanged':
      return reduceIoas(world, event);
    case 'AccessCreated':
    case 'AccessMoved':
    case 'AccessDetached':
    case 'AccessPinned':
    case 'AccessItemSkipped':
    case 'AccessUnpinned':
    case 'AccessDestroyed':
      return reduceAccess(world, event);
    case 'DeviceBound':
    case 'DeviceUnbound':
    case 'SelftestCreated':
    case 'SelftestDestroyed':
    case 'DeviceAttached':
    case 'HwptReplaced':
    case 'DeviceDetached':
    case 'VfioAttachmentNoted':
    case 'VirtualIdentityTaken':
    case 'Pasid1024Toggled':
    case 'CacheInvalidated':
      return reduceDevice(world, event);
    case 'HwptPagingAllocated':
    case 'HwptNestedAllocated':
    case 'HwptDestroyed':
    case 'DirtyTrackingSet':
    case 'PagesDirtied':
    case 'PagesCleaned':
    case 'IotlbInvalidated':
      return reduceHwpt(world, event);
    case 'FaultQueueAllocated':
    case 'FaultQueueClosed':
    case 'FaultRaised':
    case 'FaultsRead':
    case 'FaultAnswered':
      return reduceFault(world, event);
    case 'ViommuAllocated':
    case 'VdeviceAllocated':
    case 'VdeviceBuried':
    case 'VeventqAllocated':
    case 'VeventqClosed':
    case 'VeventReported':
    case 'VeventsRead':
    case 'HwQueueAllocated':
      return reduceViommu(world, event);
    case 'CredentialsSeen':
    case 'MappingsSeen':
    case 'ProcessForked':
    case 'ProcessExited':
    case 'FileSized':
    case 'FileTruncated':
      return reduceMemory(world, event);
    case 'ContextOpened':
    case 'VfioDeviceOpened':
    case 'DescriptorIssued':
    case 'DescriptorDuplicated':
    case 'DescriptorClosed':
    case 'FileReleased':
    case 'DmabufRevoked':
    case 'WindowMapped':
    case 'InvariantBroken':
      return reduceFile(world, event);
    case 'ObjectDestroyed':
      return destroyObject(world, event.context, event.id);
    default:
      unreachable(event);
  }
}

/** Immutable snapshots: the world after `event`; the one before stays as it was. */
export function evolve(world: World, event: Event): World {
  return produce(world, (draft: World) => applyEvent(draft, event));
}
