/** Events in words, for people. */
import type { Event } from '../events/event.ts';
import type { MappedArea, Range } from '../events/ioas.ts';
import { hex, rangeText } from './describe-command.ts';

function areasText(areas: readonly MappedArea[]): string {
  const [first, last] = [areas[0], areas.at(-1)];
  if (first === undefined || last === undefined) return 'nothing';
  return `${rangeText(first.iova, last.last)}${areas.length > 1 ? ` in ${areas.length} areas` : ''}`;
}

function slotText(event: { pasid: number }): string {
  return event.pasid === 0 ? '' : ` on PASID ${event.pasid}`;
}

function rangesText(ranges: readonly Range[]): string {
  return ranges.length === 0
    ? 'all IOVAs'
    : ranges.map(({ start, last }) => rangeText(start, last)).join(', ');
}

/** One event in one clause, past tense: `IOAS 1 was made`. Ids are those of the event's context. */
export function describeEvent(event: Event): string {
  switch (event.type) {
    case 'IoasAllocated':
      return `IOAS ${event.id} was made`;
    case 'RangesAllowed':
      return `IOAS ${event.id} now takes automatic IOVAs from ${rangesText(event.ranges)}`;
    case 'RangeReserved':
      return `${rangeText(event.start, event.last)} of IOAS ${event.id} became reserved`;
    case 'ReservationsDropped':
      return `reservations of ${event.owner.replace(':', ' ')} left IOAS ${event.id}`;
    case 'AreasMapped':
      return `${areasText(event.areas)} was mapped in IOAS ${event.id}`;
    case 'AreaUnmapped':
      return `the area at ${hex(event.iova)} of IOAS ${event.id} was unmapped`;
    case 'AreaSplit':
      return `the area at ${hex(event.iova)} of IOAS ${event.id} was cut after ${hex(event.at)}`;
    case 'LargePagesSet':
      return `large pages of IOAS ${event.id} are ${event.enabled ? 'on' : 'off'}`;
    case 'AccountModeSet':
      return `pinned pages are now counted per ${event.mode === 'mm' ? 'process' : 'user'}`;
    case 'CompatIoasSet':
      return event.id === 0 ? 'no compat IOAS is set any more' : `IOAS ${event.id} became the compat IOAS`;
    case 'ProcessChanged':
      return `pinned memory now belongs to process ${event.pid}`;
    case 'ObjectDestroyed':
      return `object ${event.id} was destroyed`;
    default:
      return describeDeviceEvent(event);
  }
}

function describeDeviceEvent(event: Event): string {
  switch (event.type) {
    case 'DeviceBound':
      return `device ${event.id} (${event.traits.name}) was bound`;
    case 'DeviceUnbound':
      return `device ${event.id} was unbound`;
    case 'SelftestCreated':
      return `mock handle ${event.id} of device ${event.deviceId} was made`;
    case 'SelftestDestroyed':
      return `mock handle ${event.id} was destroyed`;
    case 'DeviceAttached':
      return `device ${event.deviceId} was attached to HWPT ${event.hwptId}${slotText(event)}`;
    case 'HwptReplaced':
      return `device ${event.deviceId} moved from HWPT ${event.formerHwptId} to HWPT ${event.hwptId}${slotText(event)}`;
    case 'DeviceDetached':
      return `device ${event.deviceId} was detached from HWPT ${event.formerHwptId}${slotText(event)}`;
    case 'RidLeftBlocked':
      return `the IOMMU driver left RID ${event.rid} blocked`;
    case 'VfioAttachmentNoted':
      return `VFIO noted that the device is ${event.attached ? 'attached' : 'not attached'}${event.byPasid ? slotText(event) : ''}`;
    case 'VirtualIdentityTaken':
      return event.viommuId === 0
        ? `device ${event.deviceId} reports to no vIOMMU`
        : `device ${event.deviceId} reports to vIOMMU ${event.viommuId} as ${hex(event.virtId)}`;
    case 'Pasid1024Toggled':
      return `the mock's failure for PASID 1024 of device ${event.deviceId} is ${event.armed ? 'armed' : 'spent'}`;
    case 'CacheInvalidated':
      return `slots ${event.slots.join(', ')} of the cache of device ${event.deviceId} were invalidated`;
    case 'AccessCreated':
      return `hidden access ${event.id} was made on IOAS ${event.ioasId}`;
    case 'AccessMoved':
      return `hidden access ${event.id} moved to IOAS ${event.ioasId}`;
    case 'AccessDetached':
      return `hidden access ${event.id} left its IOAS`;
    case 'AccessPinned':
      return `hidden access ${event.id} pinned ${rangeText(event.iova, event.last)}`;
    case 'AccessItemSkipped':
      return `hidden access ${event.id} used up an item number`;
    case 'AccessUnpinned':
      return `hidden access ${event.id} let go of item ${event.item}`;
    case 'AccessDestroyed':
      return `hidden access ${event.id} was destroyed`;
    default:
      return describePageTableEvent(event);
  }
}

function describePageTableEvent(event: Event): string {
  switch (event.type) {
    case 'HwptPagingAllocated':
      return `${event.auto ? 'automatic ' : ''}HWPT ${event.id} was made on IOAS ${event.ioasId}`;
    case 'HwptNestedAllocated':
      return `nested HWPT ${event.id} was made on ${event.viommuId === 0 ? `HWPT ${event.parentId}` : `vIOMMU ${event.viommuId}`}`;
    case 'HwptDestroyed':
      return `HWPT ${event.id} was destroyed`;
    case 'DirtyTrackingSet':
      return `dirty tracking of HWPT ${event.id} is ${event.enabled ? 'on' : 'off'}`;
    case 'PagesDirtied':
      return `${event.granules.length} pages of HWPT ${event.id} became dirty`;
    case 'PagesCleaned':
      return `${event.granules.length} pages of HWPT ${event.id} became clean`;
    case 'IotlbInvalidated':
      if (event.slots.length === 0) return `translations of HWPT ${event.id} were invalidated`;
      return `slots ${event.slots.join(', ')} of the IOTLB of HWPT ${event.id} were invalidated`;
    case 'FaultQueueAllocated':
      return `fault queue ${event.id} was made`;
    case 'FaultQueueClosed':
      return `the descriptor of fault queue ${event.id} was closed`;
    case 'FaultRaised':
      return `device ${event.record.deviceId} raised a page request on fault queue ${event.id}`;
    case 'FaultsRead':
      return `${event.cookies.length} page requests were read from fault queue ${event.id}`;
    case 'FaultAnswered':
      return `page request ${event.cookie} of fault queue ${event.id} was answered`;
    case 'ViommuAllocated':
      return `vIOMMU ${event.id} was made on HWPT ${event.hwptId}`;
    case 'VdeviceAllocated':
      return `vDEVICE ${event.id} was made: device ${event.deviceId} is ${hex(event.virtId)} on vIOMMU ${event.viommuId}`;
    case 'VdeviceBuried':
      return `vDEVICE ${event.id} ended with its device; its id stays taken`;
    case 'VeventqAllocated':
      return `vEVENTQ ${event.id} was made on vIOMMU ${event.viommuId}`;
    case 'VeventqClosed':
      return `the descriptor of vEVENTQ ${event.id} was closed`;
    case 'VeventReported':
      return `an event was reported to vEVENTQ ${event.id}`;
    case 'VeventsRead':
      return `${event.count} events were read from vEVENTQ ${event.id}`;
    case 'HwQueueAllocated':
      return `HW queue ${event.id} was made on vIOMMU ${event.viommuId}`;
    default:
      return describeFact(event);
  }
}

function describeFact(event: Event): string {
  switch (event.type) {
    case 'DescriptorIssued':
      return `descriptor ${event.fd} was handed out`;
    case 'DescriptorClosed':
      return `descriptor ${event.fd} was closed`;
    case 'WindowMapped':
      return `the window of vIOMMU ${event.id} was mapped`;
    case 'DmabufRevoked':
      return `the dma-buf was ${event.revoked ? 'revoked' : 'given back'}`;
    case 'InvariantBroken':
      return `an invariant broke: ${event.invariant}`;
    case 'FileSized':
      return `the file with inode ${event.ino} has ${event.size} bytes`;
    default:
      return event.type;
  }
}
