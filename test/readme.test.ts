import { describe, expect, it } from 'vitest';
import { ioasis } from './support/cli.ts';
import { documents } from './support/documents.ts';

/** What differs from run to run: seconds, and what is counted in a second. */
function timeless(text: string): string {
  return text
    .replace(/in [\d.]+ s \([\d,]+ a second\)/g, 'in T s')
    .replace(/[\d,]+ states a second/g, 'N states a second')
    .trim();
}

const examples = documents.flatMap(({ path, text }) =>
  [...text.matchAll(/^```console\n\$ npx ioasis (.*)\n([\s\S]*?)^```$/gm)].map(
    ([, command = '', output = '']) => ({
      path,
      command,
      output,
    }),
  ),
);

describe('examples in documents', () => {
  it('stand in the README', () =>
    expect(examples.filter(({ path }) => path === 'README.md').length).toBeGreaterThan(2));

  it.each(examples)('$path shows what ioasis $command prints', ({ command, output }) => {
    const { stdout, stderr } = ioasis(command.split(' '));
    expect(stderr).toBe('');
    expect(timeless(stdout)).toBe(timeless(output));
  });
});

describe('figures in docs/CLI.md', () => {
  const { text } = documents.find(({ path }) => path === 'docs/CLI.md') ?? { text: '' };

  it('are those of a comparison', () => {
    const { stdout } = ioasis(['compare', 'ioasid-rfc-v1', 'iommu-rfc-v2', '--platform', 'intel', '--json']);
    const { scenarios, differing, first } = JSON.parse(stdout);
    expect(text).toContain(`"scenarios": ${scenarios}, "differing": ${differing},`);
    expect(text).toContain(`"first": { "scenario": "${first.scenario}"`);
    expect(text).toContain(`"step": ${first.step}, "words": "${first.words}"`);
  });

  it('are those of the rules that the fuzzer can reach', () => {
    const { rules } = JSON.parse(ioasis(['fuzz', '--runs', '1', '--json']).stdout);
    expect(text).toContain(`"total": ${rules.total}, "missed"`);
  });
});
