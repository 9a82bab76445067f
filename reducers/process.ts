/** What events leave behind in processes and their memory. */
import type { MappingFact, MemoryEvent } from '../events/memory.ts';
import { unreachable } from '../events/unreachable.ts';
import {
  type AddressSpace,
  fileKey,
  privateKey,
  unknownSpace,
  type Vma,
  vmaAt,
} from '../machines/address-space.ts';
import type { Context, Process, World } from '../machines/world.ts';
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
      closesUnseen: false,
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
  const vmas = space.vmas.map((vma) => (vma.shared ? vma : { ...vma, key: privateKey(pid, vma.born) }));
  world.spaces.set(pid, { ...space, id: pid, vmas });
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
  let index = 0;
  for (const mapping of mappings) index = appendMapping(space, mapping, told, index, vmas);
  return { id: space.id, known: true, vmas, told, gone: false, top: space.top };
}

/** Cuts a mapping where the old ones begin and end; answers the index of the old mapping to go on with. */
function appendMapping(
  space: AddressSpace,
  mapping: MappingFact,
  told: number,
  from: number,
  vmas: Vma[],
): number {
  let at = mapping.start;
  let index = from;
  while (at < mapping.end) {
    while (index < space.vmas.length && (space.vmas[index] as Vma).end <= at) index++;
    const next = space.vmas[index];
    const before = next !== undefined && next.start <= at ? next : undefined;
    const alike = before !== undefined && sameMapping(before, mapping, at);
    const end = Math.min(mapping.end, before?.end ?? next?.start ?? mapping.end);
    vmas.push(pieceOf(space, mapping, at, end, alike ? before.born : told));
    at = end;
  }
  return index;
}

function pieceOf(space: AddressSpace, mapping: MappingFact, start: number, end: number, born: number): Vma {
  const { read, write, shared, kind, ino, huge } = mapping;
  const offset = mapping.offset + (start - mapping.start);
  const key = shared ? fileKey(ino, 0) : privateKey(space.id, born);
  return { start, end, read, write, shared, kind, ino, offset, huge, born, key };
}

function sameMapping(before: Vma, mapping: MappingFact, at: number): boolean {
  return (
    before.kind === mapping.kind &&
    before.ino === mapping.ino &&
    before.shared === mapping.shared &&
    (mapping.ino === 0 || before.offset + (at - before.start) === mapping.offset + (at - mapping.start))
  );
}

/** A recording without results does not hold the address: a mapping of the window's length that is new has it. */
function locateWindows(context: Context, space: AddressSpace | undefined, pid: number): void {
  for (const mapping of context.mappings) {
    if (mapping.pid !== pid || mapping.address !== 0) continue;
    const found = space?.vmas.find(
      (vma) => vma.born === space.told && vma.kind === 'device' && vma.end - vma.start === mapping.length,
    );
    if (found !== undefined) mapping.address = found.start;
  }
}

/** munmap is not told: a window is gone when nothing is mapped at its address any more. */
function unmapWindows(world: World, pid: number): void {
  const process = processOf(world, pid);
  const space = world.spaces.get(process.spaceId);
  for (const id of [...world.contexts.keys()]) {
    const context = contextOf(world, id);
    locateWindows(context, space, pid);
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
