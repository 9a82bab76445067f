import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ioasis } from './support/cli.ts';

const RFC = 'iommufd-rfc-2021-09';

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'ioasis-verify-'));
}

type Report = Readonly<{
  states: number;
  complete: boolean;
  properties: readonly Readonly<{
    id: string;
    verdict: string;
    bounded?: true;
    counterexample: readonly string[];
    length: number;
  }>[];
}>;

function reportOf(...args: readonly string[]): Report {
  const report: Report = JSON.parse(ioasis(['verify', RFC, '--json', ...args]).stdout);
  return report;
}

describe('ioasis verify', () => {
  it('ends with status 1 on a violated property, and shows a shortest run', () => {
    const { status, stdout } = ioasis(['verify', RFC, '--property', 'P24']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/P24 {2}violated/);
    expect(stdout).toContain('5. bind a host driver [probe-driver](device1)');
    expect(stdout).toContain('crashed: false → true');
  });

  it('ends with status 0 where all that was asked for holds', () => {
    const { status, stdout } = ioasis(['verify', RFC, '--property', 'P59', '--property', 'p49']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/P49 {2}holds[\s\S]*P59 {2}holds/);
  });

  it('prints the object of docs/CLI.md', () => {
    const report = reportOf('--property', 'P24');
    expect(report).toMatchObject({
      schema: 'ioasis.verify/1',
      proposal: RFC,
      platform: 'intel',
      complete: true,
      properties: [{ id: 'P24', verdict: 'violated', length: 5 }],
    });
    expect(report.properties[0]?.counterexample).toHaveLength(5);
  });

  it('says of a search that ended at a bound that there may be more', () => {
    const report = reportOf('--property', 'P24', '--depth', '4');
    expect(report.complete).toBe(false);
    expect(report.properties[0]).toMatchObject({ verdict: 'holds', bounded: true });
  });

  it('finds the same without symmetry, in more states', () => {
    const [with_, without] = [reportOf('--property', 'P59'), reportOf('--property', 'P59', '--no-symmetry')];
    expect(without.states).toBeGreaterThan(with_.states);
    expect(without.properties[0]?.verdict).toBe(with_.properties[0]?.verdict);
  });

  it('goes on from a checkpoint with the result of a search that never stopped', () => {
    const kept = folder();
    const bounded = reportOf('--property', 'P59', '--depth', '3', '--checkpoint', kept);
    expect(bounded.complete).toBe(false);
    expect(readdirSync(kept)).toEqual(['routes.checkpoint']);
    const whole = reportOf('--property', 'P59', '--checkpoint', kept);
    expect(whole.states).toBe(reportOf('--property', 'P59').states);
    expect(whole.complete).toBe(true);
  });

  it('refuses a damaged checkpoint in one line', () => {
    const kept = folder();
    writeFileSync(join(kept, 'routes.checkpoint'), 'no checkpoint');
    const { status, stderr } = ioasis(['verify', RFC, '--property', 'P59', '--checkpoint', kept]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^ioasis: \S+\/routes\.checkpoint: CKP001-damaged: .*\n$/);
  });

  it('writes counterexamples as diagram and as ITF', () => {
    const written = join(folder(), 'new');
    ioasis(['verify', RFC, '--property', 'P24', '--property', 'P59', '--export', written]);
    expect(readdirSync(written)).toEqual(['P24.itf.json', 'P24.mmd']);
    expect(readFileSync(join(written, 'P24.mmd'), 'utf8')).toMatch(/^sequenceDiagram\n[\s\S]*violates P24/);
    const trace: { states: readonly unknown[] } = JSON.parse(
      readFileSync(join(written, 'P24.itf.json'), 'utf8'),
    );
    expect(trace.states).toHaveLength(6);
  });

  it.each([
    [['no-such-proposal'], /expected one of the proposals .*iommufd-rfc-2021-09.*found no-such-proposal/],
    [[RFC, '--property', 'P99'], /expected a property such as P01/],
    [[RFC, '--platform', 'sparc'], /Allowed choices are intel, arm, amd/],
    [[RFC, '--depth', '0'], /expected a whole number from 1 on/],
  ])('refuses %j in one line, with status 2', (args, message) => {
    const { status, stdout, stderr } = ioasis(['verify', ...args]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync('P24.mmd')).toBe(false);
  });
});
