/** The struct of an ioctl before and after the call, from the words that two probes fetched. */
import {
  IOMMU_DESTROY,
  IOMMU_TEST_CMD,
  VFIO_CHECK_EXTENSION,
  VFIO_DEVICE_RESET,
  VFIO_GET_API_VERSION,
  VFIO_SET_IOMMU,
} from '../../events/ioctl-number.ts';
import { STRUCT_WORDS } from '../capture-probes.ts';
import type { HexBytes, Lacks } from '../recording.ts';
import type { IoctlProbes } from './kernel-event.ts';
import { isZero, u32At } from './memory-order.ts';

const E2BIG = 7;
const EFAULT = 14;
const ENOTTY = 25;
const EINVAL = 22;
const PAGE = 4096;
const WORD = 8;
/** The recorder's own limit. */
const LONGEST = 256;

/** Bytes that reach behind every struct that the kernel knows. */
const WHOLE = STRUCT_WORDS * WORD;

/** Their argument is a value, or nothing. */
const WITHOUT_STRUCT: ReadonlySet<number> = new Set([
  VFIO_GET_API_VERSION,
  VFIO_CHECK_EXTENSION,
  VFIO_SET_IOMMU,
  VFIO_DEVICE_RESET,
]);

export type IoctlBytes = Readonly<{ in: HexBytes; out: HexBytes | undefined; lacks: Lacks | undefined }>;

const SECOND_UNSEEN: Lacks = { second: true };
/** What the dispatcher itself answers, so that the bytes past the struct may not have been looked at or not have been zero. */
const DISPATCHED: ReadonlySet<number> = new Set([E2BIG, EFAULT, EINVAL, ENOTTY]);

const NOTHING: IoctlBytes = { in: '', out: undefined, lacks: undefined };
const INPUT_UNSEEN: IoctlBytes = { in: '', out: undefined, lacks: { in: 0, out: true, second: true } };
const UNREADABLE: IoctlBytes = { in: '', out: undefined, lacks: SECOND_UNSEEN };

/** `errno` is 0 for success and -1 where the return was lost; `address` is the struct's. */
export function ioctlBytes(probes: IoctlProbes, command: number, address: number, errno: number): IoctlBytes {
  if (WITHOUT_STRUCT.has(command)) return NOTHING;
  const before = probes.entry?.words;
  const after = probes.exit?.words;
  if (before === undefined || before.length < 8) return INPUT_UNSEEN;
  if (isZero(before)) {
    if (errno === EFAULT) return UNREADABLE;
    // A probe reads 0 from a page that is not present. A struct of size 0 is refused.
    if (errno !== EINVAL || after === undefined || !isZero(after)) return INPUT_UNSEEN;
  }
  const size = Math.max(4, u32At(before, 0) as number);
  const length = Math.min(size, before.length / 2, LONGEST);
  const seen = seenBytes(before, after, address, length, errno);
  const tail = seen === length && length >= WHOLE ? zeroTail(command, size, length, errno) : 0;
  const whole = seen === length && (size <= length + tail || length === LONGEST);
  const struct = before.slice(0, seen * 2) + '00'.repeat(tail);
  if (after === undefined || after.length < seen * 2) return lacking(struct, whole, true);
  const written = after.slice(0, seen * 2) + '00'.repeat(tail);
  if (written === struct) return lacking(struct, whole, false);
  // After a fault the probe reads whatever it finds; an unreadable page reads as 0.
  if (errno === EFAULT || (u32At(written, 0) === 0 && u32At(struct, 0) !== 0))
    return lacking(struct, whole, true);
  return { ...lacking(struct, whole, false), out: written };
}

/** Bytes past the words that were zero, because the handler ran: copy_struct_from_user() refuses others. */
function zeroTail(command: number, size: number, length: number, errno: number): number {
  const native = command >= IOMMU_DESTROY && command <= IOMMU_TEST_CMD;
  return native && errno >= 0 && !DISPATCHED.has(errno) ? Math.min(size, LONGEST) - length : 0;
}

/** Bytes of the struct that surely were read: on the page after the first, zeros can be a page that is not present. */
function seenBytes(
  before: HexBytes,
  after: HexBytes | undefined,
  address: number,
  length: number,
  errno: number,
): number {
  const boundary = PAGE - (address % PAGE);
  if (boundary >= length) return length;
  const first = boundary - (boundary % WORD);
  const beyond = before.slice(first * 2);
  if (!isZero(beyond)) return length;
  const revealed = after !== undefined && !isZero(after.slice(first * 2));
  return errno === EFAULT || revealed ? first : length;
}

function lacking(struct: HexBytes, whole: boolean, out: boolean): IoctlBytes {
  if (whole && !out) return { in: struct, out: undefined, lacks: SECOND_UNSEEN };
  const lacks: Lacks = {
    second: true,
    ...(whole ? {} : { in: struct.length / 2 }),
    ...(out ? { out: true } : {}),
  };
  return { in: struct, out: undefined, lacks };
}
