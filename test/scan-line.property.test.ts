import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLine } from '../traces/format.ts';
import type { RecordedLine } from '../traces/recording.ts';
import { scanLine } from '../traces/scan-line.ts';
import { isScanned, SLOT_BYTES, scannedArg, scannedBytes, slotAt } from '../traces/scanned-struct.ts';
import { CORPUS } from './support/cli.ts';

const at = { file: 'f', line: 1 };

function linesOf(path: string): string[] {
  const content = gunzipSync(readFileSync(join(CORPUS, path))).toString('latin1');
  return content.split('\n').filter((line) => line !== '');
}

const lines = [
  ...linesOf('kernel-7.3.4/deep/deep-005301.jsonl.gz').slice(0, 4000),
  ...linesOf('kernel-7.3.4/vfio-vtd/vtd-000001.jsonl.gz').slice(0, 1000),
];
const known = /"ev":"(ioctl|read|write|poll|close|vmas|cred|open|ftruncate|program)"/;
const calls = lines.filter((line) => known.test(line));
const [anIoctl = ''] = calls.filter((line) => line.includes('"ev":"ioctl"'));

/** The scanner on a line in the middle of a block. */
function scan(line: string): RecordedLine | undefined {
  const other = '{"seq":9,"ns":1,"ev":"other","place":"before or behind"}\n';
  const text = `${other}${line}\n${other}`;
  return scanLine(text, Buffer.from(text, 'latin1'), other.length);
}

function parse(line: string): RecordedLine | 'refused' {
  try {
    return parseLine(line, at);
  } catch {
    return 'refused';
  }
}

/** What the scanner reads, parseLine() reads in the same way. */
function expectAgreement(line: string): void {
  const scanned = scan(line);
  if (scanned !== undefined) expect(scanned, line).toEqual(parse(line));
}

/** Characters that mean something somewhere in a line. */
const character = fc.constantFrom(...'0123456789abcdefxABCDEFX",:{}[]-+.eE \\u\t_');
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

type Change = (line: string) => string;
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, character).map(([where, one]): Change => {
    return (line) => {
      const index = Math.floor(where * line.length);
      return line.slice(0, index) + one + line.slice(index + 1);
    };
  }),
  fc.tuple(place, character).map(([where, one]): Change => {
    return (line) => {
      const index = Math.floor(where * line.length);
      return line.slice(0, index) + one + line.slice(index);
    };
  }),
  place.map((where): Change => {
    return (line) => {
      const index = Math.floor(where * line.length);
      return line.slice(0, index) + line.slice(index + 1);
    };
  }),
  place.map(
    (where): Change =>
      (line) =>
        line.slice(0, Math.floor(where * line.length)),
  ),
  fc.tuple(place, place).map(([one, other]): Change => {
    return (line) => {
      const fields = line.slice(1, -1).split(',');
      const from = Math.floor(one * fields.length);
      const [moved] = fields.splice(from, 1);
      fields.splice(Math.floor(other * fields.length), 0, moved ?? '');
      return `{${fields.join(',')}}`;
    };
  }),
  fc
    .tuple(place, fc.constantFrom('-0', '007', '1e3', '4096', '2147483648', '9007199254740993'))
    .map(([where, number]): Change => {
      return (line) => {
        let nth = Math.floor(where * (line.match(/:\d+/g)?.length ?? 1));
        return line.replace(/:\d+/g, (found) => (nth-- === 0 ? `:${number}` : found));
      };
    }),
);

describe('scanLine', () => {
  it('reads nearly every call of a recording, and as parseLine() does', () => {
    let scanned = 0;
    for (const line of calls) {
      if (scan(line) !== undefined) scanned++;
      expectAgreement(line);
    }
    expect(scanned).toBeGreaterThan(calls.length * 0.98);
  });

  it.each([
    ...lines.filter((line) => !calls.includes(line)),
    '{"seq":1,"ns":2,"pid":3,"tid":4,"ev":"fork","parent":2}',
    '{"seq":1,"ns":2,"pid":3,"tid":4,"ev":"dup","fd":5,"kind":"iommufd","ret":6}',
    '{"seq":1,"ns":2,"pid":3,"tid":4,"ev":"open","path":"/dev/vfio/devices/vfio0","fd":5}',
    '{"seq":1,"ns":2,"pid":3,"tid":4,"ev":"open","path":"/dev/iommu","errno":13}',
    '{"seq":1,"ns":2,"pid":3,"tid":4,"ev":"ftruncate","fd":5,"ino":6,"size":"0x1000","ret":-1,"errno":22}',
    '{"seq":1,"place":"cpu 0","ev":"lost"}',
  ])('leaves other lines to parseLine(): %s', (line) => {
    expect(scan(line)).toBeUndefined();
    expect(parse(line)).not.toBe('refused');
  });

  it('reads a changed line as parseLine() does, or not at all', () => {
    const changed = fc
      .tuple(fc.constantFrom(...calls), fc.array(change, { minLength: 1, maxLength: 3 }))
      .map(([line, changes]) => changes.reduce((text, make) => make(text), line));
    fc.assert(fc.property(changed, expectAgreement), { seed: 7, numRuns: 20_000 });
  });

  it('reads changed lines of memory as parseLine() does, or not at all', () => {
    const memory = calls.filter((line) => /"vmas":|"file":/.test(line)).map((line) => line.slice(0, 900));
    const whole = memory.map((line) =>
      line.endsWith('}') ? line : `${line.slice(0, line.lastIndexOf(',['))}]}`,
    );
    expect(whole.filter((line) => scan(line) !== undefined).length).toBeGreaterThan(whole.length * 0.9);
    const changed = fc.tuple(fc.constantFrom(...whole), change).map(([line, make]) => make(line));
    fc.assert(fc.property(changed, expectAgreement), { seed: 8, numRuns: 10_000 });
  });

  it('meets changed lines that both read', () => {
    const harmless = fc.sample(fc.tuple(fc.constantFrom(...calls), change), { seed: 7, numRuns: 2000 });
    const read = harmless.filter(([line, make]) => make(line) !== line && scan(make(line)) !== undefined);
    expect(read.length).toBeGreaterThan(100);
  });

  it.each(['', '{', '{"seq":', '{"seq":1', '{"seq":1,"ns":2,"pid":3,"tid":4,"ev":"ioctl","fd":5'])(
    'refuses the beginning of a line: %s',
    (line) => {
      expect(scan(line)).toBeUndefined();
    },
  );

  it('refuses a line that goes on after the object', () => {
    expect(scan(anIoctl)).toBeDefined();
    expect(scan(`${anIoctl} `)).toBeUndefined();
    expect(scan(`${anIoctl}{}`)).toBeUndefined();
  });

  it('leaves the last line of a block alone, which may end too close to the end', () => {
    const text = `${anIoctl}\n${anIoctl}\n`;
    const block = Buffer.from(text, 'latin1');
    expect(scanLine(text, block, 0)).toBeDefined();
    expect(scanLine(text, block, anIoctl.length + 1)).toBeUndefined();
  });
});

describe('the bytes of scanned structs', () => {
  const text = `${calls.join('\n')}\n`;
  const block = Buffer.from(text, 'latin1');
  const scanned = (): RecordedLine[] => {
    const found: RecordedLine[] = [];
    for (let from = 0; from < text.length; from = text.indexOf('\n', from) + 1) {
      const line = scanLine(text, block, from);
      if (line !== undefined) found.push(line);
    }
    return found;
  };

  it('are those of the text, and so is the address, as long as the scanner has not gone on too far', () => {
    let checked = 0;
    for (let from = 0; from < text.length; from = text.indexOf('\n', from) + 1) {
      const line = scanLine(text, block, from);
      if (line?.ev !== 'ioctl' || line.in.length / 2 >= SLOT_BYTES) continue;
      expect(isScanned(line)).toBe(true);
      const at = slotAt(line.seq);
      expect(Buffer.from(scannedBytes.subarray(at, at + line.in.length / 2)).toString('hex')).toBe(line.in);
      expect(scannedArg(line)).toBe(line.arg.length > 15 ? Number.NaN : Number(line.arg));
      expect(isScanned({ ...line })).toBe(false);
      checked++;
    }
    expect(checked).toBeGreaterThan(4000);
  });

  it('are given up for those of a later line, even of one that turns out to be unreadable', () => {
    const lines = scanned();
    const last = lines.findLast((line) => line.ev === 'ioctl');
    expect(lines.filter((line) => line.ev === 'ioctl' && isScanned(line)).length).toBeLessThanOrEqual(128);
    expect(last?.ev === 'ioctl' && isScanned(last)).toBe(true);
    const seq = last?.seq ?? 0;
    const broken = anIoctl.replace(/"seq":\d+/, `"seq":${seq}`).replace(/"in":"([0-9a-f]*)"/, '"in":"$1",');
    expect(scan(broken)).toBeUndefined();
    expect(last?.ev === 'ioctl' && isScanned(last)).toBe(false);
  });
});
