/**
 * Explanations are read by people: each test holds the whole text of one, for a call whose answer has a story. The recordings
 * are the corpus's own; the earlier calls that a text lists were verified by replaying them alone when the text was made.
 */
import { describe, expect, it } from 'vitest';
import { explainCall } from '../traces/explain.ts';
import { explanationText } from '../traces/explain-text.ts';

const CORPUS = 'traces/corpus/kernel-7.3.4';
const SELFTEST = `${CORPUS}/selftest`;
const NESTED = `${SELFTEST}/044-iommufd_ioas.mock_domain.alloc_hwpt_nested.jsonl.gz`;
const DEEP = `${CORPUS}/deep/deep-005001.jsonl.gz`;

async function textOf(trace: string, seq: number): Promise<string> {
  return explanationText(await explainCall(trace, seq, {}));
}

/** The text without the list of earlier calls. */
async function shortText(trace: string, seq: number): Promise<string> {
  return (await textOf(trace, seq)).replace(/^ {2}\d+: .*\n/gm, '');
}

describe('explain', () => {
  it('DESTROY with EBUSY: who holds the object, and what to destroy first', async () => {
    expect(await textOf(NESTED, 36)).toBe(
      [
        'call 36: IOMMU_DESTROY id=7',
        '  process 143, descriptor 4, context 1, kernel 7.3.4',
        'result: EBUSY (predicted; recorded: EBUSY, conforming)',
        'rule: destroy/users: EBUSY from iommufd_object_remove(): something still refers to the object',
        'because:',
        '  HWPT 7 (made by call 14) is still used by:',
        '    nested HWPT 10 (made by call 23)',
        '    nested HWPT 11 (made by call 24)',
        '    nested HWPT 12 (made by call 26)',
        'objects:',
        '  7 is HWPT 7: on IOAS 1, NEST_PARENT, users 4, made by call 14',
        'changed: nothing',
        'depends on 7 of 33 earlier calls (verified in 32 replays: these and the opens, closes and memory alone give the same answer):',
        '  3: IOMMU_IOAS_ALLOC = 0 ioas=1',
        '  5: IOMMU_TEST_OP_MOCK_DOMAIN id=1 = 0 stdev=2 hwpt=4 idev=3',
        '  10: IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS id=1 dev_flags=PASID = 0 stdev=5 hwpt=4 idev=6 (only keeps id 5 and 6 taken)',
        '  14: IOMMU_HWPT_ALLOC flags=NEST_PARENT dev=3 pt=1 = 0 hwpt=7',
        '  15: IOMMU_HWPT_ALLOC dev=3 pt=1 = 0 hwpt=8 (only keeps id 8 taken)',
        '  22: IOMMU_FAULT_QUEUE_ALLOC = 0 fault=9 fault_fd=? (only keeps id 9 taken)',
        '  23: IOMMU_HWPT_ALLOC dev=3 pt=7 data_type=0xdead data_len=8 data_uptr=0x7ffff4bb7c88 data=efbead0b00000000 = 0 hwpt=10',
        'would have succeeded (each tried on the model, 4 trials):',
        '  after IOMMU_DESTROY id=10, then IOMMU_DESTROY id=11, then IOMMU_DESTROY id=12',
        'kernel 6.12.117, in the same state: the same',
        '',
      ].join('\n'),
    );
  });

  it('memory of a process that has exited, with EFAULT', async () => {
    expect(await textOf(`${SELFTEST}/034-iommufd_ioas.no_domain.fork_gone.jsonl.gz`, 9)).toBe(
      [
        'call 9: IOMMU_TEST_OP_MOCK_DOMAIN id=1',
        '  process 121, descriptor 4, context 1, kernel 7.3.4',
        'result: EFAULT (predicted; recorded: EFAULT, conforming)',
        'rule: pin/owner-gone: EFAULT from pfn_reader_user_pin(): the process that mapped the memory has exited',
        'because:',
        '  the area at 0x1000000 of IOAS 1 needs 0x7f17d7e00000, which belongs to process 122, which has exited',
        'objects:',
        '  1 is IOAS 1: users 2, made by call 3',
        'changed: nothing',
        'depends on 2 of 4 earlier calls (verified in 4 replays: these and the opens, closes and memory alone give the same answer):',
        '  3: IOMMU_IOAS_ALLOC = 0 ioas=1',
        '  7: IOMMU_IOAS_MAP flags=FIXED|WRITEABLE|READABLE ioas=1 user_va=0x7f17d7e00000 length=0x10000 iova=0x1000000 = 0',
        'kernel 6.12.117, in the same state: the same',
        '',
      ].join('\n'),
    );
  });

  it('MAP with EEXIST: the area in the way', async () => {
    expect(await textOf(`${SELFTEST}/022-iommufd_ioas.no_domain.area.jsonl.gz`, 38)).toBe(
      [
        'call 38: IOMMU_IOAS_MAP flags=FIXED|WRITEABLE|READABLE ioas=1 user_va=0x7f17d7e00000 length=0x2000 iova=0x10000',
        '  process 97, descriptor 4, context 1, kernel 7.3.4',
        'result: EEXIST (predicted; recorded: EEXIST, conforming)',
        'rule: map/exists: EEXIST from iopt_check_iova(): the IOVAs share a byte with an area',
        'because:',
        '  [0x10000, 0x11fff] of IOAS 1 (mapped by call 35) is mapped already',
        'objects:',
        '  1 is IOAS 1: users 1, made by call 3',
        'changed: nothing',
        'depends on 2 of 35 earlier calls (verified in 4 replays: these and the opens, closes and memory alone give the same answer):',
        '  3: IOMMU_IOAS_ALLOC = 0 ioas=1',
        '  35: IOMMU_IOAS_MAP flags=FIXED|WRITEABLE|READABLE ioas=1 user_va=0x7f17d7e00000 length=0x2000 iova=0x10000 = 0',
        'would have succeeded (each tried on the model, 3 trials):',
        '  with flags=WRITEABLE|READABLE instead of FIXED|WRITEABLE|READABLE',
        '  with iova=0x2000 instead of 0x10000',
        '  after IOMMU_IOAS_UNMAP ioas=1 iova=0x10000 length=0x2000',
        'kernel 6.12.117, in the same state: the same',
        '',
      ].join('\n'),
    );
  });

  it('ADD_RESERVED with EADDRINUSE: the range promised to automatic IOVAs', async () => {
    expect(await textOf(`${SELFTEST}/053-iommufd_ioas.mock_domain.area_allowed.jsonl.gz`, 12)).toBe(
      [
        'call 12: IOMMU_TEST_OP_ADD_RESERVED id=1 start=0x1001000 length=0x1000',
        '  process 161, descriptor 4, context 1, kernel 7.3.4',
        'result: EADDRINUSE (predicted; recorded: EADDRINUSE, conforming)',
        'rule: reserve/in-use: EADDRINUSE from iopt_reserve_iova(): an area or an allowed range is in the range to reserve',
        'because:',
        '  [0x1000000, 0x1258000] of IOAS 1 is promised to automatic IOVAs',
        'objects:',
        '  1 is IOAS 1: users 2, made by call 3',
        'changed: nothing',
        'depends on 2 of 9 earlier calls (verified in 11 replays: these and the opens, closes and memory alone give the same answer):',
        '  3: IOMMU_IOAS_ALLOC = 0 ioas=1',
        '  11: IOMMU_IOAS_ALLOW_IOVAS ioas=1 num_iovas=1 allowed_iovas=0x7ffff4bb8160 data=00000001000000000080250100000000 = 0',
        'would have succeeded (each tried on the model, 2 trials):',
        '  after IOMMU_IOAS_ALLOW_IOVAS ioas=1 num_iovas=0 allowed_iovas=0x0',
        'kernel 6.12.117, in the same state: the same',
        '',
      ].join('\n'),
    );
  });

  it('UNMAP with ENOENT that has removed areas all the same', async () => {
    expect(await shortText(DEEP, 8073)).toBe(
      [
        'call 8073: IOMMU_IOAS_UNMAP ioas=11 iova=0x1000 length=0xf000',
        '  process 50, descriptor 4, context 40, kernel 7.3.4',
        'result: ENOENT (predicted; recorded: ENOENT, conforming)',
        'rule: unmap/partial: ENOENT from iopt_unmap_iova_range(): an area sticks out of the range; areas before it are gone',
        'because:',
        '  [0xc000, 0x10fff] of IOAS 11 (mapped by call 8006) sticks out of [0x1000, 0xffff]',
        '  the areas before it are unmapped all the same: [0x1000, 0xbfff]',
        'objects:',
        '  11 is IOAS 11: users 3, made by call 7989',
        'changed, although the call was refused:',
        '  the area at 0x1000 of IOAS 11 was unmapped',
        'depends on 13 of 402 earlier calls (verified in 106 replays: these and the opens, closes and memory alone give the same answer):',
        'would have succeeded (each tried on the model, 2 trials):',
        '  with length=0x10000 instead of 0xf000',
        'kernel 6.12.117, in the same state: the same',
        '',
      ].join('\n'),
    );
  });

  it('PASID attach with EINVAL: the RID is in the way', async () => {
    expect(await shortText(DEEP, 540)).toBe(
      [
        'call 540: IOMMU_TEST_OP_PASID_ATTACH id=28 pasid=1 pt=12',
        '  process 50, descriptor 4, context 3, kernel 7.3.4',
        'result: EINVAL (predicted; recorded: EINVAL, conforming)',
        'rule: attach/rid-pasid-compat: EINVAL from iommufd_hwpt_pasid_compat(): the RID is on a HWPT that was not allocated for PASIDs',
        'because:',
        '  HWPT 12 (made by call 440) is made with IOMMU_HWPT_ALLOC_PASID, with fault queue 10',
        '  RID of device 29 is on HWPT 30 since call 498, made without IOMMU_HWPT_ALLOC_PASID',
        'objects:',
        '  28 is mock handle 28: of device 29, users 1, made by call 498',
        '  12 is HWPT 12: on IOAS 1, PASID, DIRTY_TRACKING, fault queue 10, users 1, made by call 440',
        'changed: nothing',
        'depends on 28 of 495 earlier calls (verified in 212 replays: these and the opens, closes and memory alone give the same answer):',
        'would have succeeded (each tried on the model, 38 trials):',
        '  after IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE id=28 pt=3',
        'kernel 6.12.117, in the same state: EOPNOTSUPP',
        '',
      ].join('\n'),
    );
  });

  it('DESTROY with ENOENT: a tombstone', async () => {
    expect(await shortText(DEEP, 584)).toBe(
      [
        'call 584: IOMMU_DESTROY id=17',
        '  process 50, descriptor 4, context 3, kernel 7.3.4',
        'result: ENOENT (predicted; recorded: ENOENT, conforming)',
        'rule: destroy/exists: ENOENT from iommufd_object_remove(): no object has this id',
        'because:',
        '  id=17: a tombstone: its vDEVICE ended with the device at call 508; the id stays taken',
        'objects:',
        '  17 is tombstone 17: users 1, made by call 450',
        'changed: nothing',
        'depends on 18 of 536 earlier calls (verified in 504 replays: these and the opens, closes and memory alone give the same answer):',
        'kernel 6.12.117, in the same state: the same',
        '',
      ].join('\n'),
    );
  });

  it('HWPT_ALLOC with ENOENT: the id is of another kind', async () => {
    expect(await shortText(NESTED, 11)).toBe(
      [
        'call 11: IOMMU_HWPT_ALLOC dev=1 pt=3',
        '  process 143, descriptor 4, context 1, kernel 7.3.4',
        'result: ENOENT (predicted; recorded: ENOENT, conforming)',
        'rule: device/exists: ENOENT from iommufd_get_device(): the id is not that of a device',
        'because:',
        '  dev=1: that is IOAS 1 (made by call 3), not a device',
        'objects:',
        '  1 is IOAS 1: users 2, made by call 3',
        '  3 is device 3: mock, users 3, made by call 5',
        'changed: nothing',
        'depends on 2 of 8 earlier calls (verified in 5 replays: these and the opens, closes and memory alone give the same answer):',
        'would have succeeded (each tried on the model, 60 trials):',
        '  with dev=3 instead of 1, and pt=1 instead of 3',
        'kernel 6.12.117, in the same state: the same',
        '',
      ].join('\n'),
    );
  });

  it('a success: what it made', async () => {
    expect(await shortText(NESTED, 23)).toBe(
      [
        'call 23: IOMMU_HWPT_ALLOC dev=3 pt=7 data_type=0xdead data_len=8 data_uptr=0x7ffff4bb7c88 data=efbead0b00000000',
        '  process 143, descriptor 4, context 1, kernel 7.3.4',
        'result: 0 hwpt=10 (predicted; recorded: 0, conforming)',
        'objects:',
        '  3 is device 3: mock, users 3, made by call 5',
        '  7 is HWPT 7: on IOAS 1, NEST_PARENT, users 1, made by call 14',
        'changed:',
        '  nested HWPT 10 was made on HWPT 7',
        'depends on 6 of 20 earlier calls (verified in 18 replays: these and the opens, closes and memory alone give the same answer):',
        'kernel 6.12.117, in the same state: EINVAL',
        '',
      ].join('\n'),
    );
  });

  it('MAP_FILE with EINVAL: who reserved the range', async () => {
    expect(await shortText(DEEP, 2175)).toBe(
      [
        'call 2175: IOMMU_IOAS_MAP_FILE flags=FIXED|WRITEABLE|READABLE ioas=2 fd=3 start=0xfe000 length=0x9000 iova=0x103f000',
        '  process 50, descriptor 4, context 12, kernel 7.3.4',
        'result: EINVAL (predicted; recorded: EINVAL, conforming)',
        'rule: map/reserved: EINVAL from iopt_check_iova(): the IOVAs share a byte with a reserved range; beyond the aperture is reserved too',
        'because:',
        '  [0x103a000, 0x103ffff] of IOAS 2 is reserved by IOMMU_TEST_OP_ADD_RESERVED (call 2172)',
        'objects:',
        '  2 is IOAS 2: users 1, made by call 2155',
        'changed: nothing',
        'depends on 3 of 43 earlier calls (verified in 6 replays: these and the opens, closes and memory alone give the same answer):',
        'would have succeeded (each tried on the model, 3 trials):',
        '  with flags=WRITEABLE|READABLE instead of FIXED|WRITEABLE|READABLE',
        '  with iova=0x1390000 instead of 0x103f000',
        'kernel 6.12.117, in the same state: ENOTTY',
        '',
      ].join('\n'),
    );
  });
});

describe('an explanation as data', () => {
  it('names rule, verdict and schema', async () => {
    const { schema, verdict, rule, dependsOn, kernels } = await explainCall(NESTED, 36, {});
    expect({ schema, verdict, rule: rule?.id }).toEqual({
      schema: 'ioasis.explain/1',
      verdict: 'conforming',
      rule: 'destroy/users',
    });
    expect(dependsOn.verified && dependsOn.minimal).toBe(true);
    expect(kernels).toEqual([{ kernel: '6.12.117', predicted: 'EBUSY', same: true }]);
  });

  it('says where another release answers otherwise', async () => {
    expect((await explainCall(DEEP, 2175, {})).kernels).toEqual([
      { kernel: '6.12.117', predicted: 'ENOTTY', same: false },
    ]);
  });

  it('refuses a sequence number that is none, or none of a call', async () => {
    await expect(explainCall(NESTED, 4000, {})).rejects.toThrow(
      `${NESTED}: TRC030-no-such-seq: expected a line with seq 4000, found none; the last one is 96`,
    );
    await expect(explainCall(NESTED, 2, {})).rejects.toThrow(
      `${NESTED}:4: TRC031-not-a-call: expected a call (ioctl, read, write or mmap) at seq 2, found open`,
    );
  });
});
