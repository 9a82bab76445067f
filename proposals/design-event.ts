/** What can happen in a design. Commands decide which of these happen; reducers say what each leaves behind. */
import type { SpaceState } from './design-state.ts';

/** A slot of the hardware: the RID alone, or (RID, PASID). The RID is named by the device that has it. */
export type SlotEvent =
  | Readonly<{ type: 'SlotRouted'; rid: number; pasid: number | undefined; space: number }>
  | Readonly<{ type: 'SlotBlocked'; rid: number; pasid: number | undefined }>
  /** The RID is back on the default domain of the host. */
  | Readonly<{ type: 'SlotReleased'; rid: number }>
  /** The PASID table of the RID is the guest's from here on, or no longer. */
  | Readonly<{ type: 'TableDelegated'; rid: number }>
  | Readonly<{ type: 'TableReclaimed'; rid: number }>
  | Readonly<{ type: 'GuestEntryWritten'; rid: number; pasid: number }>
  | Readonly<{ type: 'TranslationCached'; rid: number; space: number; page: number }>
  /** An IOTLB holds that there is no entry: hardware, or an emulation of it, that caches this as well. */
  | Readonly<{ type: 'AbsenceCached'; space: number; page: number }>
  /** Every cache drops what it holds of a space, or of one page of it. */
  | Readonly<{ type: 'TranslationsDropped'; space: number; page: number | undefined }>
  | Readonly<{ type: 'DeviceCacheDropped'; rid: number }>;

export type SpaceEvent =
  | Readonly<{
      type: 'SpaceAllocated';
      space: number;
      context: number;
      as: SpaceState;
      parent?: number | undefined;
      enforced?: boolean;
      /** Its page table is not made for PASIDs. */
      untagged?: boolean;
    }>
  /** A space that was inert takes commands now, or is inert again. */
  | Readonly<{ type: 'SpaceActivated'; space: number }>
  | Readonly<{ type: 'SpaceDeactivated'; space: number }>
  | Readonly<{ type: 'TableBound'; space: number }>
  | Readonly<{ type: 'PasidTableBound'; space: number }>
  | Readonly<{ type: 'TableUnbound'; space: number }>
  | Readonly<{ type: 'SpaceFreed'; space: number }>
  | Readonly<{ type: 'MemoryRegistered'; page: number }>
  | Readonly<{ type: 'PageCharged'; page: number }>
  | Readonly<{ type: 'PageUncharged'; page: number }>
  | Readonly<{ type: 'PageMapped'; space: number; page: number }>
  | Readonly<{ type: 'PagesMappedAtOnce'; space: number }>
  | Readonly<{ type: 'PageUnmapped'; space: number; page: number }>
  | Readonly<{ type: 'TableWritten'; space: number; page: number; present: boolean }>
  | Readonly<{ type: 'SpaceInvalidated'; space: number }>
  | Readonly<{ type: 'DeviceInvalidated'; device: number }>;

export type DeviceEvent =
  | Readonly<{ type: 'ContextOpened'; context: number }>
  /** `lingers`: the descriptor is gone, what it held lives on. */
  | Readonly<{ type: 'ContextClosed'; context: number; lingers: boolean }>
  /** The last of what a closed descriptor held is gone. */
  | Readonly<{ type: 'ContextEnded'; context: number }>
  | Readonly<{ type: 'DeviceOpened'; device: number }>
  | Readonly<{ type: 'DeviceBound'; device: number; context: number }>
  /** A device that is bound belongs to another context as well. */
  | Readonly<{ type: 'DeviceBoundAlso'; device: number; context: number }>
  /** It belongs to no context any more; its descriptor stays open. */
  | Readonly<{ type: 'DeviceUnbound'; device: number }>
  | Readonly<{ type: 'DeviceClosed'; device: number }>
  | Readonly<{ type: 'Attached'; device: number; space: number }>
  /** The device is said to be attached, but its route is another's. */
  | Readonly<{ type: 'AttachedUnder'; device: number; space: number }>
  | Readonly<{ type: 'Detached'; device: number }>
  | Readonly<{ type: 'PasidAttached'; device: number; space: number; pasid: number; wire: number }>
  | Readonly<{ type: 'PasidDetached'; device: number; pasid: number }>
  | Readonly<{ type: 'DefaultPasidTaken'; device: number; wire: number }>
  | Readonly<{ type: 'DriverReleased'; device: number }>
  | Readonly<{ type: 'DriverProbed'; device: number }>
  | Readonly<{ type: 'KernelCrashed' }>
  | Readonly<{ type: 'ViommuFrozen'; withPasid: boolean }>;

export type FaultEvent =
  | Readonly<{ type: 'FaultRaised'; device: number }>
  | Readonly<{ type: 'FaultReported'; device: number; blamed: number }>
  /** `by` is whom the answer was meant for; undefined where the kernel answered itself. */
  | Readonly<{ type: 'FaultCompleted'; device: number; by: number | undefined }>;

export type PasidEvent =
  | Readonly<{ type: 'PasidAllocated'; pasid: number; global: boolean }>
  | Readonly<{ type: 'PasidFreed'; pasid: number }>
  | Readonly<{ type: 'PasidParked'; pasid: number }>
  | Readonly<{ type: 'PasidReleased'; pasid: number }>
  | Readonly<{ type: 'PasidTaken'; pasid: number }>
  | Readonly<{ type: 'PasidRevealed'; pasid: number }>
  | Readonly<{ type: 'TranslationEnabled' }>
  | Readonly<{ type: 'CpuMapSet'; pasid: number; wire: number }>
  | Readonly<{ type: 'CpuMapCleared'; pasid: number }>
  | Readonly<{ type: 'PortalOpened'; device: number }>
  | Readonly<{ type: 'Submitted'; wire: number; space: number | undefined }>
  | Readonly<{ type: 'Drained'; wire: number }>
  | Readonly<{ type: 'Misdelivered' }>
  /** The device does DMA for the process, whose page table is at this number. `loads`: its MSR holds the number, for ENQCMD. */
  | Readonly<{ type: 'ProcessBound'; device: number; wire: number; loads: boolean }>
  | Readonly<{ type: 'ProcessUnbound'; device: number }>;

export type DesignEvent = SlotEvent | SpaceEvent | DeviceEvent | FaultEvent | PasidEvent;
