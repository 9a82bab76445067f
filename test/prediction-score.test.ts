import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addScore, emptyScore, undeterminedIn } from '../bench/prediction-score.ts';
import { CORPUS } from './support/cli.ts';

/** Recordings, and how many of their calls at most are left open. */
const recordings: Readonly<Record<string, number>> = {
  'kernel-7.3.4/fuzz/fuzz-000401.jsonl.gz': 26,
  'kernel-7.3.4/deep/deep-005301.jsonl.gz': 318,
  'kernel-7.3.4/threads/two-threads.jsonl.gz': 122,
  'kernel-7.3.4/threads/three-threads.jsonl.gz': 88,
  'kernel-7.3.4/warned/fuzz-warned.jsonl.gz': 0,
  'kernel-7.3.4/ftrace/fuzz.jsonl.gz': 5,
  'kernel-7.3.4/selftest/241-iommufd_viommu.mock_viommu.vdevice_alloc.jsonl.gz': 3,
  'kernel-7.3.4/vfio-smmuv3/smmuv3-000001.jsonl.gz': 0,
  'kernel-6.12.117/deep/deep-005001.jsonl.gz': 0,
};

describe('without results', () => {
  it.each(Object.entries(recordings))(
    'nothing wrong is said of %s',
    async (name, most) => {
      const score = emptyScore();
      await addScore(score, join(CORPUS, name));
      expect(score.calls).toBeGreaterThan(20);
      expect(score.wrong).toEqual([]);
      expect(undeterminedIn(score)).toBeLessThanOrEqual(most);
    },
    120_000,
  );
});
