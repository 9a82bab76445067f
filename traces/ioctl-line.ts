/** One shape for the ioctl lines of all recordings. */
import type { HexBytes, HexNumber, IoctlLine } from './recording.ts';

/** As the type says, but to be filled in. */
export type IoctlDraft = { -readonly [Name in keyof IoctlLine]: IoctlLine[Name] };

/** Who asks whom. */
export type Caller = Pick<IoctlLine, 'pid' | 'tid' | 'fd' | 'kind'>;

/**
 * A line to which results and facts can be added. All fields are there from the beginning, so that the objects of all lines have
 * the same hidden class: the replay looks at some thirty of their fields a call, and V8 finds those of one class fastest.
 */
export function ioctlLine(
  seq: number,
  ns: number,
  caller: Caller,
  req: HexNumber,
  arg: HexNumber,
  struct: HexBytes,
): IoctlDraft {
  return {
    seq,
    ns,
    pid: caller.pid,
    tid: caller.tid,
    ev: 'ioctl',
    fd: caller.fd,
    kind: caller.kind,
    req,
    arg,
    in: struct,
    ret: undefined,
    errno: undefined,
    out: undefined,
    ptr: undefined,
    ptrIn: undefined,
    ptrOut: undefined,
    file: undefined,
    dur: undefined,
    nextFd: undefined,
    lacks: undefined,
  };
}

/** What a line asks, in that shape and without any result. */
export function asked(line: IoctlLine): IoctlDraft {
  return ioctlLine(line.seq, line.ns, line, line.req, line.arg, line.in);
}

/** The same line in that shape. */
export function shaped(line: IoctlLine): IoctlLine {
  const copy = asked(line);
  copy.ret = line.ret;
  copy.errno = line.errno;
  copy.out = line.out;
  copy.ptr = line.ptr;
  copy.ptrIn = line.ptrIn;
  copy.ptrOut = line.ptrOut;
  copy.file = line.file;
  copy.dur = line.dur;
  copy.nextFd = line.nextFd;
  copy.lacks = line.lacks;
  return copy;
}
