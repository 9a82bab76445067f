/** Programs cut from a recording: one for each process and for each random program, with the resources found again in its bytes. */
import type { CommandType } from '../events/command.ts';
import { type StructLayout, widthOf } from './decode-struct.ts';
import { entryOfLine } from './decoded-call.ts';
import {
  type IoctlStep,
  ioctlStep,
  type Make,
  NO_PROPS,
  type Operand,
  type Program,
  type Resource,
  type Step,
  type Use,
} from './program.ts';
import { canonical } from './program-canonical.ts';
import { roleOf } from './program-fields.ts';
import {
  ARENA_END,
  ARENA_START,
  FUZZ_MEMORY,
  READ_ONLY_START,
  SECOND_START,
  STRUCT_START,
  unmapped,
} from './program-memory.ts';
import { VALUE_REQUESTS } from './program-values.ts';
import type { IoctlLine, RecordedFile, RecordedLine, TraceLine, Vma } from './recording.ts';

/** What is being cut: a process between two program marks. */
class Cut {
  readonly steps: Step[] = [];
  memory: readonly Vma[] | undefined = undefined;
  private next = 0;
  private readonly descriptors = new Map<number, Resource>();
  private readonly files = new Map<number, Resource>();
  /** By context (the resource of the first descriptor of it), then by id. */
  private readonly ids = new Map<number, Map<number, Resource>>();
  private readonly contextOf = new Map<Resource, number>();

  fresh(): Resource {
    return this.next++;
  }

  operand(fd: number): Operand {
    const resource = this.descriptors.get(fd);
    return resource === undefined ? { fd } : { resource };
  }

  openAs(fd: number, resource: Resource, context: number = resource): void {
    this.descriptors.set(fd, resource);
    this.contextOf.set(resource, context);
  }

  close(fd: number): void {
    this.descriptors.delete(fd);
  }

  contextAt(fd: number): number {
    const resource = this.descriptors.get(fd);
    return resource === undefined ? -1 : (this.contextOf.get(resource) ?? resource);
  }

  join(fd: number, context: number): void {
    const resource = this.descriptors.get(fd);
    if (resource !== undefined) this.contextOf.set(resource, context);
  }

  idsOf(context: number): Map<number, Resource> {
    let ids = this.ids.get(context);
    if (ids === undefined) {
      ids = new Map();
      this.ids.set(context, ids);
    }
    return ids;
  }

  resourceOf(fd: number): Resource | undefined {
    return this.descriptors.get(fd);
  }

  /** The memfd with this inode, made by a step of its own where it is met first. */
  memfd(file: RecordedFile): Resource {
    const known = this.files.get(file.ino ?? 0);
    if (known !== undefined) return known;
    const make = this.fresh();
    this.files.set(file.ino ?? 0, make);
    this.steps.push({
      call: 'memfd',
      size: BigInt(file.size ?? 0),
      huge: file.type === 'hugetlb',
      make,
      props: NO_PROPS,
    });
    return make;
  }

  fileOf(ino: number): Resource | undefined {
    return this.files.get(ino);
  }
}

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
    case 'dup': {
      const make = cut.fresh();
      cut.steps.push({ call: 'dup', fd: cut.operand(line.fd), make, props: NO_PROPS });
      if (line.ret !== undefined && line.errno === undefined)
        cut.openAs(line.ret, make, cut.contextAt(line.fd));
      return;
    }
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

function threaded(
  cut: Cut,
  line: IoctlLine,
  step: IoctlStep,
  type: CommandType,
  layout: StructLayout,
): IoctlStep {
  const uses: Use[] = [];
  const makes: Make[] = [];
  const view = new DataView(step.bytes.buffer);
  const context = cut.contextAt(line.fd);
  let { second, file } = step;
  for (const [name, [, at, fieldType]] of Object.entries(layout.fields)) {
    const role = roleOf(type, name);
    const width = widthOf(fieldType);
    if (role === undefined || at + width > step.bytes.length) continue;
    if (role.is === 'id') use(uses, at, cut.idsOf(context).get(view.getUint32(at, true)));
    else if (role.is === 'descriptor') {
      const fd = view.getInt32(at, true);
      if (role.role === 'file') file = useFile(cut, line, uses, at, fd);
      else use(uses, at, cut.resourceOf(fd));
    } else if (role.is === 'buffer' && line.ptr !== undefined && line.ptrIn !== undefined && width === 8) {
      const address = BigInt(SECOND_START);
      second = { address, bytes: new Uint8Array(Buffer.from(line.ptrIn, 'hex')) };
      view.setBigUint64(at, address, true);
    }
  }
  takeMakes(cut, line, makes, type, layout, context);
  return { ...step, uses, makes, second, file };
}

function use(uses: Use[], at: number, resource: Resource | undefined): void {
  if (resource !== undefined) uses.push({ at, width: 4, resource });
}

/** A memfd is made again; of any other file the fact stays with the step. */
function useFile(cut: Cut, line: IoctlLine, uses: Use[], at: number, fd: number): RecordedFile | undefined {
  const own = cut.resourceOf(fd);
  if (own !== undefined) use(uses, at, own);
  else if (line.file?.type === 'memfd' || line.file?.type === 'hugetlb') use(uses, at, cut.memfd(line.file));
  else return line.file;
  return undefined;
}

/** What the call made, where it succeeded; the kernel's answer tells the ids. */
function takeMakes(
  cut: Cut,
  line: IoctlLine,
  makes: Make[],
  type: CommandType,
  layout: StructLayout,
  context: number,
): void {
  const out =
    line.ret === undefined || line.ret < 0 || line.out === undefined
      ? undefined
      : Buffer.from(line.out, 'hex');
  for (const [name, [, at]] of Object.entries(layout.fields)) {
    const role = roleOf(type, name);
    if ((role?.is !== 'made-id' && role?.is !== 'made-descriptor') || at + 4 > line.in.length / 2) continue;
    const resource = cut.fresh();
    makes.push({ field: name, resource });
    if (out === undefined || at + 4 > out.length) continue;
    const value = out.readInt32LE(at);
    if (role.is === 'made-descriptor') cut.openAs(value, resource, context);
    else cut.idsOf(type === 'DeviceBindIommufd' ? boundTo(cut, line) : context).set(value, resource);
  }
}

/** The context that a VFIO device file is bound to from now on. */
function boundTo(cut: Cut, line: IoctlLine): number {
  const context = cut.contextAt(Buffer.from(line.in, 'hex').readInt32LE(8));
  cut.join(line.fd, context);
  return context;
}
