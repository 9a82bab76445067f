import { beforeAll, describe, expect, it } from 'vitest';
import { HEADER } from '../bench/histories.ts';
import { errnoName } from '../events/errno.ts';
import type { Verdict } from '../traces/engine.ts';
import { readTrace } from '../traces/read-trace.ts';
import type { IoctlLine, RecordedLine } from '../traces/recording.ts';
import { openSession } from '../traces/replay-trace.ts';
import { corpus } from './support/captures.ts';

const LINES = 40_000;
const ERRNOS = [1, 2, 5, 7, 9, 12, 13, 14, 16, 17, 19, 22, 25, 28, 75, 90, 95, 98];
/** Where HWPT_INVALIDATE counts its entries, in hex digits. */
const ENTRY_NUM = [48, 56] as const;

/** Answers, with the missing fact, that could have been. */
const possible = new Map<string, Set<string>>();
/** Calls that the model cannot tell, and what it says when their count of entries handled is all of them. */
const countsWrong: Verdict[] = [];
/** Automatic IOVAs in ranges that nobody knows, one byte off. */
const misplaced: Verdict[] = [];

function refused(line: IoctlLine, errno: number, entries: string | undefined): IoctlLine {
  const { out: _out, ...rest } = line;
  const out =
    entries === undefined
      ? {}
      : { out: line.in.slice(0, ENTRY_NUM[0]) + entries + line.in.slice(ENTRY_NUM[1]) };
  return { ...rest, ...out, ret: -1, errno };
}

beforeAll(async () => {
  const lines: RecordedLine[] = [];
  await readTrace(corpus('kernel-7.3.4/deep/deep-005501.jsonl.gz'), (line) => {
    if (line.ev !== 'trace') lines.push(line);
    return lines.length < LINES ? undefined : 'stop';
  });
  const { engine } = openSession(HEADER, { file: 'deep', line: 1 }, {});
  for (const [index, line] of lines.entries()) {
    engine.upcoming = lines.slice(index + 1, index + 33);
    const before = line.ev === 'ioctl' ? engine.clone() : engine;
    const result = engine.feed(line);
    if (line.ev !== 'ioctl' || result === undefined || result.outcome.missing === undefined) continue;
    expect(result.verdict).toBe('undetermined');
    const verdictOf = (altered: IoctlLine) => before.clone().feed(altered)?.verdict as Verdict;
    const { command } = result;
    const answers = possible.get(command) ?? new Set();
    possible.set(command, answers);
    if (line.ret === 0) answers.add('success');
    const invalidates = command === 'IOMMU_HWPT_INVALIDATE';
    for (const errno of ERRNOS)
      if (verdictOf(refused(line, errno, invalidates ? '00000000' : undefined)) === 'undetermined')
        answers.add(errnoName(errno));
    if (invalidates) countsWrong.push(verdictOf(refused(line, 22, undefined)));
    if (command === 'IOMMU_IOAS_MAP' && line.ret === 0 && line.out !== undefined)
      misplaced.push(verdictOf({ ...line, out: `${line.out.slice(0, -16)}01${line.out.slice(-14)}` }));
  }
}, 120_000);

describe('a result that is not known before', () => {
  it('can still be one that no way of the missing fact gives', () => {
    expect(
      Object.fromEntries([...possible].map(([command, answers]) => [command, [...answers].sort()])),
    ).toEqual({
      IOMMU_HWPT_ALLOC: ['EADDRINUSE', 'EOPNOTSUPP', 'success'],
      IOMMU_HWPT_INVALIDATE: ['EINVAL', 'EOPNOTSUPP', 'success'],
      IOMMU_HW_QUEUE_ALLOC: ['EFAULT', 'EINVAL', 'EIO', 'success'],
      IOMMU_IOAS_ALLOW_IOVAS: ['EADDRINUSE', 'EINVAL', 'success'],
      IOMMU_IOAS_MAP: ['ENOSPC', 'success'],
      IOMMU_IOAS_MAP_FILE: ['ENOSPC'],
      IOMMU_TEST_OP_ADD_RESERVED: ['EADDRINUSE', 'success'],
      IOMMU_TEST_OP_DEV_CHECK_CACHE: ['EINVAL', 'success'],
      IOMMU_TEST_OP_DIRTY: ['success'],
      IOMMU_TEST_OP_MD_CHECK_IOTLB: ['EINVAL', 'success'],
    });
  });
  it('counts fewer entries than there are where one was refused', () => {
    expect(new Set(countsWrong)).toEqual(new Set(['diverging']));
  });
  it('is an IOVA that the kernel could have chosen', () => {
    expect(new Set(misplaced)).toEqual(new Set(['diverging']));
  });
});
