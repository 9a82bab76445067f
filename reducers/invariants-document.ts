/** docs/INVARIANTS.md, written from the register. */
import { INVARIANTS } from './invariants-register.ts';
import { RESIDUES } from './invariants-residue.ts';

/** The whole document. */
export function invariantsDocument(): string {
  const lines = [
    '# Invariants',
    '',
    'Written from `reducers/invariants-register.ts` by a test; change that, not this file.',
    '',
    'Each is checked after every call of a replay with `--check` (by itself for files below 1 MiB), in tests and in fuzzing.',
    'After the kernel broke one of its own (a `WARNING` in its log), its context is not checked any more.',
    '',
    '| invariant | what holds | source |',
    '|---|---|---|',
  ];
  for (const [id, { says, source }] of Object.entries(INVARIANTS))
    lines.push(`| \`${id}\` | ${says} | ${source} |`);
  lines.push(
    '',
    '## What refused calls leave behind',
    '',
    'The exceptions of `refused-changes-nothing`: what the kernel does, so the model does it too.',
    '',
    '| events | after a refusal by | because |',
    '|---|---|---|',
  );
  for (const { events, rules, because } of RESIDUES) {
    const named = rules.map((rule) => `\`${rule}${rule.endsWith('/') ? '*' : ''}\``);
    lines.push(`| ${events.join(', ')} | ${named.join(', ')} | ${because} |`);
  }
  return `${lines.join('\n')}\n`;
}
