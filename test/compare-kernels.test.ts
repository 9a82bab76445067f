import { describe, expect, it } from 'vitest';
import { compareKernels } from '../traces/compare-kernels.ts';
import { comparisonText } from '../traces/compare-text.ts';

const NESTED = 'traces/corpus/kernel-7.3.4/selftest/044-iommufd_ioas.mock_domain.alloc_hwpt_nested.jsonl.gz';

describe('compare of two releases', () => {
  it('finds nothing between a release and itself', async () => {
    const same = await compareKernels({ a: '7.3.4', b: '7.3.4' }, [NESTED], {});
    expect(same).toMatchObject({
      schema: 'ioasis.compare/1',
      traces: 1,
      differing: 0,
      first: null,
      rules: [],
    });
    expect(comparisonText(same, false)).toBe('7.3.4 and 7.3.4 on 1 trace: 0 of 89 calls differ\n');
  });

  it('tells the first difference and counts all by rule', async () => {
    const found = await compareKernels({ a: '7.3.4', b: '6.12.117' }, [NESTED], {});
    expect(found.first).toEqual({
      trace: NESTED,
      seq: 6,
      pid: 143,
      command: 'IOMMU_TEST_OP_DEV_CHECK_CACHE',
      call: 'IOMMU_TEST_OP_DEV_CHECK_CACHE id=3 index=0 cache=0xbaddad',
      a: { result: '0', rule: null, says: null },
      b: {
        result: 'EOPNOTSUPP',
        rule: 'test/unknown-op',
        says: 'the mock has no operation with this number',
      },
    });
    expect(found.rules.reduce((sum, { count }) => sum + count, 0)).toBe(found.differing);
    expect(found.rules.reduce((sum, { firsts }) => sum + firsts, 0)).toBe(1);
    expect(comparisonText(found, false).split('\n').slice(1, 7)).toEqual([
      `first at ${NESTED}, seq 6: IOMMU_TEST_OP_DEV_CHECK_CACHE id=3 index=0 cache=0xbaddad`,
      '  7.3.4: 0',
      '  6.12.117: EOPNOTSUPP (test/unknown-op: the mock has no operation with this number)',
      '',
      'calls  first  command                            7.3.4                         6.12.117                seq',
      '    4      1  IOMMU_TEST_OP_DEV_CHECK_CACHE      success                       test/unknown-op           6',
    ]);
  });

  it('says of how many calls neither answer can be told', async () => {
    const strace = 'traces/corpus/kernel-7.3.4/strace/fuzz.strace-6.1.txt.gz';
    const found = await compareKernels({ a: '7.3.4', b: '6.12.117' }, [strace], {});
    expect(found).toMatchObject({ calls: 368, differing: 0, undetermined: 368 });
    expect(comparisonText(found, false)).toContain('\n368 can be told for neither\n');
  });

  it('does not look at what was recorded', async () => {
    const recorded = 'traces/corpus/kernel-6.12.117/selftest/001-iommufd.simple_close.jsonl.gz';
    const found = await compareKernels({ a: '7.3.4', b: '7.3.4' }, [recorded, NESTED], {});
    expect(found).toMatchObject({ traces: 2, differing: 0 });
  });
});
