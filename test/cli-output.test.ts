import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  fileWith,
  HEADER,
  IOAS_ALLOC,
  interrupted,
  ioasis,
  OPEN,
  PROGRAM,
  type Run,
  recording,
} from './support/cli.ts';

/** Where nothing can be written: a file, what would be below it, and a file system that makes no folders. */
const file = fileWith('file', 'in the way');
const nowhere: readonly string[] = [file, join(file, 'below'), '', '/proc/ioasis'];

describe('ioasis, told to write into a folder', () => {
  it.each(nowhere)('says in one line, before it begins, that it cannot: %j', (folder) => {
    for (const args of [
      ['fuzz', '--runs', '5', '--export', folder],
      ['verify', 'iommu-rfc-v2', '--property', 'P24', '--export', folder],
      ['verify', 'iommu-rfc-v2', '--property', 'P24', '--checkpoint', folder],
    ]) {
      const { status, stdout, stderr } = ioasis(args);
      expect(stderr).toMatch(/^ioasis: --\w+ .*: expected a folder that can be written to, found [^\n]+\n$/);
      expect([status, stdout]).toEqual([2, '']);
    }
  });

  it('makes it, and the folders above it', () => {
    const folder = join(mkdtempSync(join(tmpdir(), 'ioasis-')), 'a/b');
    expect(ioasis(['fuzz', '--runs', '5', '--export', folder]).status).toBe(0);
    expect(existsSync(folder)).toBe(true);
  });
});

describe.runIf(existsSync('/dev/full'))('ioasis, where no output can be written', () => {
  const small = fileWith('small.jsonl', recording(HEADER, OPEN, IOAS_ALLOC));

  it.each([[['replay', small]], [['predict', small]], [['replay', '--help']]])('says so: %j', (args) => {
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', 'exec "$0" "$@" >/dev/full', process.execPath, PROGRAM, ...args],
      {
        encoding: 'utf8',
      },
    );
    expect(stderr).toMatch(/^ioasis: standard output: expected a place to write to, found ENOSPC[^\n]*\n$/);
    expect(status).toBe(2);
  });

  it('keeps its status where complaints cannot be written', () => {
    const { status } = spawnSync('sh', [
      '-c',
      'exec "$0" "$@" 2>/dev/full',
      process.execPath,
      PROGRAM,
      'replay',
      file,
    ]);
    expect(status).toBe(2);
  });
});

describe('ioasis, interrupted', () => {
  const calls = Array.from({ length: 20_000 }, (_, index) => ({ ...IOAS_ALLOC, fd: 9, seq: 2 + index }));
  const input = recording(HEADER, OPEN, ...calls);
  const said = (run: Run): void => {
    expect(run.stderr).toBe('ioasis: interrupted: what was finished so far has been printed\n');
    expect(run.status).toBe(130);
  };

  it.each(['perfetto', 'itf'])('ends --to %s where it was, and it can be read', async (format) => {
    const run = await interrupted(['convert', '-', '--to', format], input);
    said(run);
    expect(() => JSON.parse(run.stdout)).not.toThrow();
  });

  it('prints the lines of predict that there are', async () => {
    const run = await interrupted(['predict', '-'], input);
    said(run);
    for (const line of run.stdout.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
  });

  it('reports the programs of a chunk of fuzzing that is not finished', async () => {
    const run = await interrupted(['fuzz', '--runs', '2000', '--commands', '2000', '--json'], '', 5000);
    said(run);
    const { runs, commands } = JSON.parse(run.stdout);
    expect(runs).toBeGreaterThan(0);
    expect(commands).toBeGreaterThan(0);
  });
});

describe('ioasis help', () => {
  it('says of a verb that is none where the verbs are', () => {
    const { status, stdout, stderr } = ioasis(['help', 'replai']);
    expect([status, stdout, stderr]).toEqual([
      2,
      '',
      'ioasis: expected a verb, as ioasis --help lists them\n',
    ]);
  });
});
