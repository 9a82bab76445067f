/** Lines of a recording that are no calls to predict: what they say of processes, memory and descriptors, as events. */
import type { Event } from '../events/event.ts';
import type { MappingFact } from '../events/memory.ts';
import { outlivedByPasid, PASID_OUTLIVES_DEVICE } from '../machines/binding.ts';
import { mustBe } from '../machines/objects.ts';
import type { Site } from '../machines/site.ts';
import { closeEvents } from '../machines/vfio-device.ts';
import { type OpenFile, openFileAt, type World } from '../machines/world.ts';
import type { CredLine, OpenLine, Vma, VmasLine } from './recording.ts';

export function credentials(line: CredLine): Event {
  return {
    type: 'CredentialsSeen',
    pid: line.pid,
    uid: line.uid,
    memlock: BigInt(line.memlock),
    capabilities: BigInt(line.capEff),
  };
}

function mapping([start, end, rights, kind, ino, offset, huge]: Vma): MappingFact {
  return {
    start: Number(start),
    end: Number(end),
    read: rights[0] === 'r',
    write: rights[1] === 'w',
    shared: rights[3] === 's',
    kind,
    ino,
    offset: Number(offset),
    huge: huge === 'huge' || kind === 'hugetlb',
  };
}

export function mappings(line: VmasLine): Event {
  return { type: 'MappingsSeen', pid: line.pid, mappings: line.vmas.map(mapping) };
}

const DEVICE_FOLDER = '/dev/vfio/devices/';

/** What an open gives; undefined for files that the model does not follow. */
export function opened(line: OpenLine, fd: number): Event | undefined {
  if (line.path === '/dev/iommu')
    return { type: 'ContextOpened', pid: line.pid, fd, path: line.path, kind: 'iommufd' };
  if (line.path === '/dev/vfio/vfio')
    return { type: 'ContextOpened', pid: line.pid, fd, path: line.path, kind: 'vfio-container' };
  if (line.path.startsWith(DEVICE_FOLDER))
    return { type: 'VfioDeviceOpened', pid: line.pid, fd, path: line.path };
  return undefined;
}

/** Closing `fd`: with the last reference the file goes, and a bound device is let go. */
export function closed(site: Site, world: World, pid: number, fd: number): Event[] {
  const file = openFileAt(world, world.processes.get(pid), fd);
  const events: Event[] = [{ type: 'DescriptorClosed', pid, fd }];
  if (file === undefined || file.refs > 1) return events;
  const broken = endsBadly(world, file);
  if (broken !== undefined) events.push(broken);
  return [...releaseEvents(site, world, file), ...events, { type: 'FileReleased', file: file.id }];
}

/** The last reference of a context goes while a mock device still has a PASID attached: the kernel warns on release. */
function endsBadly(world: World, file: OpenFile): Event | undefined {
  const context = world.contexts.get(file.contextId);
  if (context === undefined || context.refs > 1 || context.broken !== '') return undefined;
  for (const object of context.objects) {
    if (object?.kind !== 'selftest') continue;
    const device = mustBe(context, object.deviceId, 'device');
    if (outlivedByPasid(context, device))
      return { type: 'InvariantBroken', context: context.id, invariant: PASID_OUTLIVES_DEVICE };
  }
  return undefined;
}

function releaseEvents(site: Site, world: World, file: OpenFile): Event[] {
  const context = file.kind === 'vfio-dev' ? world.contexts.get(file.contextId) : undefined;
  if (context === undefined || context.broken !== '') return [];
  site.context = context;
  site.file = file;
  return closeEvents(site, file);
}

/** The end of a process: every descriptor it still had is closed, in ascending order. */
export function openDescriptors(world: World, pid: number): number[] {
  return [...(world.processes.get(pid)?.fds.keys() ?? [])].sort((one, other) => one - other);
}
