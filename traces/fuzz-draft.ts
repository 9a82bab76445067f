/** An ioctl under construction: a struct whose fields are filled one by one, against the objects that live now. */
import type { CommandType, StructCommand } from '../events/command.ts';
import { Random } from '../explore/random.ts';
import type { IommuObject, ObjectKind } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import { type StructLayout, widthOf } from './decode-struct.ts';
import type { NamedDescriptor, Names } from './fuzz-names.ts';
import { BAD_BUFFERS, BUFFERS } from './fuzz-values.ts';
import type { Make, SecondBuffer, Use } from './program.ts';
import type { DescriptorRole } from './program-fields.ts';
import { commandLayouts } from './uapi/registry.ts';

export type StructType = StructCommand['type'];

/** What has to be made first; `nest-parent` and `dirty-hwpt` are paging HWPTs with that trait. */
export type Want =
  | ObjectKind
  | DescriptorRole
  | 'vfio-dev'
  | 'bound-device'
  | 'nest-parent'
  | 'dirty-hwpt'
  | 'compat'
  | 'compat-area'
  | 'type1'
  | 'tracking'
  | 'reporting'
  | 'viommu-hwpt'
  | 'fault-hwpt'
  | 'faulting'
  | 'area';

type FieldPlace = Readonly<{ at: number; width: number }>;

const places = new Map<StructLayout, Map<string, FieldPlace>>();

/** Offsets and widths of a layout's fields, worked out once. */
export function placesOf(layout: StructLayout): ReadonlyMap<string, FieldPlace> {
  let found = places.get(layout);
  if (found === undefined) {
    found = new Map(
      Object.entries(layout.fields).map(([name, [, at, type]]) => [name, { at, width: widthOf(type) }]),
    );
    places.set(layout, found);
  }
  return found;
}

/** One buffer for all drafts; a finished one is copied out of it. Bytes. */
const SCRATCH_SIZE = 256;
const SCRATCH = new Uint8Array(SCRATCH_SIZE);
const SCRATCH_VIEW = new DataView(SCRATCH.buffer);

/** Where finished structs lie, one after another: V8 takes ten times as long for memory of their own. */
const SLAB_SIZE = 16 * 1024;
const WORD = 4;
let slab = new Uint32Array(SLAB_SIZE / WORD);
let slabUsed = 0;
const SCRATCH_WORDS = new Uint32Array(SCRATCH.buffer);

export class Draft {
  random: Random = new Random(0);
  readonly names: Names;
  context: Context;
  type: StructType = 'Destroy';
  layout: StructLayout = commandLayouts.Destroy;
  readonly view: DataView = SCRATCH_VIEW;
  uses: Use[] = [];
  makes: Make[] = [];
  second: SecondBuffer | undefined = undefined;
  /** The mock's operations can be asked. */
  isMock = true;
  /** What lives nowhere and is needed; the draft is worth nothing then. */
  want: Want | undefined = undefined;
  /** What this draft is made for, where it is a step towards another one. */
  aim: Want | undefined = undefined;
  /** Share of edge values among plain ones, 0 to 1. */
  edge = 0.1;

  constructor(names: Names, context: Context) {
    this.context = context;
    this.names = names;
  }

  /** Starts over with an empty struct of this command. */
  begin(type: StructType, context: Context): void {
    this.type = type;
    this.context = context;
    this.layout = commandLayouts[type];
    SCRATCH.fill(0, 0, this.layout.size);
    this.view.setUint32(0, this.layout.size, true);
    this.uses = [];
    this.makes = [];
    this.second = undefined;
    this.want = undefined;
  }

  /** The struct as it stands, `length` bytes of it or all. */
  bytes(length = this.layout.size): Uint8Array {
    if (slabUsed + SCRATCH_SIZE > SLAB_SIZE) {
      slab = new Uint32Array(SLAB_SIZE / WORD);
      slabUsed = 0;
    }
    const from = slabUsed;
    for (let word = 0; word * WORD < length; word++, slabUsed += WORD)
      slab[slabUsed / WORD] = SCRATCH_WORDS[word] as number;
    return new Uint8Array(slab.buffer, from, length);
  }

  set(field: string, value: number): void {
    const place = this.place(field);
    if (place.width === 4) this.view.setUint32(place.at, value >>> 0, true);
    else if (place.width === 2) this.view.setUint16(place.at, value, true);
    else if (place.width === 8) this.view.setBigUint64(place.at, BigInt(value), true);
    else this.view.setUint8(place.at, value);
  }

  set64(field: string, value: bigint): void {
    this.view.setBigUint64(this.place(field).at, value, true);
  }

  private place(field: string): FieldPlace {
    const place = placesOf(this.layout).get(field);
    if (place === undefined) throw new Error(`invariant: ${this.type} has no field ${field}`);
    return place;
  }

  /** Names an object; by its number where no resource stands for it. */
  object(field: string, id: number): void {
    this.setName(field, id, this.names.nameOf(this.context.id, id));
  }

  private setName(field: string, value: number, resource: number | undefined): void {
    const { at } = this.place(field);
    this.view.setUint32(at, value >>> 0, true);
    if (resource !== undefined) this.uses.push({ at, width: 4, resource });
  }

  /** Names a live object of this kind, and answers it. Where there is none the draft fails, wanting one. */
  live<K extends ObjectKind>(
    field: string,
    kind: K,
    fits?: (object: Extract<IommuObject, { kind: K }>) => boolean,
    want: Want = kind,
  ): Extract<IommuObject, { kind: K }> | undefined {
    const found = this.find(kind, fits);
    if (found === undefined) this.want = want;
    else this.object(field, found.id);
    return found;
  }

  /** A live object of this kind, each as likely as another. */
  find<K extends ObjectKind>(
    kind: K,
    fits?: (object: Extract<IommuObject, { kind: K }>) => boolean,
  ): Extract<IommuObject, { kind: K }> | undefined {
    const { objects } = this.context;
    let found: Extract<IommuObject, { kind: K }> | undefined;
    let seen = 0;
    for (let id = 1; id < objects.length; id++) {
      const object = objects[id];
      if (object?.kind !== kind) continue;
      const one = object as Extract<IommuObject, { kind: K }>;
      if (fits !== undefined && !fits(one)) continue;
      if (this.random.below(++seen) === 0) found = one;
    }
    return found;
  }

  /** Names an open descriptor of this role. */
  descriptor(field: string, role: DescriptorRole): NamedDescriptor | undefined {
    const found = this.findDescriptor(role);
    if (found === undefined) this.want = role;
    else this.setName(field, 0, found.resource);
    return found;
  }

  findDescriptor(role: NamedDescriptor['role']): NamedDescriptor | undefined {
    let found: NamedDescriptor | undefined;
    let seen = 0;
    for (const one of this.names.descriptors)
      if (one.role === role && this.random.below(++seen) === 0) found = one;
    return found;
  }

  /** Whether a field still holds this address. */
  pointsTo(address: bigint): boolean {
    for (const { at, width } of placesOf(this.layout).values())
      if (width === 8 && this.view.getBigUint64(at, true) === address) return true;
    return false;
  }

  /** The kernel fills this field with something that later steps can name. */
  make(field: string): void {
    this.makes.push({ field, resource: this.names.fresh() });
  }

  /** The second buffer: these bytes, in memory that is all right unless an edge is drawn. */
  buffer(field: string, bytes: Uint8Array): void {
    const bad = this.random.chance(this.edge * 0.5);
    const address = this.random.pick(bad ? BAD_BUFFERS : BUFFERS);
    this.set64(field, address);
    if (!bad) this.second = { address, bytes };
    else if (address === BAD_BUFFERS[1]) this.second = { address, bytes };
    else if (address === BAD_BUFFERS[3]) this.second = { address, bytes: bytes.subarray(0, 16) };
    else if (address === BAD_BUFFERS[4]) this.second = { address, bytes: bytes.subarray(0, 8) };
  }
}

export type Fill = (draft: Draft) => void;
export type Fills = Readonly<Partial<Record<CommandType, Fill>>>;
