/** Runs programs on the model: steps in, outcomes out. The world starts anew for each program; nothing is written as text. */

import type { Event } from '../events/event.ts';
import { hex } from '../events/hex.ts';
import { answer, DONE, type Outcome, refuse, UNKNOWABLE, undetermined } from '../events/outcome.ts';
import { errnoOf } from '../events/rules.ts';
import { USER_TOP } from '../machines/address-space.ts';
import { decide } from '../machines/decide.ts';
import { decideFaultRead, decideFaultWrite } from '../machines/fault.ts';
import { type KernelProfile, kernelProfiles } from '../machines/kernel-profile.ts';
import { mustBe } from '../machines/objects.ts';
import type { Platform } from '../machines/platform.ts';
import { decideVeventqRead } from '../machines/veventq.ts';
import { decideMmap } from '../machines/viommu.ts';
import { emptyWorld, type OpenFile, type World } from '../machines/world.ts';
import { applyEvent } from '../reducers/evolve.ts';
import { processOf } from '../reducers/process.ts';
import { type Dispatched, dispatchIommufd, dispatchVfioDevice } from './dispatch.ts';
import { closed, credentials, mappings, openDescriptors, opened } from './facts.ts';
import type { IoctlEntry } from './ioctl-table.ts';
import { platformOf } from './platform-of.ts';
import type { IoctlStep, Make, MmapStep, Operand, ReadStep, Step, Target, WriteStep } from './program.ts';
import { ProgramFiles } from './program-files.ts';
import { mapped, unmapped } from './program-memory.ts';
import { PID, ProgramSite, resetWorld } from './program-site.ts';
import { headerOf } from './program-target.ts';
import type { RecordedFile, Vma } from './recording.ts';

const STANDARD_DESCRIPTORS = [0, 1, 2];
const NO_DESCRIPTOR = -1;
const EBADF = 9;
const FILE_FD_OFFSET = 12; // of struct iommu_ioas_map_file

/** The call names no open descriptor: EBADF, before any rule. */
export const BAD_DESCRIPTOR: Outcome = answer(-1);

/** The name of the errno of an outcome; undefined where the call succeeded. */
export function errnoNameOf(outcome: Outcome): string | undefined {
  if (outcome.rule !== undefined) return errnoOf(outcome.rule);
  return outcome === BAD_DESCRIPTOR ? 'EBADF' : undefined;
}

export class ProgramMachine {
  readonly kernel: KernelProfile;
  readonly platform: Platform;
  readonly world: World;
  /** Values of resources by number; undefined for what no step made. */
  values: (number | undefined)[] = [];
  /** The command of the last ioctl; undefined for one without a struct, and for all other calls. */
  entry: IoctlEntry | undefined;
  /** Everything that happened at the last step. */
  readonly applied: Event[] = [];
  /** The descriptor that the last call handed out, -1 for none. */
  newFd = NO_DESCRIPTOR;
  /** What MAP_FILE was given at the last call. */
  file: RecordedFile | undefined;
  memory: readonly Vma[] = [];
  private dry = false;
  /** The last call's surroundings: its struct, and how many bytes of it the kernel writes back. */
  readonly site: ProgramSite;
  readonly files = new ProgramFiles();

  /** Throws where the target names a kernel or an architecture that the model does not have. */
  constructor(target: Target) {
    const kernel = kernelProfiles.get(target.kernel);
    const userTop = USER_TOP[target.arch];
    if (kernel === undefined || userTop === undefined)
      throw new Error(`invariant: no profile of ${target.kernel} on ${target.arch}`);
    this.kernel = kernel;
    this.platform = platformOf(headerOf(target), undefined);
    this.world = emptyWorld(userTop);
    this.site = new ProgramSite(this.world, kernel, this.platform);
  }

  /** Forgets everything; the process has `memory` and the rights of root. */
  start(memory: readonly Vma[]): void {
    resetWorld(this.world);
    this.values.length = 0;
    this.dry = false;
    this.files.clear();
    const process = processOf(this.world, PID);
    for (const fd of STANDARD_DESCRIPTORS) process.foreign.add(fd);
    this.setMemory(memory);
  }

  /** Takes one step. */
  perform(step: Step): Outcome {
    this.newFd = NO_DESCRIPTOR;
    this.entry = undefined;
    this.applied.length = 0;
    switch (step.call) {
      case 'ioctl':
        return this.ioctl(step);
      case 'open':
        return this.open(step.path, step.make);
      case 'close':
        return this.close(step.fd);
      case 'dup':
        return this.dup(step.fd, step.make);
      case 'read':
      case 'write':
        return this.readWrite(step);
      case 'mmap':
        return this.mmap(step);
      case 'munmap':
        this.setMemory(unmapped(this.memory, Number(step.address), Number(step.address + step.length)));
        return DONE;
      case 'memfd':
        return this.memfd(step.size, step.huge, step.make);
      case 'ftruncate':
        return this.truncate(step.fd, step.size);
      case 'cred':
        return this.applyAll(DONE, [credentials({ ...step, ev: 'cred', seq: 0, ns: 0, pid: PID, tid: PID })]);
      case 'memory':
        this.setMemory(step.memory);
        return DONE;
    }
  }

  /** What the step would answer; nothing changes. */
  foresee(step: IoctlStep): Outcome {
    this.dry = true;
    const outcome = this.perform(step);
    this.dry = false;
    return outcome;
  }

  /** Ends the process: every descriptor is closed. */
  end(): void {
    for (const fd of openDescriptors(this.world, PID)) this.apply(closed(this.site, this.world, PID, fd));
  }

  /** The number that an operand stands for; -1 for a descriptor that was never made. */
  descriptor(operand: Operand): number {
    return 'fd' in operand ? operand.fd : (this.values[operand.resource] ?? NO_DESCRIPTOR);
  }

  private setMemory(memory: readonly Vma[]): void {
    this.memory = memory;
    this.apply([mappings({ ev: 'vmas', seq: 0, ns: 0, pid: PID, tid: PID, vmas: memory })]);
  }

  private apply(events: readonly Event[]): void {
    for (const event of events) {
      applyEvent(this.world, event);
      this.applied.push(event);
    }
  }

  private applyAll(outcome: Outcome, events: readonly Event[]): Outcome {
    this.apply(events);
    return outcome;
  }

  private freeDescriptor(): number {
    const { fds, foreign } = processOf(this.world, PID);
    let fd = 0;
    while (fds.has(fd) || foreign.has(fd)) fd++;
    return fd;
  }

  private open(path: string, make: number): Outcome {
    this.newFd = this.freeDescriptor();
    const event = opened({ ev: 'open', seq: 0, ns: 0, pid: PID, tid: PID, path, fd: this.newFd }, this.newFd);
    this.values[make] = this.newFd;
    return event === undefined ? undetermined(`what ${path} is`) : this.applyAll(DONE, [event]);
  }

  private close(operand: Operand): Outcome {
    const fd = this.descriptor(operand);
    if (this.files.close(fd)) {
      processOf(this.world, PID).foreign.delete(fd);
      return DONE;
    }
    if (!processOf(this.world, PID).fds.has(fd)) return BAD_DESCRIPTOR;
    return this.applyAll(DONE, closed(this.site, this.world, PID, fd));
  }

  private dup(operand: Operand, make: number): Outcome {
    const from = this.descriptor(operand);
    if (!processOf(this.world, PID).fds.has(from)) return BAD_DESCRIPTOR;
    this.newFd = this.freeDescriptor();
    this.values[make] = this.newFd;
    return this.applyAll(DONE, [{ type: 'DescriptorDuplicated', pid: PID, from, fd: this.newFd }]);
  }

  private memfd(size: bigint, huge: boolean, make: number): Outcome {
    this.newFd = this.freeDescriptor();
    const ino = this.files.create(this.newFd, size, huge);
    processOf(this.world, PID).foreign.add(this.newFd);
    this.values[make] = this.newFd;
    return this.applyAll(DONE, [{ type: 'FileSized', ino, size }]);
  }

  private truncate(operand: Operand, size: bigint): Outcome {
    const ino = this.files.truncate(this.descriptor(operand), size);
    return ino === undefined ? BAD_DESCRIPTOR : this.applyAll(DONE, [{ type: 'FileTruncated', ino, size }]);
  }

  private ioctl(step: IoctlStep): Outcome {
    const { site } = this;
    const file = site.come(this.descriptor(step.fd));
    site.bring(step, this.values);
    if (file === undefined) return BAD_DESCRIPTOR;
    site.descriptor = undefined;
    this.file = undefined;
    const { entry, command, refusal } = this.dispatch(file, step.request);
    this.entry = entry;
    if (refusal !== undefined) return refusal;
    if (entry?.type === 'IoasMapFile') this.describe(step);
    if (entry !== undefined && ISSUING.has(entry.type)) this.newFd = this.freeDescriptor();
    site.newFd = this.newFd;
    const outcome = command === undefined ? DONE : decide(site, command);
    if (this.dry) return outcome;
    this.apply(outcome.events);
    if (outcome.rule === undefined && outcome.missing === undefined) this.take(step.makes, outcome);
    else this.newFd = NO_DESCRIPTOR;
    return outcome;
  }

  private dispatch(file: OpenFile, request: number): Dispatched {
    if (file.kind === 'iommufd' || file.kind === 'vfio-container') return dispatchIommufd(this.site, request);
    if (file.kind === 'vfio-dev') return dispatchVfioDevice(this.site, request);
    return { entry: undefined, command: undefined, refusal: refuse('event-file/ioctl') };
  }

  /** What MAP_FILE's descriptor is: a memfd of the program, or a fact that the step carries. */
  private describe(step: IoctlStep): void {
    const fd = this.site.struct.view.getInt32(FILE_FD_OFFSET, true);
    const own = this.files.factOf(fd);
    const unknown = step.file === undefined && !processOf(this.world, PID).fds.has(fd);
    this.file = own ?? (unknown ? { fd, errno: EBADF } : step.file);
    if (this.file === undefined) return;
    const { errno, ino, size, type } = this.file;
    this.site.descriptor = {
      open: errno === undefined,
      ino: ino ?? 0,
      size: BigInt(size ?? 0),
      type: type ?? '',
    };
    if (errno === undefined && ino !== undefined && own === undefined)
      this.apply([{ type: 'FileSized', ino, size: BigInt(size ?? 0) }]);
  }

  private take(makes: readonly Make[], outcome: Outcome): void {
    for (const { field, resource } of makes) {
      const value = field === '' ? UNKNOWABLE : outcome.reply?.[field];
      if (value !== undefined) this.values[resource] = typeof value === 'symbol' ? this.newFd : Number(value);
    }
  }

  private readWrite(step: ReadStep | WriteStep): Outcome {
    const file = this.site.come(this.descriptor(step.fd));
    if (file === undefined) return BAD_DESCRIPTOR;
    const outcome = step.call === 'read' ? this.read(file, step) : this.write(file, step);
    return this.applyAll(outcome, outcome.events);
  }

  private read(file: OpenFile, step: ReadStep): Outcome {
    const { site } = this;
    if (file.kind === 'fault')
      return decideFaultRead(site, mustBe(site.context, file.objectId, 'fault'), step.length, undefined);
    if (file.kind === 'eventq')
      return decideVeventqRead(site, mustBe(site.context, file.objectId, 'veventq'), step.length, undefined);
    return refuse('iommufd-file/read-write');
  }

  private write(file: OpenFile, step: WriteStep): Outcome {
    const { site } = this;
    if (file.kind === 'fault') {
      const fault = mustBe(site.context, file.objectId, 'fault');
      return decideFaultWrite(site, fault, step.length, step.bytes);
    }
    return refuse(file.kind === 'eventq' ? 'event-file/write' : 'iommufd-file/read-write');
  }

  private mmap(step: MmapStep): Outcome {
    if (this.site.come(this.descriptor(step.fd)) === undefined) return BAD_DESCRIPTOR;
    const { length, prot, flags, offset } = step;
    const outcome = decideMmap(this.site, { length, prot, flags, offset, address: Number(step.address) });
    if (outcome.rule !== undefined) return outcome;
    const end = step.address + length;
    const window: Vma = [hex(step.address), hex(end), 'rw-s', 'device', 0, '0x0'];
    this.setMemory(mapped(this.memory, window));
    return this.applyAll(outcome, outcome.events);
  }
}

/** Commands that hand out a descriptor. */
const ISSUING: ReadonlySet<string> = new Set([
  'FaultQueueAlloc',
  'VeventqAlloc',
  'TestCreateAccess',
  'TestDmabufGet',
]);
