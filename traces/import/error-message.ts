/** Errors by what the C library calls them. */
import { ERRNO } from '../../events/errno.ts';

const MESSAGES: ReadonlyMap<string, number> = new Map([
  ['Operation not permitted', ERRNO.EPERM],
  ['No such file or directory', ERRNO.ENOENT],
  ['No such process', ERRNO.ESRCH],
  ['Interrupted system call', ERRNO.EINTR],
  ['Input/output error', ERRNO.EIO],
  ['No such device or address', ERRNO.ENXIO],
  ['Argument list too long', ERRNO.E2BIG],
  ['Bad file descriptor', ERRNO.EBADF],
  ['Resource temporarily unavailable', ERRNO.EAGAIN],
  ['Cannot allocate memory', ERRNO.ENOMEM],
  ['Permission denied', ERRNO.EACCES],
  ['Bad address', ERRNO.EFAULT],
  ['Device or resource busy', ERRNO.EBUSY],
  ['File exists', ERRNO.EEXIST],
  ['No such device', ERRNO.ENODEV],
  ['Invalid argument', ERRNO.EINVAL],
  ['Inappropriate ioctl for device', ERRNO.ENOTTY],
  ['No space left on device', ERRNO.ENOSPC],
  ['Numerical result out of range', ERRNO.ERANGE],
  ['Value too large for defined data type', ERRNO.EOVERFLOW],
  ['Message too long', ERRNO.EMSGSIZE],
  ['Operation not supported', ERRNO.EOPNOTSUPP],
  ['Address already in use', ERRNO.EADDRINUSE],
  ['Connection timed out', ERRNO.ETIMEDOUT],
]);

/** The errno of a message that ends in the C library's words, or that says `= -22 (…)`; undefined where it tells none. */
export function errnoOfMessage(text: string): number | undefined {
  const number = / = -(\d{1,4}) \(/.exec(text);
  if (number !== null) return Number(number[1]);
  for (const [message, errno] of MESSAGES)
    if (new RegExp(`: ${message}(,|$)`).test(text.trim())) return errno;
  return undefined;
}
