/** What a line names that has to exist: objects by their ids, open files by their descriptors. */
import type { ObjectKind } from '../machines/objects.ts';
import { openFileAt, type World } from '../machines/world.ts';
import { decodeCall } from './decoded-call.ts';
import { type DescriptorRole, fieldRoles } from './program-fields.ts';
import type { FdKind, RecordedLine } from './recording.ts';

type Reference =
  | Readonly<{ id: number; kinds: readonly ObjectKind[] }>
  | Readonly<{ descriptor: number; kind: FdKind }>;

/** Descriptors that programs hand to a command, and the kind of file that it wants. */
const FILES: Partial<Record<DescriptorRole, FdKind>> = { access: 'access', dmabuf: 'dmabuf' };

/** What the line names, decoded once for all worlds; ids are those of the context behind its descriptor. */
export function referencesOf(world: World, line: RecordedLine): readonly Reference[] {
  switch (line.ev) {
    case 'close':
    case 'read':
    case 'write':
      return line.kind === 'fault' || line.kind === 'access'
        ? [{ descriptor: line.fd, kind: line.kind }]
        : [];
    case 'ioctl': {
      const kind = openFileAt(world, world.processes.get(line.pid), line.fd)?.kind;
      if (kind !== 'iommufd' && kind !== 'vfio-dev') return [];
      return namedBy(kind === line.kind ? line : { ...line, kind });
    }
    default:
      return [];
  }
}

function namedBy(line: Extract<RecordedLine, { ev: 'ioctl' }>): Reference[] {
  const { type, fields } = decodeCall(line);
  const roles = type === undefined ? undefined : fieldRoles[type];
  const references: Reference[] = [];
  for (const name in roles) {
    const role = roles[name];
    const value = Number(fields[name] ?? 0);
    if (role?.is === 'id') references.push({ id: value, kinds: role.kinds });
    const kind = role?.is === 'descriptor' ? FILES[role.role] : undefined;
    if (kind !== undefined) references.push({ descriptor: value, kind });
  }
  return references;
}

/** How many of them name nothing in this world, or something else. */
export function dangling(
  world: World,
  { pid, fd }: Readonly<{ pid: number; fd: number }>,
  references: readonly Reference[],
): number {
  const process = world.processes.get(pid);
  const context = world.contexts.get(openFileAt(world, process, fd)?.contextId ?? 0);
  let count = 0;
  for (const reference of references) {
    if ('id' in reference) {
      const kind = context?.objects[reference.id]?.kind;
      if (kind === undefined || !reference.kinds.includes(kind)) count++;
    } else if (openFileAt(world, process, reference.descriptor)?.kind !== reference.kind) count++;
  }
  return count;
}
