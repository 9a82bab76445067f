/** What events leave behind in processes and their memory. */
import type { MappingFact, MemoryEvent } from '../events/memory.ts';
import { unreachable } from '../events/unreachable.ts';
import { type AddressSpace, unknownSpace, type Vma, vmaAt } from '../machines/address-space.ts';
import type { Process, World } from '../machines/world.ts';
import { endIfUnused } from './file.ts';
import { contextOf, use } from './objects.ts';

const CAPABILITIES_ALL = (1n << 41n) - 1n;
const MEMLOCK_DEFAULT = 8n << 20n;

/** The process, made with a root user's rights where the recording has not introduced it. */
export function processOf(world: World, pid: number): Process {
  let process = world.processes.get(pid);
  if (process === undefined) {
    process = {
      pid,
      spaceId: pid,
      uid: 0,
      memlock: MEMLOCK_DEFAULT,
      capabilities: CAPABILITIES_ALL,
      fds: new Map(),
      foreign: new Set(),
    };
    world.processes.set(pid, process);
    world.spaces.set(pid, unknownSpace(pid, world.userTop));
    // The map may hold a draft of the object just stored.
    process = world.processes.get(pid) as Process;
  }
  return process;
}

export function reduceMemory(world: World, event: MemoryEvent): void {
  switch (event.type) {
    case 'CredentialsSeen': {
      const process = processOf(world, event.pid);
      process.uid = event.uid;
      process.memlock = event.memlock;
      process.capabilities = event.capabilities;
      return;
    }
    case 'MappingsSeen': {
      const process = processOf(world, event.pid);
      const space = world.spaces.get(process.spaceId) ?? unknownSpace(process.spaceId, world.userTop);
      world.spaces.set(process.spaceId, withMappings(space, event.mappings));
      unmapWindows(world, event.pid);
      return;
    }
    case 'ProcessForked':
      fork(world, event.pid, event.parent);
      return;
    case 'ProcessExited': {
      const process = processOf(world, event.pid);
      const space = world.spaces.get(process.spaceId);
      if (space !== undefined) world.spaces.set(process.spaceId, { ...space, vmas: [], gone: true });
      unmapWindows(world, event.pid);
      return;
    }
    case 'FileSized': {
      const inode = world.inodes.get(event.ino);
      if (inode === undefined)
        world.inodes.set(event.ino, { ino: event.ino, size: event.size, generation: 0 });
      else inode.size = event.size;
      return;
    }
    case 'FileTruncated': {
      const inode = world.inodes.get(event.ino);
      const shrinks = inode !== undefined && event.size < inode.size;
      const generation = (inode?.generation ?? 0) + (shrinks ? 1 : 0);
      world.inodes.set(event.ino, { ino: event.ino, size: event.size, generation });
      return;
    }
    default:
      unreachable(event);
  }
}

function fork(world: World, pid: number, parentPid: number): void {
  const parent = processOf(world, parentPid);
  const space = world.spaces.get(parent.spaceId) ?? unknownSpace(parent.spaceId, world.userTop);
  world.spaces.set(pid, { ...space, id: pid });
  world.processes.set(pid, {
    ...parent,
    pid,
    spaceId: pid,
    fds: new Map(parent.fds),
    foreign: new Set(parent.foreign),
  });
  for (const fileId of parent.fds.values()) {
    const file = world.files.get(fileId);
    if (file !== undefined) file.refs++;
  }
}

/** A new picture of the mappings: bytes that were mapped alike before keep their pages, the rest has new ones. */
function withMappings(space: AddressSpace, mappings: readonly MappingFact[]): AddressSpace {
  const told = space.told + 1;
  const vmas: Vma[] = [];
  for (const mapping of mappings) appendMapping(space, mapping, told, vmas);
  return { id: space.id, known: true, vmas, told, gone: false, top: space.top };
}

function appendMapping(space: AddressSpace, mapping: MappingFact, told: number, vmas: Vma[]): void {
  let at = mapping.start;
  while (at < mapping.end) {
    const before = vmaAt(space, at);
    const alike = before !== undefined && sameMapping(before, mapping, at);
    const end = Math.min(mapping.end, before?.end ?? nextStart(space, at));
    const offset = mapping.offset + (at - mapping.start);
    vmas.push({ ...mapping, start: at, end, offset, born: alike ? before.born : told });
    at = end;
  }
}

function sameMapping(before: Vma, mapping: MappingFact, at: number): boolean {
  return (
    before.kind === mapping.kind &&
    before.ino === mapping.ino &&
    before.shared === mapping.shared &&
    (mapping.ino === 0 || before.offset + (at - before.start) === mapping.offset + (at - mapping.start))
  );
}

function nextStart(space: AddressSpace, at: number): number {
  for (const vma of space.vmas) if (vma.start > at) return vma.start;
  return Number.POSITIVE_INFINITY;
}

/** munmap is not told: a window is gone when nothing is mapped at its address any more. */
function unmapWindows(world: World, pid: number): void {
  const process = processOf(world, pid);
  const space = world.spaces.get(process.spaceId);
  for (const id of [...world.contexts.keys()]) {
    const context = contextOf(world, id);
    for (const mapping of [...context.mappings]) {
      if (mapping.pid !== pid || (space !== undefined && vmaAt(space, mapping.address) !== undefined))
        continue;
      context.mappings = context.mappings.filter((one) => one !== mapping);
      use(context, mapping.ownerId, -1);
      context.refs--;
      endIfUnused(world, context);
    }
  }
}
