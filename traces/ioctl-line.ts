/** One shape for the ioctl lines of all recordings. */
import type { IoctlLine } from './recording.ts';

/** As the type says, but to be filled in. */
export type IoctlDraft = { -readonly [Name in keyof IoctlLine]: IoctlLine[Name] };

/** What every ioctl line holds. */
export type Asked = Pick<IoctlLine, 'seq' | 'ns' | 'pid' | 'tid' | 'fd' | 'kind' | 'req' | 'arg' | 'in'>;

/**
 * A line to which results and facts can be added. All fields are there from the beginning, so that the objects of all lines have
 * the same hidden class: the replay looks at some thirty of their fields a call, and V8 finds those of one class fastest.
 */
export function ioctlLine({ seq, ns, pid, tid, fd, kind, req, arg, in: struct }: Asked): IoctlDraft {
  return {
    seq,
    ns,
    pid,
    tid,
    ev: 'ioctl',
    fd,
    kind,
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

/** The same line in that shape. */
export function shaped(line: IoctlLine): IoctlLine {
  const copy = ioctlLine(line);
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
