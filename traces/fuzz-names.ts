/** Which resources of a program name which objects and descriptors of the world that it runs on. */
import type { Context } from '../machines/world.ts';
import type { Operand, Resource } from './program.ts';
import type { DescriptorRole } from './program-fields.ts';

/** A descriptor that the program made and has not closed. */
export type NamedDescriptor = Readonly<{
  resource: Resource;
  operand: Operand;
  role: DescriptorRole | 'vfio-dev';
  contextId: number;
  path: string;
}>;

const STALE_KEPT = 8;

export class Names {
  descriptors: NamedDescriptor[] = [];
  /** Names of objects that are gone, the newest last. */
  stale: Resource[] = [];
  /** Windows that are mapped. */
  windows: { address: bigint; length: bigint }[] = [];
  private next = 0;
  /** By context, then by object id. */
  private readonly objects = new Map<number, (Resource | undefined)[]>();

  clear(): void {
    this.descriptors = [];
    this.stale = [];
    this.windows = [];
    this.next = 0;
    this.objects.clear();
  }

  fresh(): Resource {
    return this.next++;
  }

  /** The highest resource so far is below `count`. */
  reserve(count: number): void {
    this.next = Math.max(this.next, count);
  }

  nameOf(contextId: number, id: number): Resource | undefined {
    return this.objects.get(contextId)?.[id];
  }

  /** The object `id` was just made by a step that calls it `resource`. */
  nameObject(context: Context, id: number, resource: Resource): void {
    let names = this.objects.get(context.id);
    if (names === undefined) {
      names = [];
      this.objects.set(context.id, names);
    }
    names[id] = resource;
  }

  /** The object is gone; its name stays as one that means nothing any more. */
  forget(contextId: number, id: number): void {
    const names = this.objects.get(contextId);
    const name = names?.[id];
    if (names === undefined || name === undefined) return;
    names[id] = undefined;
    this.stale.push(name);
    if (this.stale.length > STALE_KEPT) this.stale.shift();
  }

  add(resource: Resource, role: NamedDescriptor['role'], contextId: number, path = ''): void {
    this.descriptors.push({ resource, operand: { resource }, role, contextId, path });
  }

  close(resource: Resource): void {
    this.descriptors = this.descriptors.filter((one) => one.resource !== resource);
    this.stale.push(resource);
    if (this.stale.length > STALE_KEPT) this.stale.shift();
  }
}
