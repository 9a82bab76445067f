/** The union of everything that can happen. Events are facts: a refusal is none. */
import type { AccessEvent } from './access.ts';
import type { DeviceEvent } from './device.ts';
import type { FaultEvent } from './fault.ts';
import type { FileEvent } from './file.ts';
import type { HwptEvent } from './hwpt.ts';
import type { IoasEvent } from './ioas.ts';
import type { MemoryEvent } from './memory.ts';
import type { ViommuEvent } from './viommu.ts';

/** DESTROY of an object whose kind needs nothing more than its id: its references are given back. */
export type ObjectDestroyed = Readonly<{ type: 'ObjectDestroyed'; context: number; id: number }>;

export type Event =
  | AccessEvent
  | DeviceEvent
  | FaultEvent
  | FileEvent
  | HwptEvent
  | IoasEvent
  | MemoryEvent
  | ObjectDestroyed
  | ViommuEvent;

export type EventType = Event['type'];
export type EventOf<T extends EventType> = Extract<Event, { type: T }>;
