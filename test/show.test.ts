import { describe, expect, it } from 'vitest';
import { shownDot } from '../traces/dot.ts';
import { holdersOf } from '../traces/explain-holders.ts';
import type { Scene } from '../traces/explain-scene.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import { shownText } from '../traces/show-text.ts';
import { showTrace } from '../traces/show-trace.ts';

const SELFTEST = 'traces/corpus/kernel-7.3.4/selftest';
const NESTED = `${SELFTEST}/044-iommufd_ioas.mock_domain.alloc_hwpt_nested.jsonl.gz`;
const DEEP = 'traces/corpus/kernel-7.3.4/deep/deep-005001.jsonl.gz';

describe('show', () => {
  it('draws the tree of a context', async () => {
    expect(shownText(await showTrace(NESTED, { at: 36 }))).toBe(
      [
        `${NESTED}: kernel 7.3.4, mock, after seq 36`,
        'context 1: 12 objects, account mode none, 0 pages pinned',
        '  IOAS 1 (users 4): 0 areas, alignment 0x800',
        '    reserved [0x0, 0xffffff] by HWPT 4, HWPT 7, HWPT 8',
        '    reserved [0x80000000, 0xffffffffffffffff] by HWPT 4, HWPT 7, HWPT 8',
        '    HWPT 4 (users 3): automatic, mock default, aperture [0x1000000, 0x7fffffff]',
        '      device 3 (RID)',
        '      device 6 (RID)',
        '    HWPT 7 (users 4): NEST_PARENT, mock default, aperture [0x1000000, 0x7fffffff]',
        '      nested HWPT 10 (users 1)',
        '      nested HWPT 11 (users 1)',
        '      nested HWPT 12 (users 1): fault queue 9',
        '    HWPT 8 (users 1): mock default, aperture [0x1000000, 0x7fffffff]',
        '  device 3 (users 3): mock, group mock:1/2, mock handle 2',
        '    RID on HWPT 4',
        '  device 6 (users 3): mock, group mock:1/5, mock handle 5',
        '    RID on HWPT 4',
        '  fault queue 9 (users 3): 0 queued, 0 to be answered',
        'process 143: user 0, RLIMIT_MEMLOCK 8388608 bytes',
        '  descriptor 4: /dev/iommu of context 1',
        '  descriptor 5: fault, object 9 of context 1',
        '',
      ].join('\n'),
    );
  });

  it('hangs vIOMMUs and what is on them below their HWPT', async () => {
    const lines = shownText(await showTrace(DEEP, { at: 3192 })).split('\n');
    const from = lines.findIndex((line) => line.includes('vIOMMU 7'));
    expect(lines.slice(from - 1, from + 5)).toEqual([
      '    HWPT 5 (users 2): NEST_PARENT, mock default, aperture [0x1000000, 0x7fffffff]',
      '      vIOMMU 7 (users 5): type 0xdeadbeef',
      '        nested HWPT 8 (users 1)',
      '        vDEVICE 9 (users 1): device 4 as 0x99',
      '        vEVENTQ 10 (users 2): type 0xbeefbeef, 0 of 4 events queued',
      '        nested HWPT 14 (users 1)',
    ]);
  });

  it('writes u64 as hexadecimal strings and shows the first areas, or all', async () => {
    const few = await showTrace(DEEP, { at: 1384 });
    const all = await showTrace(DEEP, { at: 1384, areas: true });
    const [shown, whole] = [few, all].map(({ contexts }) => contexts[0]!.ioas.find(({ id }) => id === 10)!);
    expect(shown!.areaCount).toBe(2);
    expect(shown!.areas[0]).toEqual({
      iova: '0x1000',
      last: '0x2fff',
      prot: 'rw',
      pins: 0,
      locks: 0,
      source: 'process 50 at 0x2000000e5000',
    });
    expect(whole!.areas).toHaveLength(whole!.areaCount);
    expect(JSON.parse(JSON.stringify(few))).toEqual(few);
  });

  it('names as many holders of each object as it has references', async () => {
    await replayTrace(
      DEEP,
      { until: 9000 },
      {
        onCall: ({ line }, { engine }) => {
          if (line.seq % 97 !== 0) return;
          for (const context of engine.world.contexts.values()) {
            for (const object of context.objects) {
              if (object === undefined) continue;
              const holders = holdersOf({ before: engine.world } as Scene, context, object);
              expect(holders, `seq ${line.seq}, object ${object.id}`).toHaveLength(object.users - 1);
            }
          }
        },
      },
    );
  });

  it('holds that users are one more than what the picture shows as references', async () => {
    const { contexts } = await showTrace(NESTED, { at: 36 });
    const nestedOn7 = contexts[0]!.objects.filter(({ facts }) => facts['parent'] === 7);
    const hwpt = contexts[0]!.objects.find(({ id }) => id === 7);
    expect(hwpt?.users).toBe(1 + nestedOn7.length);
  });

  it('draws a graph in which every edge joins two nodes', async () => {
    const dot = shownDot(await showTrace(DEEP, { at: 3192 }));
    const nodes = new Set([...dot.matchAll(/^\s*(\w+) \[shape/gm)].map(([, name]) => name));
    const edges = [...dot.matchAll(/^\s*(\w+) -> (\w+)/gm)];
    expect(edges.length).toBeGreaterThan(20);
    for (const [, from, to] of edges) expect([from, to].filter((one) => !nodes.has(one!))).toEqual([]);
    expect(dot).toContain('c18o4 -> c18o16 [label="RID", penwidth=2];');
  });

  it('refuses a sequence number that the trace does not have', async () => {
    await expect(showTrace(NESTED, { at: 4000 })).rejects.toThrow('TRC030-no-such-seq');
  });
});
