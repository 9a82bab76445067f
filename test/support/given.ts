/**
 * Given a world, when a command is issued, then an answer: decides, applies the events, and checks after each step that
 * the world still adds up. Process 1 has one iommufd open as descriptor 3, and the memory of memory.ts.
 */
import type { Command } from '../../events/command.ts';
import type { ErrnoName } from '../../events/errno.ts';
import type { Event } from '../../events/event.ts';
import type { Outcome, Patch } from '../../events/outcome.ts';
import { errnoOf, type RuleId } from '../../events/rules.ts';
import { decide } from '../../machines/decide.ts';
import { decideFaultRead, decideFaultWrite } from '../../machines/fault.ts';
import { type KernelProfile, kernelProfiles } from '../../machines/kernel-profile.ts';
import { mustBe } from '../../machines/objects.ts';
import type { Platform } from '../../machines/platform.ts';
import type { DescriptorFact, Site, Supposition } from '../../machines/site.ts';
import { decideVeventqRead } from '../../machines/veventq.ts';
import { decideMmap, type MmapRequest } from '../../machines/viommu.ts';
import { type Context, emptyContext, emptyWorld, type OpenFile, type World } from '../../machines/world.ts';
import { applyEvent } from '../../reducers/evolve.ts';
import { closed, openDescriptors } from '../../traces/facts.ts';
import { inconsistencies } from './consistency.ts';
import { FILE_INODE, MAPPED_BYTES, MAPPINGS, MEMFD_INODE, STRUCT } from './memory.ts';
import { MOCK } from './platforms.ts';

export const USER_TOP = 2 ** 47 - 4096;
export const CAPABILITIES_ALL = (1n << 41n) - 1n;
export const CAPABILITIES_NONE = 0n;

/** Descriptors of files that MAP_FILE can name; every other number is a descriptor that nothing is known of. */
export const MEMFD_FD = 40;
export const PIPE_FD = 41;
export const CLOSED_FD = 42;
export const SIZELESS_FD = 44;
const FACTS: ReadonlyMap<number, DescriptorFact> = new Map([
  [MEMFD_FD, { open: true, ino: MEMFD_INODE, size: BigInt(MAPPED_BYTES), type: 'memfd' }],
  [PIPE_FD, { open: true, ino: FILE_INODE, size: BigInt(MAPPED_BYTES), type: 'fifo' }],
  [CLOSED_FD, { open: false, ino: 0, size: 0n, type: '' }],
]);

export type GivenOptions = Readonly<{
  release?: '7.3.4' | '6.12.117';
  platform?: Platform;
  capabilities?: bigint;
  /** RLIMIT_MEMLOCK in bytes. */
  memlock?: bigint;
  uid?: number;
  path?: '/dev/iommu' | '/dev/vfio/vfio';
  /** The recording has not told any mappings. */
  blind?: boolean;
}>;

/** How a command is issued: by whom, on which descriptor, where its struct lies, what its second buffer holds. */
export type CallOptions = Readonly<{
  pid?: number;
  fd?: number;
  arg?: number;
  structLength?: number;
  second?: Uint8Array;
  descriptor?: DescriptorFact;
  /** The lines to come hand out a descriptor again that was not closed. */
  reissued?: boolean;
  /** The call is known to have succeeded, at this IOVA where the kernel chose one. */
  trusting?: boolean;
  adoptedIova?: bigint;
  /** What is taken for a fact that is missing. */
  supposing?: Supposition;
  /** The outcome is held against a recorded result, which tells how much the kernel did. */
  checking?: boolean;
  handled?: number;
}>;

/** What was answered: a refusal by its rule, a missing fact, or success with the fields written back. */
export type Answer = Readonly<Record<string, unknown>>;

/** The answer of a call that `rule` refuses. `more`: what is written or left behind all the same. */
export function refusal(rule: RuleId, errno: ErrnoName, more: Answer = {}): Answer {
  return { rule, errno, ...more };
}

/** The answer of a call whose result the recording does not hold. */
export function unknown(missing: string): Answer {
  return { missing };
}

function bytesOf(patches: readonly Patch[] | undefined): readonly string[] | undefined {
  if (patches === undefined || patches.length === 0) return undefined;
  return patches.map(({ at, bytes, unknowable }) => {
    return `${at}: ${unknowable ? '??'.repeat(bytes.length) : Buffer.from(bytes).toString('hex')}`;
  });
}

export function answerOf(outcome: Outcome): Answer {
  const { ret, rule, missing, reply, events } = outcome;
  if (missing !== undefined) return { missing };
  const bytes = bytesOf(outcome.buffer ?? outcome.raw);
  const written = { ...reply, ...(bytes === undefined ? {} : { bytes }) };
  if (rule === undefined) return { ...(ret === 0 ? {} : { ret }), ...written };
  const left = events.map(({ type }) => type);
  return { rule, errno: errnoOf(rule), ...written, ...(left.length === 0 ? {} : { left }) };
}

export class Given {
  readonly world: World;
  readonly kernel: KernelProfile;
  readonly platform: Platform;
  /** Every event so far. */
  readonly log: Event[] = [];

  constructor(options: GivenOptions) {
    this.world = emptyWorld(USER_TOP);
    const kernel = kernelProfiles.get(options.release ?? '7.3.4');
    if (kernel === undefined) throw new Error('no such release');
    this.kernel = kernel;
    this.platform = options.platform ?? MOCK;
    const { uid = 0, memlock = 8n << 20n, capabilities = CAPABILITIES_ALL } = options;
    this.told({ type: 'CredentialsSeen', pid: 1, uid, memlock, capabilities });
    if (!options.blind) this.told({ type: 'MappingsSeen', pid: 1, mappings: MAPPINGS });
    for (const ino of [MEMFD_INODE, FILE_INODE])
      this.told({ type: 'FileSized', ino, size: BigInt(MAPPED_BYTES) });
    this.open(options.path ?? '/dev/iommu');
  }

  /** Facts of the recording. */
  told(...events: readonly Event[]): this {
    for (const event of events) {
      this.log.push(event);
      applyEvent(this.world, event);
    }
    const wrong = inconsistencies(this.world);
    if (wrong.length > 0) throw new Error(`after ${events.at(-1)?.type}: ${wrong.join('; ')}`);
    return this;
  }

  /** Calls that have to succeed. */
  after(...commands: readonly (Command | readonly [Command, CallOptions])[]): this {
    for (const step of commands) {
      const [command, options] = Array.isArray(step) ? step : [step as Command, {}];
      const answer = this.when(command, options);
      if ('rule' in answer || 'missing' in answer) {
        throw new Error(`${command.type} should succeed: ${JSON.stringify(answer)}`);
      }
    }
    return this;
  }

  /** Decides and applies. */
  when(command: Command, options: CallOptions = {}): Answer {
    return answerOf(this.outcome(command, options));
  }

  outcome(command: Command, options: CallOptions = {}): Outcome {
    const known = command.type === 'IoasMapFile' ? FACTS.get(command.fd) : undefined;
    const descriptor = options.descriptor ?? known;
    if (descriptor?.open) this.told({ type: 'FileSized', ino: descriptor.ino, size: descriptor.size });
    const site = this.site({ ...options, ...(descriptor === undefined ? {} : { descriptor }) });
    return this.settle(decide(site, command));
  }

  private settle(outcome: Outcome): Outcome {
    this.told(...outcome.events);
    return outcome;
  }

  /** Where a call with these options is issued. */
  site(options: CallOptions = {}): Site {
    const { pid = 1, fd = 3, arg = STRUCT, structLength = 64 } = options;
    const process = this.world.processes.get(pid);
    const file = this.fileOf(fd, pid);
    const context = this.world.contexts.get(file.contextId);
    if (process === undefined) throw new Error(`no process ${pid}`);
    return {
      world: this.world,
      kernel: this.kernel,
      platform: this.platform,
      process,
      space: this.world.spaces.get(process.spaceId),
      context: context ?? NO_CONTEXT,
      file,
      arg,
      structLength,
      second: options.second,
      descriptor: options.descriptor,
      newFd: this.freeDescriptor(pid),
      trusting: options.trusting ?? false,
      adoptedIova: options.adoptedIova,
      supposing: options.supposing,
      checking: options.checking ?? false,
      handled: options.handled,
      reissued: () => options.reissued ?? false,
    };
  }

  fileOf(fd: number, pid = 1): OpenFile {
    const file = this.world.files.get(this.world.processes.get(pid)?.fds.get(fd) ?? 0);
    if (file === undefined) throw new Error(`process ${pid} has no descriptor ${fd}`);
    return file;
  }

  /** The lowest number from 3 on that the process does not use. */
  freeDescriptor(pid = 1): number {
    let fd = 3;
    while (this.world.processes.get(pid)?.fds.has(fd)) fd++;
    return fd;
  }

  /** Opens a device; answers the descriptor. */
  open(path: string, pid = 1): number {
    const fd = this.freeDescriptor(pid);
    if (path === '/dev/iommu') this.told({ type: 'ContextOpened', pid, fd, path, kind: 'iommufd' });
    else if (path === '/dev/vfio/vfio')
      this.told({ type: 'ContextOpened', pid, fd, path, kind: 'vfio-container' });
    else this.told({ type: 'VfioDeviceOpened', pid, fd, path });
    return fd;
  }

  close(fd: number, pid = 1): this {
    return this.told(...closed(this.site({ pid, fd }), this.world, pid, fd));
  }

  fork(pid: number, parent = 1): this {
    return this.told({ type: 'ProcessForked', pid, parent });
  }

  exit(pid: number): this {
    for (const fd of openDescriptors(this.world, pid)) this.close(fd, pid);
    return this.told({ type: 'ProcessExited', pid });
  }

  /** read() of `length` bytes from a fault or event queue. */
  read(fd: number, length: number, address?: number): Answer {
    const site = this.site({ fd });
    const { kind, objectId } = site.file;
    if (kind === 'fault')
      return answerOf(
        this.settle(decideFaultRead(site, mustBe(site.context, objectId, 'fault'), length, address)),
      );
    const queue = mustBe(site.context, objectId, 'veventq');
    return answerOf(this.settle(decideVeventqRead(site, queue, length, address)));
  }

  /** write() to a fault queue. */
  write(fd: number, data: Uint8Array, length = data.length): Answer {
    const site = this.site({ fd });
    const fault = mustBe(site.context, site.file.objectId, 'fault');
    return answerOf(this.settle(decideFaultWrite(site, fault, length, data)));
  }

  mmap(request: Partial<MmapRequest>): Answer {
    const whole = { length: 0x2000n, prot: 3, flags: 1, offset: 0x1000n, address: STRUCT };
    return answerOf(this.settle(decideMmap(this.site(), { ...whole, ...request })));
  }

  context(fd = 3): Context {
    return this.site({ fd }).context;
  }

  /** Pages charged to an account, `uid:0` or `mm:1`. */
  charged(account: string): number {
    return this.world.charged.get(account) ?? 0;
  }
}

const NO_CONTEXT = emptyContext(0);

/** A process with an iommufd on descriptor 3; Linux 7.3.4, the mock, root, 8 MiB of lockable memory. */
export function given(options: GivenOptions = {}): Given {
  return new Given(options);
}
