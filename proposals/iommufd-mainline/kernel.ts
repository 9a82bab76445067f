/** One process on the full model: it opens, calls, reads, writes and closes, and each call is decided and applied. */
import type { Command } from '../../events/command.ts';
import type { ErrnoName } from '../../events/errno.ts';
import type { Event } from '../../events/event.ts';
import { type Outcome, refuse } from '../../events/outcome.ts';
import { errnoOf } from '../../events/rules.ts';
import { decide } from '../../machines/decide.ts';
import { decideFaultRead, decideFaultWrite } from '../../machines/fault.ts';
import { type KernelProfile, kernelProfiles } from '../../machines/kernel-profile.ts';
import { mustBe } from '../../machines/objects.ts';
import type { Platform as Machine } from '../../machines/platform.ts';
import type { Site } from '../../machines/site.ts';
import { closeEvents } from '../../machines/vfio-device.ts';
import {
  type Context,
  emptyContext,
  emptyWorld,
  type OpenFile,
  openFileAt,
  type World,
} from '../../machines/world.ts';
import { applyEvent } from '../../reducers/evolve.ts';

const PID = 1;
const UID = 1000;
/** Where structs and buffers lie (bytes), and where the pages that are mapped do. */
const STRUCT = 0x1000_0000;
const STRUCT_BYTES = 0x1_0000;
export const BUFFER = BigInt(STRUCT + 0x1000);
export const PAGES = 0x2000_0000n;
const PAGES_BYTES = 0x10_0000;

const RECORD_BYTES = 40;

/** One page request as it was read. */
export type Request = Readonly<{ deviceId: number; cookie: number }>;

function kernelOf(release: string): KernelProfile {
  const kernel = kernelProfiles.get(release);
  if (kernel === undefined) throw new Error(`invariant: no profile of ${release}`);
  return kernel;
}

function memory(start: number, length: number) {
  const rights = { read: true, write: true, shared: false };
  return { start, end: start + length, ...rights, kind: 'anon', ino: 0, offset: 0, huge: false };
}

/** The errno of an outcome; undefined where the call succeeded. */
export function errnoFrom({ rule }: Outcome): ErrnoName | undefined {
  return rule === undefined ? undefined : errnoOf(rule);
}

export class Kernel {
  readonly machine: Machine;
  readonly world: World;
  private readonly profile = kernelOf('7.3.4');

  /** A machine that runs already is taken over as it is. */
  constructor(machine: Machine, world?: World) {
    this.machine = machine;
    this.world = world ?? emptyWorld(2 ** 47 - 4096);
    if (world !== undefined) return;
    this.apply([
      { type: 'CredentialsSeen', pid: PID, uid: UID, memlock: 1n << 30n, capabilities: 0n },
      {
        type: 'MappingsSeen',
        pid: PID,
        mappings: [memory(STRUCT, STRUCT_BYTES), memory(Number(PAGES), PAGES_BYTES)],
      },
    ]);
  }

  /** The same machine, to go another way from here. */
  fork(): Kernel {
    return new Kernel(this.machine, structuredClone(this.world));
  }

  apply(events: readonly Event[]): void {
    for (const event of events) applyEvent(this.world, event);
  }

  /** Opens an iommufd; answers its descriptor. */
  openIommu(): number {
    const fd = this.freeDescriptor();
    this.apply([{ type: 'ContextOpened', pid: PID, fd, path: '/dev/iommu', kind: 'iommufd' }]);
    return fd;
  }

  openDevice(path: string): number {
    const fd = this.freeDescriptor();
    this.apply([{ type: 'VfioDeviceOpened', pid: PID, fd, path }]);
    return fd;
  }

  close(fd: number): void {
    const file = this.fileAt(fd);
    const site = this.site(file);
    const released = file.kind === 'vfio-dev' ? closeEvents(site, file) : [];
    this.apply([
      ...released,
      { type: 'DescriptorClosed', pid: PID, fd },
      { type: 'FileReleased', file: file.id },
    ]);
  }

  /** An ioctl; `second` are the bytes of the buffer that it points to. */
  call(fd: number, command: Command, second?: Uint8Array): Outcome {
    const file = this.fileAt(fd);
    const binds = command.type === 'DeviceBindIommufd';
    if (file.kind === 'vfio-dev' && file.phase !== 'bound' && !binds) return refuse('vfio/unbound');
    const outcome = decide(this.site(file, second), command);
    if (outcome.missing !== undefined)
      throw new Error(`invariant: ${command.type} leaves ${outcome.missing} open`);
    this.apply(outcome.events);
    return outcome;
  }

  /** All that waits in a fault queue. */
  read(fd: number): Request[] {
    const file = this.fileAt(fd);
    const site = this.site(file);
    const fault = mustBe(site.context, file.objectId, 'fault');
    const outcome = decideFaultRead(site, fault, fault.queued.length * RECORD_BYTES, undefined);
    this.apply(outcome.events);
    const bytes = outcome.buffer?.[0]?.bytes ?? new Uint8Array(0);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: bytes.length / RECORD_BYTES }, (_, index) => ({
      deviceId: view.getUint32(index * RECORD_BYTES + 4, true),
      cookie: view.getUint32(index * RECORD_BYTES + 36, true),
    }));
  }

  /** Answers one request: success. */
  write(fd: number, cookie: number): Outcome {
    const file = this.fileAt(fd);
    const site = this.site(file);
    const data = new Uint8Array(8);
    new DataView(data.buffer).setUint32(0, cookie, true);
    const outcome = decideFaultWrite(site, mustBe(site.context, file.objectId, 'fault'), data.length, data);
    this.apply(outcome.events);
    return outcome;
  }

  fileAt(fd: number): OpenFile {
    const file = openFileAt(this.world, this.world.processes.get(PID), fd);
    if (file === undefined) throw new Error(`invariant: descriptor ${fd} is not open`);
    return file;
  }

  /** The context behind a descriptor; undefined for a device that is not bound. */
  contextAt(fd: number): Context | undefined {
    return this.world.contexts.get(this.fileAt(fd).contextId);
  }

  /** Pages that count against the limit of the user. */
  charged(): number {
    return this.world.charged.get(`uid:${UID}`) ?? 0;
  }

  freeDescriptor(): number {
    let fd = 3;
    while (this.world.processes.get(PID)?.fds.has(fd)) fd++;
    return fd;
  }

  private site(file: OpenFile, second?: Uint8Array): Site {
    const process = this.world.processes.get(PID);
    if (process === undefined) throw new Error(`invariant: no process ${PID}`);
    return {
      world: this.world,
      kernel: this.profile,
      platform: this.machine,
      process,
      space: this.world.spaces.get(process.spaceId),
      // A device file that is not bound has none; only BIND is called on it, which looks for its own.
      context: this.world.contexts.get(file.contextId) ?? NO_CONTEXT,
      file,
      arg: STRUCT,
      structLength: 64,
      second,
      descriptor: undefined,
      newFd: this.freeDescriptor(),
      trusting: false,
      adoptedIova: undefined,
      reissued: () => false,
    };
  }
}

const NO_CONTEXT = emptyContext(0);
