/** What the user of the full model keeps in mind: which descriptors and ids stand for the things of a setup. */
import type { Context } from '../../machines/world.ts';

/** An IOAS with the HWPTs made for it, or a nested HWPT. */
export interface SpaceNote {
  readonly context: number;
  readonly kind: 'ioas' | 'nested';
  /** IOAS, or the nested HWPT. */
  readonly id: number;
  /** The kernel makes its HWPTs. */
  readonly automatic: boolean;
  /** Of a nested HWPT: the space below it. */
  readonly parent: number | undefined;
  /** Of a nested HWPT: its fault queue, as object and descriptor; 0 where it has none. */
  readonly fault: Readonly<{ id: number; fd: number }>;
  /** HWPTs that were made for devices of the same abilities, by those. */
  readonly hwpts: Map<string, number>;
  /** The NEST_PARENT below nested ones, and the vIOMMU on it; 0 where there is none. */
  nestParent: number;
  viommu: number;
}

export interface DeviceNote {
  readonly fd: number;
  /** The DEVICE object and the context; undefined while it is not bound. */
  bound: Readonly<{ devId: number; context: number }> | undefined;
}

/** Everything can be cloned. */
export interface Book {
  readonly contexts: Map<number, Readonly<{ fd: number; id: number }>>;
  readonly devices: Map<number, DeviceNote>;
  readonly spaces: Map<number, SpaceNote>;
  /** Devices that drivers of the host have. */
  readonly hostDrivers: Set<number>;
  /** Requests that were read and told to the guest: device to cookie. */
  readonly told: Map<number, number>;
  frozen: boolean;
}

export function emptyBook(hostDrivers: readonly number[]): Book {
  return {
    contexts: new Map(),
    devices: new Map(),
    spaces: new Map(),
    hostDrivers: new Set(hostDrivers),
    told: new Map(),
    frozen: false,
  };
}

/** Which space a HWPT belongs to. */
export function spaceOfHwpt(book: Book, context: Context, hwptId: number): number | undefined {
  const hwpt = context.objects[hwptId];
  for (const [space, note] of book.spaces) {
    if (book.contexts.get(note.context)?.id !== context.id) continue;
    if (note.kind === 'nested' ? note.id === hwptId : hwpt?.kind === 'hwpt-paging' && hwpt.ioasId === note.id)
      return space;
  }
  return undefined;
}

/** Which space an IOAS is. */
export function spaceOfIoas(book: Book, contextId: number, ioasId: number): number | undefined {
  for (const [space, note] of book.spaces)
    if (note.kind === 'ioas' && note.id === ioasId && book.contexts.get(note.context)?.id === contextId)
      return space;
  return undefined;
}
