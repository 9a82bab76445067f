import { beforeAll, describe, expect, it } from 'vitest';
import { type CorpusRun, corpusRun } from './support/corpus-run.ts';

const HEAP = 'growth of the heap since the last snapshot of the mappings';
const CONTIGUITY = 'the physical contiguity of the pinned pages';
const SECOND = 'bytes N to N of the second buffer';
const ELEMENT = 'element N of the array of ranges';
const ALLOWED = 'the ranges that ALLOW_IOVAS allowed';
const NESTED = 'the data that the nested HWPT was allocated with';
const ENTRIES = 'the entries of an earlier invalidation';
const BRANCH = 'how call N went: bytes N to N of the second buffer';
const CLOSE = 'whether descriptor N of event queue N is still open';
const VFIO = 'what the driver of the VFIO device answers';
const BROKEN = 'what the kernel does after an invariant broke';

/** Calls, and how many of them at most are left open for want of which fact. */
const folders: Readonly<Record<string, readonly [calls: number, missing: Readonly<Record<string, number>>]>> =
  {
    'kernel-6.12.117/deep': [32_939, {}],
    'kernel-6.12.117/fuzz': [41_000, {}],
    'kernel-6.12.117/selftest': [68_898, { [HEAP]: 4 }],
    'kernel-7.3.4/deep': [
      117_504,
      {
        [CONTIGUITY]: 178,
        [SECOND]: 355,
        [ENTRIES]: 121,
        [ELEMENT]: 75,
        [NESTED]: 76,
        [ALLOWED]: 36,
        [BRANCH]: 2,
      },
    ],
    'kernel-7.3.4/ftrace': [4_858, { [CLOSE]: 6 }],
    'kernel-7.3.4/fuzz': [
      124_262,
      { [CONTIGUITY]: 15, [SECOND]: 21, [ENTRIES]: 3, [ELEMENT]: 6, [NESTED]: 13, [ALLOWED]: 2 },
    ],
    'kernel-7.3.4/selftest': [290_453, { [HEAP]: 19, [CLOSE]: 2 }],
    'kernel-7.3.4/strace': [386, {}],
    'kernel-7.3.4/threads': [4_000, {}],
    'kernel-7.3.4/vfio-amd': [17_202, {}],
    'kernel-7.3.4/vfio-smmuv3': [15_045, {}],
    'kernel-7.3.4/vfio-vtd': [22_440, {}],
    'kernel-7.3.4/warned': [3_387, { [BROKEN]: 233 }],
    'qemu-10.0.2': [95, { [VFIO]: 47 }],
  };

describe('the corpus', () => {
  let run: CorpusRun;
  beforeAll(async () => {
    run = await corpusRun();
  }, 180_000);

  it('is all of these folders', () => {
    expect(Object.keys(run.folders).sort()).toEqual(Object.keys(folders).sort());
  });

  it.each(Object.keys(folders))('replays %s', (name) => {
    const [calls, missing] = folders[name] ?? [0, {}];
    const folder = run.folders[name];
    expect(folder?.calls).toBe(calls);
    const diverging = run.diverging.filter((place) => place.startsWith(`${name}/`) || name === 'qemu-10.0.2');
    expect(folder?.verdicts['diverging'] ?? 0, diverging.slice(0, 5).join()).toBe(0);
    expect(Object.keys(folder?.missing ?? {}).filter((reason) => !(reason in missing))).toEqual([]);
    for (const [reason, count] of Object.entries(folder?.missing ?? {}))
      expect(`${reason}: ${count <= (missing[reason] ?? 0) ? 'few enough' : count}`).toBe(
        `${reason}: few enough`,
      );
  });
});
