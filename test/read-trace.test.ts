import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { decoderFor } from '../traces/read-compressed.ts';
import { LONGEST_LINE, lineSplitter, readLines } from '../traces/read-lines.ts';
import { findTraces, readTrace } from '../traces/read-trace.ts';
import { TraceFormatError } from '../traces/trace-format-error.ts';

const header =
  '{"ev":"trace","format":"iommufd-rec","version":2,"kernel":"7.3.4","arch":"x86_64","pageSize":4096,"program":"p","iommu":"selftest mock"}';
const program = (seq: number, note = '') => `{"ev":"program","seq":${seq},"seed":1${note}}`;
const short = [header, program(1), program(2)].join('\n');
const corpus = join(import.meta.dirname, '../traces/corpus');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioasis-read-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
});

function fileOf(content: string | Uint8Array): string {
  const path = join(folder, 'trace.jsonl');
  writeFileSync(path, content);
  return path;
}

async function linesOf(path: string): Promise<number[]> {
  const numbers: number[] = [];
  await readTrace(path, (_, lineNumber) => {
    numbers.push(lineNumber);
  });
  return numbers;
}

/** A zstd frame of uncompressed blocks, the window as small as it gets. */
function zstdFrame(content: string): Buffer {
  const bytes = Buffer.from(content);
  const blocks: Buffer[] = [Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0)];
  for (let from = 0; from < bytes.length; from += 1000) {
    const block = bytes.subarray(from, from + 1000);
    const last = from + 1000 >= bytes.length ? 1 : 0;
    const size = (block.length << 3) | last;
    blocks.push(Buffer.of(size & 0xff, (size >> 8) & 0xff, size >> 16), block);
  }
  return Buffer.concat(blocks);
}

/** Content that does not compress much, so that a cut falls among the lines. */
const long = [
  header,
  ...Array.from({ length: 5000 }, (_, seq) => program(seq, `,"x":${Math.imul(seq, 2654435761)}`)),
].join('\n');

describe('readTrace', () => {
  it.each([
    ['plain', short],
    ['with a last newline', `${short}\n`],
    ['with carriage returns', short.replaceAll('\n', '\r\n')],
    ['with a byte order mark', `\ufeff${short}`],
    ['gzip', gzipSync(short)],
    ['gzip of two members', Buffer.concat([gzipSync(short.slice(0, 99)), gzipSync(short.slice(99))])],
    ['gzip padded with zeros', Buffer.concat([gzipSync(short), Buffer.alloc(70_000)])],
    ['zstd', zstdFrame(short)],
    [
      'zstd of two frames',
      Buffer.concat([zstdFrame(`${header}\n`), zstdFrame(short.slice(header.length + 1))]),
    ],
  ])('reads a file, %s', async (_, content) => {
    expect(await linesOf(fileOf(content))).toEqual([1, 2, 3]);
    standardInput(content);
    expect(await linesOf('-')).toEqual([1, 2, 3]);
  });

  it('passes over empty lines and counts them', async () => {
    expect(await linesOf(fileOf(`\n${short.replace('\n', '\n\n')}\n\n`))).toEqual([2, 4, 5]);
  });

  it('keeps text that is not ASCII', async () => {
    const programs: string[] = [];
    await readTrace(fileOf(header.replace('"p"', '"é → 語"')), (line) => {
      if (line.ev === 'trace') programs.push(line.program);
    });
    expect(programs).toEqual(['é → 語']);
  });

  it('stops where the receiver wants it', async () => {
    for (const content of [long, gzipSync(long), zstdFrame(long)]) {
      for (const path of [fileOf(content), '-']) {
        standardInput(content);
        let seen = 0;
        await readTrace(path, () => (++seen === 3 ? 'stop' : undefined));
        expect(seen).toBe(3);
      }
    }
  });

  it('passes on what the receiver throws', async () => {
    for (const content of [long, gzipSync(long), zstdFrame(long)]) {
      for (const path of [fileOf(content), '-']) {
        standardInput(content);
        const reading = readTrace(path, () => {
          throw new Error('mine');
        });
        await expect(reading).rejects.toThrow('mine');
      }
    }
  });

  it('streams a file that inflates past what is read at once', async () => {
    const member = gzipSync(`${program(1)}\n`.repeat(30_000));
    const content = Buffer.concat([gzipSync(`${header}\n`), ...Array.from({ length: 60 }, () => member)]);
    let lines = 0;
    await readLines(fileOf(content), () => {
      lines++;
    });
    expect(lines).toBe(1 + 60 * 30_000);
  });

  it('reads every recorder file of the QEMU run as it stands', async () => {
    const [path] = findTraces(join(corpus, 'qemu-10.0.2'));
    const seen: unknown[] = [];
    await readTrace(path!, (line) => {
      seen.push(line);
    });
    const text = gunzipSync(readFileSync(path!)).toString().trimEnd();
    expect(seen).toEqual(text.split('\n').map((line) => JSON.parse(line)));
  });
});

describe('damaged input', () => {
  const damaged: readonly [string, string | Uint8Array, RegExp][] = [
    ['an empty file', '', /^\S+: TRC009-empty: expected a recording, found an empty file$/],
    ['a file of newlines', '\n\n', /TRC009-empty/],
    ['an empty gzip', gzipSync(''), /TRC009-empty/],
    ['a text', 'hello\n', /trace\.jsonl:1: TRC001-not-json: expected a JSON object, found "hello"/],
    ['a bad line', `${short}\n{"ev"\n`, /:4: TRC001-not-json/],
    ['a file cut in a line', short.slice(0, -5), /:3: TRC001-not-json: .*found the end of the line/],
    ['a file cut in a blank', ` ${' '.repeat(5)}`, /:1: TRC001-not-json/],
    ['no header', program(1), /:1: TRC003-bad-header: expected a first line with ev trace, found program$/],
    [
      'Latin-1',
      Buffer.from(`${short}\n${program(3, ',"x":"é"')}\n${program(4)}\n`, 'latin1'),
      /:4: TRC012-not-utf8/,
    ],
    [
      'gzip with garbage behind',
      Buffer.concat([gzipSync(short), Buffer.from('xyz')]),
      /TRC011-bad-compression/,
    ],
    ['gzip of three bytes', gzipSync(short).subarray(0, 3), /TRC0\d\d/],
    ['gzip of ten bytes', gzipSync(short).subarray(0, 10), /TRC010-cut-short: .* after 0 decompressed bytes/],
    ['gzip without its last byte', gzipSync(short).subarray(0, -1), /TRC010-cut-short/],
    ['zstd of five bytes', zstdFrame(short).subarray(0, 5), /TRC010-cut-short/],
    ['zstd without its last byte', zstdFrame(short).subarray(0, -1), /TRC010-cut-short/],
    [
      'zstd with garbage behind',
      Buffer.concat([zstdFrame(short), Buffer.alloc(40, 'x')]),
      /TRC011-bad-compression/,
    ],
  ];

  it.each(damaged)('is refused: %s', async (_, content, message) => {
    const path = fileOf(content);
    await expect(readTrace(path, () => {})).rejects.toThrow(TraceFormatError);
    await expect(readTrace(path, () => {})).rejects.toThrow(message);
  });

  it.each([
    ['gzip', gzipSync(long)],
    ['zstd', zstdFrame(long)],
  ])('says where a %s cut in the middle ends, after the lines before it', async (_, content) => {
    const path = fileOf(content.subarray(0, content.length >> 1));
    let lines = 0;
    const reading = readTrace(path, () => {
      lines++;
    });
    const error = await reading.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(TraceFormatError);
    const message = String(error);
    expect(lines).toBeGreaterThan(1000);
    expect(message).toContain(`:${lines + 1}: TRC010-cut-short`);
    const ended = Number(/after (\d+) decompressed/.exec(message)?.[1]);
    expect(long.slice(0, ended).split('\n').length).toBe(lines + 1);
  });

  it('finds a flipped bit in a gzip', async () => {
    const content = gzipSync(long);
    content[content.length - 6]! ^= 1;
    await expect(readTrace(fileOf(content), () => {})).rejects.toThrow(
      /TRC011-bad-compression: .*incorrect data check/,
    );
  });

  it('names the line that is longer than 16 MiB, of 200 MB, without holding it', async () => {
    const MB = 1_000_000;
    const plain = Buffer.alloc(200 * MB, '0');
    plain.write(`${header}\n`);
    const gzipped = Buffer.concat([
      gzipSync(`${header}\n`),
      ...Array(200).fill(gzipSync(Buffer.alloc(MB, '0'))),
    ]);
    for (const content of [plain, gzipped]) {
      await expect(readTrace(fileOf(content), () => {})).rejects.toThrow(
        /trace\.jsonl:2: TRC008-line-too-long: expected at most 16777216 bytes on a line, found more$/,
      );
    }
  });

  it.each([
    ['nowhere.jsonl', /nowhere\.jsonl: TRC013-unreadable: expected a readable file, found no such file$/],
    ['.', /TRC013-unreadable: expected a readable file, found a folder$/],
  ])('cannot read %s', async (name, message) => {
    await expect(readTrace(join(folder, name), () => {})).rejects.toThrow(message);
  });
});

describe('lineSplitter', () => {
  it('finds the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 6 })),
        fc.array(fc.nat(40)),
        (words, cuts) => {
          const text = words.map((word) => word.replace(/[\n\ufeff]/g, '')).join('\n');
          const bytes = Buffer.from(text);
          const found: string[] = [];
          const splitter = lineSplitter('f', (line) => {
            found.push(line);
          });
          let from = 0;
          for (const cut of cuts) {
            splitter.write(bytes.subarray(from, from + cut));
            from += cut;
          }
          splitter.write(bytes.subarray(from));
          splitter.end();
          const expected = text.split('\n');
          if (expected.at(-1) === '') expected.pop();
          expect(found).toEqual(expected);
        },
      ),
    );
  });

  it('accepts a line of just 16 MiB', () => {
    let length = 0;
    const splitter = lineSplitter('f', (line) => {
      length = line.length;
    });
    splitter.write(Buffer.alloc(LONGEST_LINE, '0'));
    splitter.write(Buffer.from('\n'));
    expect(length).toBe(LONGEST_LINE);
  });
});

describe('decoderFor', () => {
  it('finds the second gzip member wherever the bytes are cut', async () => {
    const bytes = Buffer.concat([gzipSync('one\n'), gzipSync('two\n'), Buffer.alloc(3)]);
    for (let cut = 4; cut < bytes.length; cut++) {
      let text = '';
      const write = (chunk: Uint8Array) => {
        text += Buffer.from(chunk).toString();
        return undefined;
      };
      const decoder = decoderFor(bytes, 'f', { write, line: () => 0 });
      await decoder.push(bytes.subarray(0, cut));
      await decoder.push(bytes.subarray(cut));
      await decoder.end();
      expect(text).toBe('one\ntwo\n');
    }
  });
});

describe('findTraces', () => {
  it('takes a file and standard input as they are', () => {
    const path = fileOf('');
    expect(findTraces(path)).toEqual([path]);
    expect(findTraces('-')).toEqual(['-']);
  });

  it('searches a folder, bytewise sorted, for recorder files only', () => {
    const root = join(folder, 'search');
    mkdirSync(join(root, 'b'), { recursive: true });
    mkdirSync(join(root, 'empty'));
    const names = ['B.jsonl', 'a.jsonl.gz', 'b/x.jsonl.zst', 'b.jsonl', 'é.jsonl'];
    for (const name of [
      ...names,
      'a.ftrace.txt.gz',
      'a.trace.dat.gz',
      'a.strace-6.1.txt.gz',
      'qemu.log.gz',
      'README.md',
    ]) {
      writeFileSync(join(root, name), '');
    }
    symlinkSync(root, join(root, 'loop'));
    const expected = ['B.jsonl', 'a.jsonl.gz', 'b.jsonl', 'b/x.jsonl.zst', 'é.jsonl'];
    expect(findTraces(root)).toEqual(expected.map((name) => join(root, name)));
    expect(() => findTraces(join(root, 'empty'))).toThrow(
      /empty: TRC014-no-traces: expected files that end in/,
    );
    expect(() => findTraces(join(root, 'nowhere'))).toThrow(/TRC013-unreadable/);
  });

  it('finds the 246 selftest recordings', () => {
    expect(findTraces(join(corpus, 'kernel-7.3.4/selftest'))).toHaveLength(246);
  });
});

/** Standard input that brings the content in pieces, the first too short to tell what it is. */
function standardInput(content: string | Uint8Array): void {
  const pieces = piecesOf(Buffer.from(content));
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from(pieces) as typeof process.stdin);
}

function piecesOf(content: Buffer): Buffer[] {
  const cuts = [1, 2, 3, 50, 51, 1000, content.length];
  return cuts
    .map((end, index) => content.subarray(cuts[index - 1] ?? 0, end))
    .filter((piece) => piece.length > 0);
}
