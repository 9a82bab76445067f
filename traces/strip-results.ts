/** A recording as somebody has it who wants a prediction: calls without what the kernel answered. */
import {
  IOMMU_FAULT_QUEUE_ALLOC,
  IOMMU_TEST_CMD,
  IOMMU_TEST_OP_CREATE_ACCESS,
  IOMMU_VEVENTQ_ALLOC,
} from '../events/ioctl-number.ts';
import { fieldAt } from './decode-struct.ts';
import { asked } from './ioctl-line.ts';
import type { IoctlLine, Lacks, RecordedLine } from './recording.ts';
import { commandLayouts } from './uapi/registry.ts';

/** Byte offset of IOMMU_TEST_CMD's operation. */
const OP_OFFSET = 4;
const HEX = 2;
const WORD = 4;

const faultFd = fieldAt(commandLayouts.FaultQueueAlloc, 'outFaultFd').offset;
const veventqFd = fieldAt(commandLayouts.VeventqAlloc, 'outVeventqFd').offset;
const accessFd = fieldAt(commandLayouts.TestCreateAccess, 'outAccessFd').offset;

/**
 * The line without results: `ret`, `errno`, `out`, `ptrOut`, `data` of a read, `addr`, `dur`, of DMA `transferred` and `fault`. The number of a descriptor
 * that the call handed out is no result but chance: it stays, as `nextFd`. Lines that are no calls stay as they are.
 */
export function withoutResults(line: RecordedLine): RecordedLine {
  switch (line.ev) {
    case 'ioctl':
      return askedIoctl(line);
    case 'read': {
      const { ret: _ret, errno: _errno, data: _data, ...asked } = line;
      return asked;
    }
    case 'write': {
      const { ret: _ret, errno: _errno, ...asked } = line;
      return asked;
    }
    case 'dma': {
      const { transferred: _transferred, fault: _fault, ...asked } = line;
      return asked;
    }
    case 'mmap': {
      const { addr: _addr, errno: _errno, ...asked } = line;
      return asked;
    }
    default:
      return line;
  }
}

function askedIoctl(line: IoctlLine): IoctlLine {
  const draft = asked(line);
  draft.ptr = line.ptr;
  draft.ptrIn = line.ptrIn;
  draft.file = line.file;
  draft.dur = line.dur;
  draft.nextFd = line.nextFd ?? descriptorOf(line);
  if (line.lacks !== undefined) draft.lacks = unasked(line.lacks);
  return draft;
}

/** What was asked, and not caught. */
function unasked({ in: from, second }: Lacks): Lacks | undefined {
  if (from === undefined && second !== true) return undefined;
  return { ...(from === undefined ? {} : { in: from }), ...(second === true ? { second } : {}) };
}

/** The descriptor that a successful call wrote into its struct. */
function descriptorOf(line: IoctlLine): number | undefined {
  if (line.ret !== 0 || line.out === undefined) return undefined;
  const at = descriptorOffset(line);
  return at === undefined ? undefined : wordAt(line.out, at);
}

function descriptorOffset(line: IoctlLine): number | undefined {
  switch (Number(line.req)) {
    case IOMMU_FAULT_QUEUE_ALLOC:
      return faultFd;
    case IOMMU_VEVENTQ_ALLOC:
      return veventqFd;
    case IOMMU_TEST_CMD:
      return wordAt(line.in, OP_OFFSET) === IOMMU_TEST_OP_CREATE_ACCESS ? accessFd : undefined;
    default:
      return undefined;
  }
}

/** The little-endian 32-bit word at byte `offset`; undefined past the end. */
function wordAt(hex: string, offset: number): number | undefined {
  const digits = hex.slice(offset * HEX, (offset + WORD) * HEX);
  return digits.length < WORD * HEX ? undefined : Buffer.from(digits, 'hex').readUInt32LE(0);
}
