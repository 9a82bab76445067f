/**
 * The quick way through nearly every line of a recording: a call as the recorder writes it, read in a third of the time of
 * JSON.parse() and the checks that follow. What is not recognised is left to parseLine(): the scanner may refuse any line, but
 * must never read one otherwise.
 */
import { fdKinds } from './field.ts';
import { type IoctlDraft, ioctlLine } from './ioctl-line.ts';
import type { FdKind, HexBytes, HexNumber, IoctlLine, RecordedLine } from './recording.ts';
import {
  ascii,
  count,
  goTo,
  hexBytes,
  hexNumber,
  hexRead,
  hexStruct,
  moveTo,
  nextPair,
  oneOf,
  passes,
  position,
  repeats,
  small,
} from './scan-cursor.ts';
import { scanFact, scanProgram } from './scan-fact.ts';
import { scanFile, scanVmas } from './scan-memory.ts';
import { keepScanned, outSlotAt, SLOT_BYTES, takeSlot } from './scanned-struct.ts';

/** What stands before each value. */
const BEFORE = {
  seq: ascii('{"seq":'),
  ns: ascii(',"ns":'),
  pid: ascii(',"pid":'),
  tid: ascii(',"tid":'),
  ev: ascii(',"ev":"'),
  vmas: ascii('vmas","vmas":'),
  file: ascii(',"file":'),
  fd: ascii('","fd":'),
  ioctlFd: ascii(',"ev":"ioctl","fd":'),
  kind: ascii(',"kind":'),
  req: ascii(',"req":'),
  arg: ascii(',"arg":'),
  in: ascii(',"in":'),
  ret: ascii(',"ret":'),
  errno: ascii(',"errno":'),
  out: ascii(',"out":'),
  ptr: ascii(',"ptr":'),
  ptrIn: ascii(',"ptrIn":'),
  ptrOut: ascii(',"ptrOut":'),
  dur: ascii(',"dur":'),
  len: ascii(',"len":'),
  data: ascii(',"data":'),
  events: ascii(',"events":'),
  revents: ascii(',"revents":'),
} as const;

const MINUS = ascii('-');
const END = ascii('}\n');

const ERRNO_MAX = 4095;

const KINDS = [...fdKinds].map((name) => ({ name, text: ascii(`"${name}"`) }));

const QUEUE_EVENTS = (['close', 'read', 'poll', 'write'] as const).map((name) => ({
  name,
  text: ascii(name),
}));
type QueueEvent = (typeof QUEUE_EVENTS)[number]['name'];

/** By the two characters after `0x3b`, as one big-endian number: the text of an ioctl number of iommufd or VFIO. */
const IOCTL_TYPE = ascii('"0x3b');
const QUOTE = ascii('"');
const numberTexts: (HexNumber | undefined)[] = new Array(65536).fill(undefined);
for (let number = 0x3b00; number <= 0x3bff; number++) {
  const digits = number.toString(16);
  numberTexts[(digits.charCodeAt(2) << 8) | digits.charCodeAt(3)] = `0x${digits}`;
}

/** What mostly stands in the next ioctl line as it did in the one before: from the process to the kind of the descriptor. */
const caller = {
  block: new Uint8Array(0) as Uint8Array,
  from: 0,
  /** 0: nothing of this block. */
  length: 0,
  pid: 0,
  tid: 0,
  fd: 0,
  kind: 'iommufd' as FdKind,
};

/** As hexNumber(), of an ioctl: mostly one of some thirty texts. */
function ioctlNumber(): HexNumber | undefined {
  const from = position();
  if (!passes(IOCTL_TYPE)) return hexNumber();
  const known = numberTexts[nextPair()];
  moveTo(position() + 2);
  if (known !== undefined && passes(QUOTE)) return known;
  moveTo(from);
  return hexNumber();
}

/** Who called, and on which descriptor of an ioctl; false, and no move, where it is another event. */
function readCaller(): boolean {
  const from = position();
  if (!passes(BEFORE.pid)) return false;
  const pid = small();
  if (pid < 0 || !passes(BEFORE.tid)) return false;
  const tid = small();
  if (tid < 0) return false;
  caller.pid = pid;
  caller.tid = tid;
  caller.length = 0;
  if (!passes(BEFORE.ioctlFd)) return true;
  const fd = small();
  if (fd < 0 || !passes(BEFORE.kind)) return false;
  const kind = oneOf(KINDS);
  if (kind === undefined || !passes(BEFORE.req)) return false;
  caller.fd = fd;
  caller.kind = kind;
  caller.from = from;
  caller.length = position() - from;
  return true;
}

/** The return value and errno, where there are any; false where they are not as expected. */
function result(line: { ret?: number | undefined; errno?: number | undefined }): boolean {
  if (!passes(BEFORE.ret)) return true;
  const negative = passes(MINUS);
  const ret = small();
  if (ret < 0 || (negative && ret === 0)) return false;
  line.ret = negative ? -ret : ret;
  if (!passes(BEFORE.errno)) return true;
  const errno = count();
  line.errno = errno;
  return errno > 0 && errno <= ERRNO_MAX;
}

/** The struct after the call and the second buffer, where there are any; false where they are not as expected. */
function buffers(line: IoctlDraft): boolean {
  if (passes(BEFORE.out)) {
    const out = hexStruct(outSlotAt(line.seq));
    if (out === undefined) return false;
    line.out = out;
  }
  if (!passes(BEFORE.ptr)) return true;
  const ptr = hexNumber();
  if (ptr === undefined || !passes(BEFORE.ptrIn)) return false;
  const ptrIn = hexBytes();
  if (ptrIn === undefined) return false;
  line.ptr = ptr;
  line.ptrIn = ptrIn;
  if (!passes(BEFORE.ptrOut)) return true;
  const ptrOut = hexBytes();
  if (ptrOut === undefined) return false;
  line.ptrOut = ptrOut;
  return true;
}

function scanIoctl(seq: number, ns: number): IoctlLine | undefined {
  const req = ioctlNumber();
  if (req === undefined || !passes(BEFORE.arg)) return undefined;
  const arg = hexNumber();
  if (arg === undefined || !passes(BEFORE.in)) return undefined;
  const address = hexRead;
  const struct = hexStruct(takeSlot(seq));
  if (struct === undefined) return undefined;
  const line = ioctlLine(seq, ns, caller, req, arg, struct);
  if (!result(line) || !buffers(line)) return undefined;
  if (passes(BEFORE.file)) {
    line.file = scanFile();
    if (line.file === undefined) return undefined;
  }
  const { out } = line;
  const whole = struct.length < 2 * SLOT_BYTES && (out === undefined || out.length === struct.length);
  if (whole) keepScanned(line, address);
  if (!passes(BEFORE.dur)) return line;
  const dur = count();
  line.dur = dur;
  return dur < 0 ? undefined : line;
}

/** What is asked of event descriptors, and the close of any: one shape for all of them, as ioctls have one. */
function queueLine(seq: number, ns: number, ev: QueueEvent, fd: number, kind: FdKind) {
  return {
    seq,
    ns,
    pid: caller.pid,
    tid: caller.tid,
    ev,
    fd,
    kind,
    len: undefined as number | undefined,
    events: undefined as number | undefined,
    revents: undefined as number | undefined,
    ret: undefined as number | undefined,
    errno: undefined as number | undefined,
    data: undefined as HexBytes | undefined,
    dur: undefined as number | undefined,
  };
}

type QueueDraft = ReturnType<typeof queueLine>;

function scanOther(seq: number, ns: number): RecordedLine | undefined {
  if (!passes(BEFORE.ev)) return undefined;
  if (passes(BEFORE.vmas)) {
    const vmas = scanVmas();
    return vmas && { seq, ns, pid: caller.pid, tid: caller.tid, ev: 'vmas', vmas };
  }
  const ev = oneOf(QUEUE_EVENTS);
  if (ev === undefined) return scanFact({ seq, ns, pid: caller.pid, tid: caller.tid });
  if (!passes(BEFORE.fd)) return undefined;
  const fd = small();
  if (fd < 0 || !passes(BEFORE.kind)) return undefined;
  const kind = oneOf(KINDS);
  if (kind === undefined) return undefined;
  const line = queueLine(seq, ns, ev, fd, kind);
  return askedOfQueue(line) && result(line) && answeredByQueue(line) ? (line as RecordedLine) : undefined;
}

/** How much is asked for; false where it is not as expected. */
function askedOfQueue(line: QueueDraft): boolean {
  if (line.ev === 'close') return true;
  if (line.ev === 'poll') {
    if (!passes(BEFORE.events)) return false;
    line.events = small();
    if (line.events < 0 || !passes(BEFORE.revents)) return false;
    line.revents = small();
    return line.revents >= 0;
  }
  if (!passes(BEFORE.len)) return false;
  line.len = count();
  return line.len >= 0;
}

/** What was read or written; false where it is not as expected. */
function answeredByQueue(line: QueueDraft): boolean {
  if (line.ev === 'close' || line.ev === 'poll') return true;
  if (passes(BEFORE.data)) {
    const data = hexBytes();
    if (data === undefined) return false;
    line.data = data;
  }
  if (passes(BEFORE.dur)) {
    line.dur = count();
    if (line.dur < 0) return false;
  }
  return line.ev === 'read' || line.data !== undefined;
}

/**
 * The line that begins at `from` of a block of lines, whose text has a character for each of its bytes; undefined where
 * parseLine() has to read it. See scannedTo().
 */
export function scanLine(text: string, block: Uint8Array, from: number): RecordedLine | undefined {
  if (block !== caller.block) {
    caller.block = block;
    caller.length = 0;
  }
  if (!goTo(text, block, from)) return undefined;
  const line = passes(BEFORE.seq) ? scanCall() : scanProgram();
  return line !== undefined && passes(END) ? line : undefined;
}

/** From the sequence number on. */
function scanCall(): RecordedLine | undefined {
  const seq = count();
  if (seq < 0 || !passes(BEFORE.ns)) return undefined;
  const ns = count();
  const same = caller.length > 0 && repeats(caller.from, caller.length);
  if (ns < 0 || !(same || readCaller())) return undefined;
  return caller.length > 0 ? scanIoctl(seq, ns) : scanOther(seq, ns);
}

/** Where the line after the one that was scanned begins. */
export function scannedTo(): number {
  return position();
}
