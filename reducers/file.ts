/** What events leave behind in descriptors, open files and the life of contexts. */
import type { FileEvent } from '../events/file.ts';
import { unreachable } from '../events/unreachable.ts';
import { advance } from '../machines/lifecycle.ts';
import { tables } from '../machines/lifecycles.ts';
import {
  type Context,
  emptyContext,
  type FileKind,
  type OpenFile,
  type Process,
  type World,
} from '../machines/world.ts';
import { destroyAccess } from './access.ts';
import { contextOf, step, use } from './objects.ts';
import { releaseAll } from './pages.ts';
import { processOf } from './process.ts';

/** `path` is empty for descriptors that an ioctl handed out. */
function newFile(world: World, kind: FileKind, path: string, contextId = 0): OpenFile {
  const id = world.nextFileId++;
  const file: OpenFile = {
    id,
    kind,
    contextId,
    objectId: 0,
    path,
    refs: 1,
    phase: tables['vfio-file'].initial,
    attached: false,
    pasids: [],
    length: 0n,
    revoked: false,
  };
  world.files.set(id, file);
  return file;
}

/** The number is handed out again: what had it was closed, and the recording did not tell. */
function releaseUnseen(world: World, process: Process, fd: number, fileId: number): void {
  const file = world.files.get(fileId);
  process.fds.delete(fd);
  if (file === undefined) return;
  if (file.kind === 'eventq') process.closesUnseen = true;
  file.refs--;
  if (file.refs === 0) releaseFile(world, fileId);
}

/** Lower numbers kept in mind: a damaged recording can tell of any. */
const FOREIGN_MAX = 1024;

/** Gives `fd` to the file. All lower numbers are in use: what we do not know there belongs to others. */
function install(world: World, pid: number, fd: number, file: OpenFile): void {
  const process = processOf(world, pid);
  if (fd < 0) return;
  const former = process.fds.get(fd);
  if (former !== undefined) releaseUnseen(world, process, fd, former);
  process.fds.set(fd, file.id);
  process.foreign.delete(fd);
  const known = Math.min(fd, FOREIGN_MAX);
  for (let lower = 0; lower < known; lower++) if (!process.fds.has(lower)) process.foreign.add(lower);
}

function newContext(world: World, kind: 'iommufd' | 'vfio-container'): Context {
  const id = world.nextContextId++;
  const context = emptyContext(id);
  if (kind === 'vfio-container') context.accountMode = 'mm';
  context.refs = 1;
  world.contexts.set(id, context);
  return context;
}

/** The last reference went: every object, pin and charge of the context goes with it. */
export function endIfUnused(world: World, context: Context): void {
  if (context.refs > 0) return;
  releaseAll(world, context);
  world.contexts.delete(context.id);
}

function closeDescriptor(world: World, pid: number, fd: number): void {
  const process = processOf(world, pid);
  const fileId = process.fds.get(fd);
  process.fds.delete(fd);
  process.foreign.delete(fd);
  const file = fileId === undefined ? undefined : world.files.get(fileId);
  if (file !== undefined) file.refs--;
}

function releaseFile(world: World, id: number): void {
  const file = world.files.get(id);
  if (file === undefined) throw new Error(`invariant: no open file ${id}`);
  world.files.delete(id);
  if (file.kind === 'vfio-dev') file.phase = advance(tables['vfio-file'], file.phase, 'FileReleased');
  if (file.contextId === 0) return;
  const context = contextOf(world, file.contextId);
  if (context.broken === '') closeObject(world, context, file);
  context.refs--;
  endIfUnused(world, context);
}

function closeObject(world: World, context: Context, file: OpenFile): void {
  if (file.kind === 'access') destroyAccess(world, context, file.objectId);
  if (file.kind === 'fault') {
    step(context, file.objectId, 'fault', 'FaultQueueClosed');
    use(context, file.objectId, -1);
  }
  if (file.kind === 'eventq') {
    step(context, file.objectId, 'veventq', 'VeventqClosed');
    use(context, file.objectId, -1);
  }
}

/** Every importer of the dma-buf lets go: its mappings are gone for good, whichever way the flag was set. */
function revoke(world: World, fileId: number, revoked: boolean): void {
  const file = world.files.get(fileId);
  if (file === undefined) throw new Error(`invariant: no dma-buf ${fileId}`);
  file.revoked = revoked;
  for (const context of world.contexts.values()) {
    for (const pages of context.pages.values())
      if (pages.kind === 'dmabuf' && pages.ino === fileId) pages.detached = true;
  }
}

export function reduceFile(world: World, event: FileEvent): void {
  switch (event.type) {
    case 'ContextOpened': {
      const context = newContext(world, event.kind);
      install(world, event.pid, event.fd, newFile(world, event.kind, event.path, context.id));
      return;
    }
    case 'VfioDeviceOpened':
      install(world, event.pid, event.fd, newFile(world, 'vfio-dev', event.path));
      return;
    case 'DescriptorIssued': {
      const { kind, context: contextId, id: objectId, length } = event;
      const file = newFile(world, kind, '', contextId);
      file.objectId = objectId;
      file.length = length;
      install(world, event.pid, event.fd, file);
      if (contextId !== 0) contextOf(world, contextId).refs++;
      return;
    }
    case 'DescriptorDuplicated': {
      const fileId = processOf(world, event.pid).fds.get(event.from);
      const file = fileId === undefined ? undefined : world.files.get(fileId);
      if (file === undefined) return;
      file.refs++;
      install(world, event.pid, event.fd, file);
      return;
    }
    case 'DescriptorClosed':
      closeDescriptor(world, event.pid, event.fd);
      return;
    case 'FileReleased':
      releaseFile(world, event.file);
      return;
    case 'UnseenCloseNoticed':
      processOf(world, event.pid).closesUnseen = true;
      return;
    case 'DmabufRevoked':
      revoke(world, event.file, event.revoked);
      return;
    case 'WindowMapped': {
      const context = contextOf(world, event.context);
      const { id: ownerId, pid, address, length } = event;
      context.mappings.push({ ownerId, pid, address, length });
      context.refs++;
      use(context, ownerId, 1);
      return;
    }
    case 'InvariantBroken':
      contextOf(world, event.context).broken = event.invariant;
      return;
    default:
      unreachable(event);
  }
}
