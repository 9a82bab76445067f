/** What is taken from a recording and not predicted: the number of a new descriptor; after a miss, the IOVA chosen. */
import type { CommandType } from '../events/command.ts';
import { IOMMU_TEST_CMD, IOMMU_TEST_OP_CREATE_ACCESS } from '../events/ioctl-number.ts';
import { openFileAt, type Process, type World } from '../machines/world.ts';
import { fieldAt } from './decode-struct.ts';
import { allTestEntries, type IoctlEntry, nativeIoctls } from './ioctl-table.ts';
import type { FdKind, IoctlLine, RecordedLine } from './recording.ts';
import { isScanned, outSlotAt, scannedView } from './scanned-struct.ts';

/** The operation word of CREATE_ACCESS, as hex. */
const CREATE_ACCESS_OP = '05000000';

/** Commands that hand out a descriptor, and the field that tells its number. */
const FIELD: ReadonlyMap<CommandType, string> = new Map([
  ['FaultQueueAlloc', 'outFaultFd'],
  ['VeventqAlloc', 'outVeventqFd'],
  ['TestCreateAccess', 'outAccessFd'],
  ['TestDmabufGet', ''],
]);

const IOVA_FIELD: Partial<Record<CommandType, string>> = {
  IoasMap: 'iova',
  IoasMapFile: 'iova',
  IoasCopy: 'dstIova',
};

/** Kinds of which the lines to come speak by their number. */
const KIND: Partial<Record<CommandType, FdKind>> = { FaultQueueAlloc: 'fault', TestCreateAccess: 'access' };

/** Who gets a number, and the lines that follow. */
type Numbers = Readonly<{ process: Process; upcoming: Iterable<RecordedLine> }>;

/** `nextFd` of the line, or what the kernel wrote, or the lowest number that nothing known uses. -1 where none is handed out. */
export function newDescriptor(
  entry: IoctlEntry | undefined,
  line: IoctlLine,
  world: World,
  numbers: Numbers,
): number {
  const { process } = numbers;
  const field = entry === undefined ? undefined : FIELD.get(entry.type);
  if (field === undefined || entry === undefined) return -1;
  if (line.nextFd !== undefined) return line.nextFd;
  if (field !== '' && line.out !== undefined) return descriptorAt(line, fieldAt(entry.layout, field).offset);
  let fd = 0;
  while (process.fds.has(fd) || process.foreign.has(fd)) fd++;
  if (line.ret !== undefined) return fd;
  const kind = KIND[entry.type];
  const free = leftOver(world, process, fd) ?? (kind && unseenlyFree(world, numbers, kind, fd));
  return free ?? fd;
}

/**
 * The lowest number below the expected one that looks taken by an event queue whose iommufd is closed: who closes that has
 * closed its queues, and their closes are not told.
 */
function leftOver(world: World, process: Process, expected: number): number | undefined {
  const files = [...process.fds.keys()].map((fd) => ({ fd, file: openFileAt(world, process, fd) }));
  const alive = new Set<number>();
  for (const { file } of files) if (file?.kind === 'iommufd') alive.add(file.contextId);
  const left = files.filter(
    ({ fd, file }) => fd < expected && file?.kind === 'eventq' && !alive.has(file.contextId),
  );
  return left.length === 0 ? undefined : Math.min(...left.map(({ fd }) => fd));
}

/**
 * A number below the expected one under which the lines to come speak of a file of this kind, and which looks taken by an event
 * queue: their closes are not told.
 */
function unseenlyFree(
  world: World,
  { process, upcoming }: Numbers,
  kind: FdKind,
  expected: number,
): number | undefined {
  for (const line of upcoming) {
    if (line.ev === 'program') break;
    if (line.ev !== 'close' && line.ev !== 'read' && line.ev !== 'write' && line.ev !== 'poll') continue;
    if (line.pid !== process.pid || line.kind !== kind || line.fd > expected) continue;
    if (line.fd === expected) return expected;
    if (openFileAt(world, process, line.fd)?.kind === 'eventq') return line.fd;
  }
  return undefined;
}

/** The IOVA that the kernel wrote back; used only when the model could not tell and follows the kernel. */
export function recordedIova(entry: IoctlEntry | undefined, line: IoctlLine): bigint | undefined {
  const field = entry === undefined ? undefined : IOVA_FIELD[entry.type];
  if (field === undefined || entry === undefined || line.ret !== 0) return undefined;
  return written(line, fieldAt(entry.layout, field).offset, 8)?.readBigUInt64LE(0);
}

/** Where a command tells how much it did, and whether that is of use when it succeeds, or when it fails. */
const HANDLED: Partial<Record<CommandType, Readonly<{ field: string; succeeds: boolean }>>> = {
  HwptInvalidate: { field: 'entryNum', succeeds: false },
  TestDirty: { field: 'outNrDirty', succeeds: true },
};

/** How much the kernel did, as it wrote back; used only for what a call leaves that the model could not tell. */
export function recordedHandled(entry: IoctlEntry | undefined, line: IoctlLine): number | undefined {
  const counted = entry === undefined ? undefined : HANDLED[entry.type];
  if (counted === undefined || entry === undefined || line.lacks?.out) return undefined;
  if (counted.succeeds !== (line.ret === 0)) return undefined;
  return written(line, fieldAt(entry.layout, counted.field).offset, 4)?.readUInt32LE(0);
}

/** The descriptor that a line hands out, as far as it tells without being decided; -1 for none. */
export function issuedBy(line: IoctlLine): number {
  if (line.nextFd !== undefined) return line.nextFd;
  if (line.ret !== 0 || line.out === undefined) return -1;
  const number = Number(line.req);
  const test = number === IOMMU_TEST_CMD && line.in.startsWith(CREATE_ACCESS_OP, 8);
  const entry = test ? allTestEntries()[IOMMU_TEST_OP_CREATE_ACCESS] : nativeIoctls.get(number);
  const field = entry === undefined ? undefined : FIELD.get(entry.type);
  if (entry === undefined || field === undefined) return -1;
  return descriptorAt(line, fieldAt(entry.layout, field).offset);
}

/** The number that the kernel wrote at an offset (bytes) of the line's struct; -1 where the line does not hold it. */
function descriptorAt(line: IoctlLine, offset: number): number {
  const held = line.out !== undefined && line.out.length >= 2 * (offset + 4);
  if (held && isScanned(line)) return scannedView.getInt32(outSlotAt(line.seq) + offset, true);
  return written(line, offset, 4)?.readInt32LE(0) ?? -1;
}

/** Bytes of the line's struct after the call; undefined where the line does not hold them. */
function written(line: IoctlLine, offset: number, width: number): Buffer | undefined {
  const bytes = Buffer.from((line.out ?? line.in).slice(offset * 2, (offset + width) * 2), 'hex');
  return bytes.length < width ? undefined : bytes;
}
