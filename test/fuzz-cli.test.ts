import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CORPUS, fileWith, ioasis, type Run } from './support/cli.ts';

const verb = (...args: string[]): Run => ioasis(args);

const REPRO = `r0 = openat$iommufd(0xffffffffffffff9c, &(0x7f0000000000), 0x0, 0x0)
socket$netlink(0x10, 0x3, 0x0)
ioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &(0x7f0000000040)={0xc, 0x0, <r1=>0x0})
ioctl$IOMMU_DESTROY$ioas(r0, 0x3b80, &(0x7f0000000080)={0x8, r1}) (async)
ioctl$IOMMU_DESTROY$ioas(r0, 0x3b80, &(0x7f0000000080)={0x8, r1})
`;

describe('ioasis fuzz', () => {
  it('prints the report that scripts depend on, the same for any number of jobs', () => {
    const run = (jobs: string) => verb('fuzz', '--runs', '2100', '--commands', '5', '--json', '--jobs', jobs);
    const [one, two] = [run('1'), run('2')];
    expect([one.status, one.stderr]).toEqual([0, '']);
    const report = JSON.parse(one.stdout);
    expect(report).toMatchObject({ schema: 'ioasis.fuzz/1', seed: 1, runs: 2100, failures: [] });
    expect(report.rules.hit + report.rules.missed.length).toBe(report.rules.total);
    const timeless = ({ stdout }: Run) => ({ ...JSON.parse(stdout), commandsPerSecond: 0, elapsedMs: 0 });
    expect(timeless(two)).toEqual(timeless(one));
  });

  it('writes programs that reach the rules, and what their calls have to answer', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ioasis-cover-'));
    expect(verb('fuzz', '--runs', '60', '--cover', 'rules', '--export', folder).status).toBe(0);
    const index: { name: string; rules: string[]; expectations: { rule?: string }[] }[] = JSON.parse(
      readFileSync(join(folder, 'index.json'), 'utf8'),
    );
    for (const { name, rules, expectations } of index) {
      expect(readdirSync(folder)).toEqual(
        expect.arrayContaining(['c', 'jsonl', 'syz'].map((end) => `${name}.${end}`)),
      );
      const told = expectations.map(({ rule }) => rule);
      expect(rules.filter((rule) => !told.includes(rule))).toEqual([]);
    }
    const replayed = ioasis(['replay', '--json', folder]);
    expect(replayed.status).toBe(0);
    expect(JSON.parse(replayed.stdout).totals.diverging).toBe(0);
  });

  it.each([
    [['--runs', '0'], /expected a whole number from 1 on/],
    [['--wrong', '2'], /expected a number from 0 to 1/],
    [['--cover', 'rules'], /expected --export DIR with --cover, found none/],
    [['--kernel', '5.4'], /kernel/],
  ])('refuses %j with status 2', (args, says) => {
    const { status, stdout, stderr } = verb('fuzz', ...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('ioasis convert', () => {
  const repro = fileWith('repro.syz', REPRO);

  it('reads a syzkaller program, predicts it, and tells what it left out', () => {
    const { status, stdout, stderr } = verb('convert', repro, '--to', 'jsonl');
    expect(status).toBe(0);
    expect(stderr).toMatch(/repro\.syz: 1 calls of other subsystems skipped/);
    const results = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ ev }) => ev === 'ioctl');
    expect(results.map(({ ret, errno }) => errno ?? ret)).toEqual([0, 0, 2]);
    expect(ioasis(['replay', '-'], stdout).status).toBe(0);
  });

  it('goes through syzkaller text and back', () => {
    const path = join(CORPUS, 'kernel-7.3.4/strace');
    const text = verb('convert', path, '--to', 'syz').stdout;
    expect(verb('convert', fileWith('again.syz', text), '--to', 'syz').stdout).toBe(text);
  });

  it('writes one C file, however many programs there are', () => {
    const { stdout } = verb('convert', repro, repro, '--to', 'c');
    expect(stdout.match(/^static void program_\d+\(void\)$/gm)).toHaveLength(2);
    expect(stdout.match(/^int main\(void\)$/gm)).toHaveLength(1);
  });

  it('says in one line where a program breaks', () => {
    const { status, stderr } = verb('convert', fileWith('broken.syz', `${REPRO}close(r0`), '--to', 'c');
    expect(status).toBe(2);
    expect(stderr).toMatch(/broken\.syz:6: TRC020-bad-syzkaller-text: line 6, column 9: expected/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
