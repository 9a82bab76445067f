/** The resources in a recorded ioctl: what earlier calls made that its struct names, and what it makes itself. */
import type { CommandType } from '../events/command.ts';
import { type StructLayout, widthOf } from './decode-struct.ts';
import {
  type IoctlStep,
  type Make,
  NO_PROPS,
  type Operand,
  type Resource,
  type Step,
  type Use,
} from './program.ts';
import { roleOf } from './program-fields.ts';
import { SECOND_START } from './program-memory.ts';
import type { IoctlLine, RecordedFile, Vma } from './recording.ts';

/** What is being cut: a process between two program marks. */
export class Cut {
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

/** The step with its resources; `cut` remembers what it made. */
export function threaded(
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
