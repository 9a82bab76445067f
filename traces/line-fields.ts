import { FAULT_KINDS } from '../events/dma.ts';
import {
  arrayOf,
  count,
  errno,
  type Field,
  flag,
  hexBytes,
  hexNumber,
  int,
  kind,
  objectOf,
  optional,
  plain,
  result,
  text,
  vmas,
} from './field.ts';
import type { Lacks, Machine, RecordedDevice, RecordedFile, RecordedLine } from './recording.ts';

type Fields<Line> = Readonly<{ [Name in Exclude<keyof Line, 'ev'>]-?: Field }>;
type Rows = Readonly<{ [Ev in RecordedLine['ev']]: Fields<Extract<RecordedLine, { ev: Ev }>> }>;

const call = { seq: count, ns: count, pid: int, tid: int };
const outcome = { ret: optional(result), errno: optional(errno) };
const queue = { ...call, fd: int, kind, len: count, ...outcome, dur: optional(count) };

const FAULTS: readonly unknown[] = [...FAULT_KINDS, 'none'];
const faultKind = plain((value) => FAULTS.includes(value), `one of ${FAULTS.join(', ')}`);

const reservedRange = plain(
  (value) =>
    Array.isArray(value) &&
    value.length === 3 &&
    hexNumber.fault(value[0]) === undefined &&
    hexNumber.fault(value[1]) === undefined &&
    typeof value[2] === 'string',
  'a range [start, last, kind]',
);

const device = objectOf({
  path: text,
  bdf: text,
  group: int,
  members: arrayOf(text, 'an array of device addresses'),
  reserved: arrayOf(reservedRange, 'an array of ranges [start, last, kind]'),
  maxPasids: optional(count),
  pri: optional(flag),
  ats: optional(flag),
} satisfies Fields<RecordedDevice>);

const machine = objectOf({
  driver: text,
  devices: arrayOf(device, 'an array of devices with path, bdf, group, members and reserved'),
  scalableMode: optional(flag),
  cap: optional(hexNumber),
  ecap: optional(hexNumber),
  addressWidth: optional(int),
  features: optional(hexNumber),
  interruptRemapping: optional(flag),
  allowUnsafeInterrupts: optional(flag),
  oas: optional(int),
  stage: optional(text),
} satisfies Fields<Machine>);

const file = objectOf({
  fd: int,
  errno: optional(errno),
  ino: optional(count),
  size: optional(hexNumber),
  type: optional(text),
} satisfies Fields<RecordedFile>);

const lacks = objectOf({
  in: optional(count),
  out: optional(flag),
  second: optional(flag),
  secondOut: optional(flag),
  ret: optional(flag),
  errno: optional(flag),
} satisfies Fields<Lacks>);

/** Every field of every line of the recorder format, in the order in which the recorder writes them. */
export const lineFields: Rows = {
  trace: {
    format: plain((value) => value === 'iommufd-rec', '"iommufd-rec"'),
    version: plain((value) => value === 2, '2'),
    kernel: text,
    arch: text,
    pageSize: count,
    program: text,
    iommu: text,
    test: optional(text),
    testResult: optional(text),
    machine: optional(machine),
    assumed: optional(arrayOf(text, 'an array of texts')),
  },
  program: { seq: count, ns: optional(count), seed: count },
  cred: { ...call, uid: count, memlock: hexNumber, capEff: hexNumber },
  vmas: { ...call, vmas },
  open: { ...call, path: text, fd: optional(int), errno: optional(errno), nextFd: optional(int) },
  dup: { ...call, fd: int, kind, ...outcome, nextFd: optional(int) },
  close: { ...call, fd: int, kind, ...outcome },
  fork: { ...call, parent: int },
  exit: call,
  ioctl: {
    ...call,
    fd: int,
    kind,
    req: hexNumber,
    arg: hexNumber,
    in: hexBytes,
    ...outcome,
    out: optional(hexBytes),
    ptr: optional(hexNumber),
    ptrIn: optional(hexBytes),
    ptrOut: optional(hexBytes),
    file: optional(file),
    dur: optional(count),
    nextFd: optional(int),
    lacks: optional(lacks),
  },
  read: { ...queue, data: optional(hexBytes) },
  write: { ...queue, data: hexBytes },
  poll: { ...call, fd: int, kind, events: int, revents: optional(int), ...outcome },
  mmap: {
    ...call,
    fd: int,
    kind,
    len: hexNumber,
    prot: int,
    flags: int,
    off: hexNumber,
    addr: optional(hexNumber),
    errno: optional(errno),
  },
  dma: {
    seq: count,
    ns: optional(count),
    rid: text,
    pasid: optional(count),
    iova: hexNumber,
    length: plain((value) => Number.isSafeInteger(value) && Number(value) > 0, 'a positive whole number'),
    write: flag,
    grpid: optional(count),
    transferred: optional(count),
    fault: optional(faultKind),
  },
  lost: { seq: count, ns: optional(count), count: optional(count), place: text },
  ftruncate: { ...call, fd: int, ino: count, size: hexNumber, ...outcome },
};
