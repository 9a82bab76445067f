import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DONE, refuse, undetermined } from '../events/outcome.ts';
import type { CallResult, Verdict } from '../traces/engine.ts';
import type { IoctlLine } from '../traces/recording.ts';
import { isClean, reportJson, TraceReport } from '../traces/report.ts';
import { emptyReport, mergeReport, type ReportData } from '../traces/report-data.ts';
import { grouped, type Paint, reportText } from '../traces/report-text.ts';

const plain: Paint = {
  bold: (text) => text,
  dim: (text) => text,
  good: (text) => text,
  bad: (text) => text,
  doubtful: (text) => text,
};
const text = (data: ReportData, all = false, details: readonly (readonly string[])[] = []) =>
  reportText(data, { paint: plain, elapsedMs: 2000, all, details });

const line: IoctlLine = {
  ev: 'ioctl',
  seq: 1,
  ns: 1,
  pid: 7,
  tid: 7,
  fd: 3,
  kind: 'iommufd',
  req: '0x3b85',
  arg: '0x1000',
  in: '2800000000000000090000000000000000000000000000000000000000000000000000000000000000000000',
};

function call(seq: number, verdict: Verdict, more: Partial<CallResult> = {}): CallResult {
  return {
    line: { ...line, seq },
    command: 'IOMMU_IOAS_MAP',
    outcome: DONE,
    out: undefined,
    ptrOut: undefined,
    verdict,
    difference: undefined,
    broken: undefined,
    context: 1,
    ...more,
  };
}

const refused = (seq: number) =>
  call(seq, 'diverging', {
    outcome: refuse('ioas-alloc/flags'),
    difference: { field: 'errno', recorded: 'success', predicted: 'EOPNOTSUPP' },
  });

function reportOf(trace: string, results: readonly CallResult[], limit = 1000): ReportData {
  const report = new TraceReport(trace, limit);
  for (const result of results) report.add(result);
  return report.data;
}

describe('TraceReport', () => {
  it('counts every call once, by verdict and by command', () => {
    const verdicts: Verdict[] = ['conforming', 'diverging', 'undetermined', 'unchecked', 'predicted'];
    const { totals, commands } = reportOf(
      'a',
      verdicts.map((verdict, index) => call(index, verdict)),
    );
    const expected = { calls: 5, conforming: 1, diverging: 1, undetermined: 1, unchecked: 1, unrecorded: 1 };
    expect(totals).toEqual(expected);
    expect(commands).toEqual({ IOMMU_IOAS_MAP: expected });
  });

  it('says of a divergence where it is, what differs, which rule refused, and what the struct names', () => {
    expect(reportOf('a', [refused(5)]).divergences).toEqual([
      {
        trace: 'a',
        seq: 5,
        pid: 7,
        command: 'IOMMU_IOAS_MAP',
        field: 'errno',
        recorded: 'success',
        predicted: 'EOPNOTSUPP',
        rule: 'ioas-alloc/flags',
        objects: ['ioas_id 9 (none)'],
        events: [],
      },
    ]);
  });

  it('keeps as many entries as it may, and counts the rest', () => {
    const { divergences, totals } = reportOf('a', [refused(1), refused(2), refused(3)], 2);
    expect(divergences.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(totals.diverging).toBe(3);
  });

  it('counts reasons that differ only in their numbers together', () => {
    const missing = ['descriptor 5 of process 7', 'descriptor 6 of process 7'];
    const { reasons } = reportOf(
      'a',
      missing.map((fact, seq) => call(seq, 'undetermined', { outcome: undetermined(fact) })),
    );
    expect(Object.keys(reasons)).toEqual(['descriptor N of process N']);
    expect(reasons['descriptor N of process N']).toMatchObject({ count: 2, first: { seq: 0 } });
  });

  it('is clean unless something diverged or broke', () => {
    const missing = call(1, 'undetermined', { outcome: undetermined('a fact') });
    expect(isClean(reportOf('a', [call(1, 'conforming'), missing]))).toBe(true);
    expect(isClean(reportOf('a', [refused(1)]))).toBe(false);
  });

  it('is not clean where the kernel broke an invariant, and says where', () => {
    const report = new TraceReport('a', 1000);
    report.add(call(1, 'conforming'));
    report.addBroken({ ...line, seq: 1 }, 'no PASID outlives its device', 4);
    expect(isClean(report.data)).toBe(false);
    expect(report.data.invariants).toEqual([
      {
        trace: 'a',
        seq: 1,
        invariant: 'no PASID outlives its device',
        detail: 'at ioctl of process 7; nothing after it is checked in context 4',
      },
    ]);
  });
});

describe('mergeReport', () => {
  const result = fc
    .tuple(fc.nat(), fc.constantFrom<Verdict>('conforming', 'diverging', 'undetermined', 'unchecked'))
    .map(([seq, verdict]) => (verdict === 'diverging' ? refused(seq) : call(seq, verdict)));

  it('gives one report, however the traces were grouped', () => {
    fc.assert(
      fc.property(fc.array(fc.array(result)), fc.nat({ max: 5 }), fc.nat(), (traces, limit, at) => {
        const reports = traces.map((results, index) => reportOf(`trace ${index}`, results, limit));
        const merge = (some: readonly ReportData[]) =>
          some.reduce((into, one) => {
            mergeReport(into, one, limit);
            return into;
          }, emptyReport());
        const cut = at % (reports.length + 1);
        const grouped = merge([merge(reports.slice(0, cut)), merge(reports.slice(cut))]);
        expect(JSON.stringify(grouped)).toBe(JSON.stringify(merge(reports)));
      }),
      { seed: 42 },
    );
  });
});

describe('reportJson', () => {
  it('has the fields that scripts depend on, in their order', () => {
    const json = reportJson(reportOf('a', [call(1, 'conforming')]));
    expect(Object.keys(json)).toEqual([
      'schema',
      'kernel',
      'iommu',
      'totals',
      'commands',
      'divergences',
      'undetermined',
      'invariants',
      'defects',
      'damaged',
      'overlaps',
      'losses',
      'assumed',
      'dma',
    ]);
    expect(json['schema']).toBe('ioasis.replay/1');
  });

  it('has what captures lost and took for granted, with exact counts where lists are cut', () => {
    const report = new TraceReport('a', 1);
    report.addLoss({ ev: 'lost', seq: 4, count: 100_000, place: 'line 7' });
    report.addLoss({ ev: 'lost', seq: 9, place: 'line 12' });
    const data = emptyReport();
    for (let times = 0; times < 2; times++) mergeReport(data, report.data, 1);
    expect(reportJson(data)['losses']).toEqual({
      totals: { gaps: 4, events: 200_000 },
      gaps: [{ trace: 'a', seq: 4, count: 100_000, place: 'line 7' }],
    });
    expect(text(data)).toContain(
      '4 gaps, in which 200,000 events or more were lost: nothing is claimed of what was open then (first: a seq 4, line 7)',
    );
  });

  it('lists commands by name', () => {
    const results = ['IOMMU_VFIO_IOAS', 'IOMMU_DESTROY'].map((command) => call(1, 'conforming', { command }));
    expect(Object.keys(reportJson(reportOf('a', results))['commands'] ?? {})).toEqual([
      'IOMMU_DESTROY',
      'IOMMU_VFIO_IOAS',
    ]);
  });
});

describe('reportText', () => {
  it('names the rule of a divergence, its sentence and the kernel function', () => {
    const said = text(reportOf('a b', [refused(5)]));
    expect(said).toContain('a b seq 5 process 7 IOMMU_IOAS_MAP');
    expect(said).toContain('errno: recorded success, predicted EOPNOTSUPP');
    expect(said).toMatch(/rule ioas-alloc\/flags, iommufd_ioas_alloc_ioctl.*: \w+/);
    expect(said).toContain("ioasis explain 'a b' 5");
  });

  it('shows bytes from the first that differs', () => {
    const difference = { field: 'out' as const, recorded: 'aabbccdd', predicted: '??bbcc00' };
    const said = text(reportOf('a', [call(1, 'diverging', { difference })]));
    expect(said).toContain('out from byte 3: recorded dd, predicted 00');
  });

  it('shows ten divergences, or all', () => {
    const data = reportOf(
      'a',
      Array.from({ length: 12 }, (_, seq) => refused(seq)),
    );
    expect(text(data)).toContain('12 divergences, the first 10:');
    expect(text(data).match(/a seq \d+ process/g)).toHaveLength(10);
    expect(text(data, true).match(/a seq \d+ process/g)).toHaveLength(12);
  });

  it('says more of a divergence where there is more to say', () => {
    const said = text(reportOf('a', [refused(1), refused(2)]), false, [['because of call 0']]);
    expect(said.match(/because of call 0/g)).toHaveLength(1);
    expect(said.indexOf('because of call 0')).toBeLessThan(said.indexOf('a seq 2'));
  });

  it('leaves out columns of verdicts that nobody got', () => {
    expect(text(reportOf('a', [call(1, 'conforming')]))).not.toContain('unchecked');
    expect(text(reportOf('a', [call(1, 'unchecked')]))).toContain('unchecked');
  });
});

describe('grouped', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1234567.4, '1,234,567'],
  ])('writes %d as %s', (value, said) => {
    expect(grouped(value)).toBe(said);
  });
});
