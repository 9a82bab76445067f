/** A user of the full model: keeps the book, and makes and drops the HWPTs, vIOMMUs and vDEVICEs that its spaces need. */
import type { Command } from '../../events/command.ts';
import type { ErrnoName } from '../../events/errno.ts';
import type { Outcome } from '../../events/outcome.ts';
import { HWPT_NEST_PARENT, HWPT_PASID } from '../../machines/hwpt-flags.ts';
import { objectAt } from '../../machines/objects.ts';
import type { Context } from '../../machines/world.ts';
import { type Ground, traitsOf } from '../setup.ts';
import { type Book, emptyBook, type SpaceNote, spaceOfHwpt } from './book.ts';
import * as calls from './calls.ts';
import { errnoFrom, Kernel } from './kernel.ts';
import { deviceName, machineOf, VIOMMU_TYPE } from './platforms.ts';

/** What a word came to: the refusal of the call that ended it, by a rule of the register where the full model made it. */
export type Answer = Readonly<{ accepted: boolean; errno: ErrnoName | undefined; rule: string | undefined }>;

export const ACCEPTED: Answer = { accepted: true, errno: undefined, rule: undefined };

/** A refusal that is none of iommufd: no such descriptor, a driver of the host. */
export function refusedBy(rule: string, errno: ErrnoName | undefined): Answer {
  return { accepted: false, errno, rule: `iommufd-mainline/${rule}` };
}

export const BAD_DESCRIPTOR = refusedBy('descriptor', 'EBADF');

export function answerOf(outcome: Outcome): Answer {
  return outcome.rule === undefined
    ? ACCEPTED
    : { accepted: false, errno: errnoFrom(outcome), rule: outcome.rule };
}

/** An id that was never handed out. */
export const NO_ID = 0;

/** The id that a call wrote back. */
export function idFrom({ reply }: Outcome, field: string): number {
  const value = reply?.[field];
  if (typeof value !== 'number') throw new Error(`invariant: no ${field} was written`);
  return value;
}

export class User {
  readonly ground: Ground;
  readonly kernel: Kernel;
  readonly book: Book;

  constructor(ground: Ground, from?: User) {
    this.ground = ground;
    this.kernel = from === undefined ? new Kernel(machineOf(ground)) : from.kernel.fork();
    const driven = ground.devices.filter((device) => traitsOf(ground, device).hostDriver);
    this.book = from === undefined ? emptyBook(driven) : structuredClone(from.book);
  }

  /** The iommufd of a context; undefined where its descriptor is closed. */
  fdOf(context: number | undefined): number | undefined {
    const fd = context === undefined ? undefined : this.book.contexts.get(context)?.fd;
    return fd === undefined || fd < 0 ? undefined : fd;
  }

  /** Some iommufd that is open: what is asked of it for a space of none finds nothing. */
  anyFd(): number | undefined {
    return [...this.book.contexts.values()].map(({ fd }) => fd).find((fd) => fd >= 0);
  }

  /** An ioctl for a space, on the iommufd of its context. */
  callFor(space: number, command: (id: number) => Command, second?: Uint8Array): Answer {
    const note = this.book.spaces.get(space);
    const fd = note === undefined ? this.anyFd() : this.fdOf(note.context);
    return fd === undefined
      ? BAD_DESCRIPTOR
      : answerOf(this.kernel.call(fd, command(note?.id ?? NO_ID), second));
  }

  contextOf(context: number): Context | undefined {
    const id = this.book.contexts.get(context)?.id;
    return id === undefined ? undefined : this.kernel.world.contexts.get(id);
  }

  /** The HWPT on which the group of a device is, without a PASID (0) or with one. */
  hwptAt(device: number, pasid: number): number | undefined {
    const bound = this.book.devices.get(device)?.bound;
    const context = bound === undefined ? undefined : this.contextOf(bound.context);
    const { group } = traitsOf(this.ground, device);
    return context?.groups.get(`group:${group}`)?.slots.get(pasid)?.hwptId;
  }

  /** What ATTACH names for a space: its own id, or a HWPT of it that suits the device. */
  pageTableFor(device: number, space: number, pasid: number | undefined): number | Outcome {
    const note = this.book.spaces.get(space);
    const bound = this.book.devices.get(device)?.bound;
    if (note === undefined || bound === undefined || note.context !== bound.context) return NO_ID;
    const context = this.contextOf(note.context);
    if (note.kind === 'nested' || note.automatic || context === undefined) return note.id;
    const occupied = this.hwptAt(device, pasid ?? 0);
    if (occupied !== undefined && spaceOfHwpt(this.book, context, occupied) === space) return occupied;
    const key = this.abilities(device);
    return note.hwpts.get(key) ?? this.makeHwpt(note, key, bound.devId, pasid);
  }

  /** Devices for which one HWPT is good. */
  private abilities(device: number): string {
    const { narrow, forceSnoop, iommu } = traitsOf(this.ground, device);
    return `${narrow}/${forceSnoop}/${iommu}`;
  }

  /** Made for PASIDs; where the IOMMU has none, or no HWPT can be made any more, the IOAS itself will do for a RID. */
  private makeHwpt(note: SpaceNote, key: string, devId: number, pasid: number | undefined): number | Outcome {
    const fd = this.fdOf(note.context);
    if (fd === undefined) return note.id;
    const outcome = this.kernel.call(fd, calls.hwptAlloc({ devId, ptId: note.id, flags: HWPT_PASID }));
    if (outcome.rule !== undefined)
      return pasid === undefined && errnoFrom(outcome) === 'EOPNOTSUPP' ? note.id : outcome;
    const id = idFrom(outcome, 'outHwptId');
    note.hwpts.set(key, id);
    return id;
  }

  /** The NEST_PARENT of an IOAS. */
  nestParentOf(note: SpaceNote, fd: number, devId: number): number | Outcome {
    if (note.nestParent !== 0) return note.nestParent;
    const outcome = this.kernel.call(fd, calls.hwptAlloc({ devId, ptId: note.id, flags: HWPT_NEST_PARENT }));
    if (outcome.rule !== undefined) return outcome;
    note.nestParent = idFrom(outcome, 'outHwptId');
    return note.nestParent;
  }

  viommuOf(note: SpaceNote, fd: number, devId: number, hwptId: number): number | Outcome {
    if (note.viommu !== 0) return note.viommu;
    const type = this.ground.platform === 'amd' ? VIOMMU_TYPE.amd : VIOMMU_TYPE.arm;
    const outcome = this.kernel.call(fd, calls.viommuAlloc(devId, hwptId, type));
    if (outcome.rule !== undefined) return outcome;
    note.viommu = idFrom(outcome, 'outViommuId');
    return note.viommu;
  }

  /** The vIOMMU behind the table of the guest that this device is on, or is to come to; 0 for none. */
  viommuFor(device: number, coming: number | undefined): number {
    const bound = this.book.devices.get(device)?.bound;
    const context = bound === undefined ? undefined : this.contextOf(bound.context);
    if (context === undefined) return 0;
    const hwptId = this.hwptAt(device, 0);
    const space = coming ?? (hwptId === undefined ? undefined : spaceOfHwpt(this.book, context, hwptId));
    const note = space === undefined ? undefined : this.book.spaces.get(space);
    const parent = note?.parent === undefined ? undefined : this.book.spaces.get(note.parent);
    return parent?.viommu ?? 0;
  }

  /** Gives each member of a group the vDEVICE that the guest's table needs, and takes those that nothing needs. */
  settleVdevices(device: number, coming?: number): void {
    for (const mate of this.ground.mates[device] ?? []) {
      const bound = this.book.devices.get(mate)?.bound;
      const context = bound === undefined ? undefined : this.contextOf(bound.context);
      const fd = this.fdOf(bound?.context);
      if (bound === undefined || context === undefined || fd === undefined) continue;
      const wanted = this.viommuFor(mate, coming);
      const object = objectAt(context, bound.devId);
      const held = object?.kind === 'device' ? objectAt(context, object.vdeviceId) : undefined;
      if (held?.kind === 'vdevice' && held.viommuId === wanted) continue;
      if (held !== undefined) this.kernel.call(fd, calls.destroy(held.id));
      if (wanted !== 0) this.kernel.call(fd, calls.vdeviceAlloc(wanted, bound.devId, BigInt(mate)));
    }
  }

  /** Drops what nothing uses any more, as the kernel does with HWPTs that it made itself. */
  sweep(): void {
    for (const note of this.book.spaces.values()) {
      const fd = this.fdOf(note.context);
      if (fd === undefined) continue;
      for (const [key, id] of [...note.hwpts]) if (this.dropped(fd, note, id)) note.hwpts.delete(key);
      if (note.viommu !== 0 && this.dropped(fd, note, note.viommu)) note.viommu = 0;
      if (note.nestParent !== 0 && this.dropped(fd, note, note.nestParent)) note.nestParent = 0;
    }
  }

  private dropped(fd: number, note: SpaceNote, id: number): boolean {
    const context = this.contextOf(note.context);
    const object = context === undefined ? undefined : objectAt(context, id);
    return object?.users === 1 && this.kernel.call(fd, calls.destroy(id)).rule === undefined;
  }

  /** Forgets what ended with its context. */
  forgetEnded(): void {
    for (const [number, { id }] of [...this.book.contexts]) {
      if (this.kernel.world.contexts.has(id)) continue;
      this.book.contexts.delete(number);
      for (const [space, note] of [...this.book.spaces])
        if (note.context === number) this.book.spaces.delete(space);
    }
  }

  rid(device: number): string {
    return deviceName(device);
  }
}
