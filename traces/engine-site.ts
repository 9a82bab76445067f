/** The site that the engine fills anew for each call: who calls, on which descriptor, with which bytes. */

import { IOMMU_VEVENTQ_ALLOC } from '../events/ioctl-number.ts';
import type { AddressSpace } from '../machines/address-space.ts';
import type { KernelProfile } from '../machines/kernel-profile.ts';
import type { Platform } from '../machines/platform.ts';
import type { DescriptorFact, Site, Supposition } from '../machines/site.ts';
import {
  type Context,
  emptyContext,
  type OpenFile,
  openFileAt,
  type Process,
  type World,
} from '../machines/world.ts';
import { processOf } from '../reducers/process.ts';
import { issuedBy } from './new-descriptor.ts';
import type { IoctlLine, RecordedLine } from './recording.ts';
import { isScanned, scannedArg, scannedView, slotAt } from './scanned-struct.ts';
import { StructBuffer } from './struct-buffer.ts';

/** Where VEVENTQ_ALLOC names its vIOMMU, in hex digits. */
const VIOMMU_DIGITS = [16, 24] as const;

const NO_FILE: OpenFile = {
  id: 0,
  kind: 'iommufd',
  contextId: 0,
  objectId: 0,
  path: '',
  refs: 0,
  phase: 'unbound',
  attached: false,
  pasids: [],
  length: 0n,
  revoked: false,
};
const NO_CONTEXT = emptyContext(0);

export class EngineSite implements Site {
  readonly world: World;
  readonly kernel: KernelProfile;
  readonly platform: Platform;
  process: Process;
  space: AddressSpace | undefined = undefined;
  context: Context = NO_CONTEXT;
  file: OpenFile = NO_FILE;
  structLength = 0;
  secondLacking = false;
  private resultKnown = true;
  /** Whether a decider wanted to see the second buffer of this call. */
  secondAsked = false;
  descriptor: DescriptorFact | undefined = undefined;
  newFd = -1;
  trusting = false;
  supposing: Supposition | undefined = undefined;
  supposed: Set<string> | undefined = undefined;
  checking = false;
  adoptedIova: bigint | undefined = undefined;
  handled: number | undefined = undefined;
  /** The struct's bytes before the call. */
  readonly struct = new StructBuffer();
  private readonly secondBuffer = new StructBuffer();
  private secondBytes: Uint8Array | undefined;
  /** The second buffer as the line has it, until somebody asks for its bytes. */
  private secondText: string | undefined;
  private argText = '0x0';
  /** NaN until it is asked for. */
  private parsedArg = Number.NaN;

  constructor(world: World, kernel: KernelProfile, platform: Platform) {
    this.world = world;
    this.kernel = kernel;
    this.platform = platform;
    this.process = processOf(world, 0);
  }

  /** User address of the struct; most calls never ask for it. */
  get arg(): number {
    if (Number.isNaN(this.parsedArg)) this.parsedArg = Number(this.argText);
    return this.parsedArg;
  }

  /** All 64 bits of the argument, for commands that take a value. */
  get argValue(): bigint {
    return BigInt(this.argText);
  }

  /** The lines that follow, as far as they were read. */
  upcoming: Iterable<RecordedLine> = [];

  readonly reissued = (fd: number): boolean => {
    for (const line of this.upcoming) {
      if (line.ev === 'close' && line.pid === this.process.pid && line.fd === fd) return false;
      if (line.ev === 'program') return false;
      if (line.ev === 'open' && line.pid === this.process.pid && line.fd === fd) return true;
      if (line.ev === 'ioctl' && line.pid === this.process.pid && issuedBy(line) === fd) return true;
    }
    return false;
  };

  readonly remade = (viommuId: number): boolean => {
    const { pid } = this.process;
    if (this.resultKnown) return false;
    for (const next of this.upcoming) {
      if (next.ev !== 'ioctl' || next.pid !== pid) continue;
      if (Number(next.req) !== IOMMU_VEVENTQ_ALLOC) return false;
      const word = Buffer.from(next.in.slice(...VIOMMU_DIGITS), 'hex');
      return word.length === 4 && word.readUInt32LE(0) === viommuId;
    }
    return false;
  };

  /** A call of `pid` on `fd`; answers the open file, if the descriptor has a lineage. */
  arrive(pid: number, fd: number): OpenFile | undefined {
    const { world } = this;
    this.process = world.processes.get(pid) ?? processOf(world, pid);
    this.space = world.spaces.get(this.process.spaceId);
    const file = openFileAt(world, this.process, fd);
    this.file = file ?? NO_FILE;
    this.context = (file === undefined ? undefined : world.contexts.get(file.contextId)) ?? NO_CONTEXT;
    this.trusting = false;
    return file;
  }

  get second(): Uint8Array | undefined {
    this.secondAsked = true;
    if (this.secondText !== undefined) {
      this.secondBuffer.load(this.secondText);
      this.second = this.secondBuffer.bytes.subarray(0, this.secondBuffer.length);
    }
    return this.secondBytes;
  }

  set second(bytes: Uint8Array | undefined) {
    this.secondBytes = bytes;
    this.secondText = undefined;
  }

  /** The bytes that the call brings. */
  load(line: IoctlLine): void {
    this.argText = line.arg;
    if (isScanned(line)) {
      this.parsedArg = scannedArg(line);
      this.struct.take(scannedView, slotAt(line.seq), line.in.length >>> 1);
    } else {
      this.parsedArg = Number.NaN;
      this.struct.load(line.in);
    }
    this.secondBytes = undefined;
    this.secondText = line.ptrIn;
    this.secondAsked = false;
    this.resultKnown = line.ret !== undefined;
    this.secondLacking = line.lacks?.second === true;
  }
}
