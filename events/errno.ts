/** Error numbers of x86-64 Linux (asm-generic numbering) that iommufd, its drivers or its callers produce. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ENOSPC: 28,
  ESPIPE: 29,
  ERANGE: 34,
  EDEADLK: 35,
  ENOSYS: 38,
  EBADE: 52,
  ENODATA: 61,
  EOVERFLOW: 75,
  EBADFD: 77,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ETIMEDOUT: 110,
  EHWPOISON: 133,
  /** Kernel-internal: user space sees ENOTTY. */
  ENOIOCTLCMD: 515,
} as const;

export type ErrnoName = keyof typeof ERRNO;

const names = new Map<number, ErrnoName>(
  Object.entries(ERRNO).map(([name, number]) => [number, name as ErrnoName]),
);

/** The name of a positive error number; `E` and the digits for one without a name here. */
export function errnoName(number: number): string {
  return names.get(number) ?? `E${number}`;
}

/** The positive error number of a name. */
export function errnoNumber(name: ErrnoName): number {
  return ERRNO[name];
}
