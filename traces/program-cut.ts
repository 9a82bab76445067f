/** Programs cut from a recording: one for each process and for each random program, with the resources found again in its bytes. */
import type { StructLayout } from './decode-struct.ts';
import { entryOfLine } from './decoded-call.ts';
import { ioctlStep, NO_PROPS, type Program } from './program.ts';
import { canonical } from './program-canonical.ts';
import {
  ARENA_END,
  ARENA_START,
  FUZZ_MEMORY,
  READ_ONLY_START,
  STRUCT_START,
  unmapped,
} from './program-memory.ts';
import { Cut, threaded } from './program-thread.ts';
import { VALUE_REQUESTS } from './program-values.ts';
import type { IoctlLine, RecordedLine, TraceLine, Vma } from './recording.ts';

/** Cuts a whole recording; hands each program on as soon as its last line is known. */
export class ProgramCutter {
  private header: TraceLine | undefined;
  private readonly cuts = new Map<number, Cut>();
  private readonly memories = new Map<number, readonly Vma[]>();
  private readonly onProgram: (program: Program) => void;

  constructor(onProgram: (program: Program) => void) {
    this.onProgram = onProgram;
  }

  feed(line: RecordedLine): void {
    if (line.ev === 'trace' || line.ev === 'program') {
      this.end();
      if (line.ev === 'trace') this.header = line;
      return;
    }
    if (!('pid' in line)) return;
    const { pid } = line;
    let cut = this.cuts.get(pid);
    if (cut === undefined) {
      cut = new Cut();
      cut.memory = this.memories.get(line.ev === 'fork' ? line.parent : pid);
      this.cuts.set(pid, cut);
    }
    if (line.ev === 'vmas') {
      this.memories.set(pid, line.vmas);
      if (cut.memory === undefined || cut.steps.length === 0) cut.memory = line.vmas;
      else cut.steps.push({ call: 'memory', memory: withPlaces(line.vmas), props: NO_PROPS });
    } else cutLine(cut, line);
  }

  /** The recording is over. */
  end(): void {
    const { header } = this;
    for (const cut of this.cuts.values()) {
      if (header === undefined || !cut.steps.some(({ call }) => call === 'ioctl')) continue;
      const { kernel, arch, iommu, machine } = header;
      const plain = { kernel, arch, iommu };
      const target = machine === undefined ? plain : { ...plain, machine };
      this.onProgram(canonical({ target, memory: withPlaces(cut.memory ?? []), steps: cut.steps }));
    }
    this.cuts.clear();
  }
}

/** The memory of the recording, with the data area added where the structs of the program go. */
function withPlaces(memory: readonly Vma[]): readonly Vma[] {
  const rest = unmapped(memory, ARENA_START, ARENA_END);
  return [...rest, ...FUZZ_MEMORY].sort((one, other) => Number(one[0]) - Number(other[0]));
}

function cutLine(cut: Cut, line: RecordedLine): void {
  switch (line.ev) {
    case 'cred': {
      const { uid, memlock, capEff } = line;
      cut.steps.push({ call: 'cred', uid, memlock, capEff, props: NO_PROPS });
      return;
    }
    case 'open': {
      const fd = line.fd ?? line.nextFd;
      const make = cut.fresh();
      cut.steps.push({ call: 'open', path: line.path, make, props: NO_PROPS });
      if (fd !== undefined && line.errno === undefined) cut.openAs(fd, make);
      return;
    }
    case 'close':
      cut.steps.push({ call: 'close', fd: cut.operand(line.fd), props: NO_PROPS });
      cut.close(line.fd);
      return;
    case 'dup':
      cutDup(cut, line);
      return;
    case 'read':
      cut.steps.push({ call: 'read', fd: cut.operand(line.fd), length: line.len, props: NO_PROPS });
      return;
    case 'write': {
      const bytes = new Uint8Array(Buffer.from(line.data, 'hex'));
      cut.steps.push({ call: 'write', fd: cut.operand(line.fd), length: line.len, bytes, props: NO_PROPS });
      return;
    }
    case 'mmap':
      cutMmap(cut, line);
      return;
    case 'ftruncate': {
      const file = cut.fileOf(line.ino);
      if (file !== undefined)
        cut.steps.push({
          call: 'ftruncate',
          fd: { resource: file },
          size: BigInt(line.size),
          props: NO_PROPS,
        });
      return;
    }
    case 'ioctl':
      cutIoctl(cut, line);
      return;
    default:
  }
}

function cutDup(cut: Cut, line: Extract<RecordedLine, { ev: 'dup' }>): void {
  const make = cut.fresh();
  cut.steps.push({ call: 'dup', fd: cut.operand(line.fd), make, props: NO_PROPS });
  if (line.ret !== undefined && line.errno === undefined) cut.openAs(line.ret, make, cut.contextAt(line.fd));
}

function cutMmap(cut: Cut, line: Extract<RecordedLine, { ev: 'mmap' }>): void {
  cut.steps.push({
    call: 'mmap',
    fd: cut.operand(line.fd),
    address: line.errno === undefined ? BigInt(line.addr ?? 0) : 0n,
    length: BigInt(line.len),
    prot: line.prot,
    flags: line.flags,
    offset: BigInt(line.off),
    props: NO_PROPS,
  });
}

function cutIoctl(cut: Cut, line: IoctlLine): void {
  const request = Number(line.req);
  const fd = cut.operand(line.fd);
  if (VALUE_REQUESTS.has(request)) {
    cut.steps.push(ioctlStep(fd, request, BigInt(line.arg), new Uint8Array(0)));
    return;
  }
  const entry = entryOfLine(line);
  const bytes = new Uint8Array(Buffer.from(line.in, 'hex'));
  const step = ioctlStep(fd, request, placeOf(line, bytes, entry?.layout), wholeStruct(bytes, entry?.layout));
  cut.steps.push(entry === undefined ? step : threaded(cut, line, step, entry.type, entry.layout));
}

/** Structs that the caller gave in full are kept in full: bytes past a shorter size are zero, and nobody looks at them. */
function wholeStruct(bytes: Uint8Array, layout: StructLayout | undefined): Uint8Array {
  if (layout === undefined || bytes.length >= layout.size || bytes.length < 4) return bytes;
  const size = new DataView(bytes.buffer).getUint32(0, true);
  if (size > bytes.length) return bytes;
  const whole = new Uint8Array(layout.size);
  whole.set(bytes);
  return whole;
}

/** A place in the data area that can be read exactly as far as the recorded one. */
function placeOf(line: IoctlLine, bytes: Uint8Array, layout: StructLayout | undefined): bigint {
  if (bytes.length === 0) return 0n;
  const size = bytes.length < 4 ? 4 : new DataView(bytes.buffer).getUint32(0, true);
  const known = layout?.size ?? size;
  if (bytes.length < Math.min(size, known, 256)) return BigInt(ARENA_END - bytes.length);
  const faulted = line.errno === 14 && line.out === undefined && layout !== undefined;
  return BigInt(faulted ? READ_ONLY_START : STRUCT_START);
}
