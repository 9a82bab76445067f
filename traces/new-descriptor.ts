/** What is taken from a recording and not predicted: the number of a new descriptor; after a miss, the IOVA chosen. */
import type { CommandType } from '../events/command.ts';
import type { Process } from '../machines/world.ts';
import { fieldAt } from './decode-struct.ts';
import type { IoctlEntry } from './ioctl-table.ts';
import type { IoctlLine } from './recording.ts';

/** Commands that hand out a descriptor, and the field that tells its number. */
const FIELD: Partial<Record<CommandType, string>> = {
  FaultQueueAlloc: 'outFaultFd',
  VeventqAlloc: 'outVeventqFd',
  TestCreateAccess: 'outAccessFd',
  TestDmabufGet: '',
};

const IOVA_FIELD: Partial<Record<CommandType, string>> = { IoasMap: 'iova', IoasMapFile: 'iova', IoasCopy: 'dstIova' };

/** `nextFd` of the line, or what the kernel wrote, or the lowest number that nothing known uses. -1 where none is handed out. */
export function newDescriptor(entry: IoctlEntry | undefined, line: IoctlLine, process: Process): number {
  const field = entry === undefined ? undefined : FIELD[entry.type];
  if (field === undefined || entry === undefined) return -1;
  if (line.nextFd !== undefined) return line.nextFd;
  if (field !== '' && line.out !== undefined) {
    const { offset } = fieldAt(entry.layout, field);
    return Buffer.from(line.out.slice(offset * 2, offset * 2 + 8), 'hex').readInt32LE(0);
  }
  let fd = 0;
  while (process.fds.has(fd) || process.foreign.has(fd)) fd++;
  return fd;
}

/** The IOVA that the kernel wrote back; used only when the model could not tell and follows the kernel. */
export function recordedIova(entry: IoctlEntry | undefined, line: IoctlLine): bigint | undefined {
  const field = entry === undefined ? undefined : IOVA_FIELD[entry.type];
  if (field === undefined || entry === undefined || line.ret !== 0) return undefined;
  const { offset } = fieldAt(entry.layout, field);
  return Buffer.from((line.out ?? line.in).slice(offset * 2, offset * 2 + 16), 'hex').readBigUInt64LE(0);
}
