/** Programs as files: each as recording, as syzkaller text and as a C test, and an index of what they are for. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeC } from '../traces/c-export.ts';
import { type CoveringProgram, expectationsOf } from '../traces/fuzz-cover.ts';
import type { FuzzFailure } from '../traces/fuzz-report.ts';
import { writeJsonl } from '../traces/jsonl-export.ts';
import type { Program } from '../traces/program.ts';
import { writeSyz } from '../traces/syz-write.ts';

function writeProgram(folder: string, name: string, program: Program, title: string): void {
  writeFileSync(join(folder, `${name}.syz`), writeSyz(program));
  writeFileSync(join(folder, `${name}.c`), writeC([program], title));
  writeFileSync(join(folder, `${name}.jsonl`), writeJsonl(program));
}

function numbered(kind: string, index: number): string {
  return `${kind}-${String(index + 1).padStart(3, '0')}`;
}

/** Minimal programs of failures, in a folder that is there. A program that trips the model itself has a recording only up to where it does. */
export function exportFailures(folder: string, failures: readonly FuzzFailure[]): void {
  for (const [index, { program, invariant, detail }] of failures.entries()) {
    const name = numbered('failure', index);
    writeFileSync(join(folder, `${name}.syz`), `# ${invariant}: ${detail}\n${writeSyz(program)}`);
    try {
      writeProgram(folder, name, program, `${invariant}: ${detail}`);
    } catch {
      writeFileSync(
        join(folder, `${name}.jsonl`),
        writeJsonl({ ...program, steps: program.steps.slice(0, -1) }),
      );
    }
  }
}

/** The programs of a cover, and `index.json`: which rules each is for, and what its calls have to answer. */
export function exportCover(folder: string, cover: readonly CoveringProgram[]): void {
  const index = cover.map(({ program, rules }, number) => {
    const name = numbered('rules', number);
    writeProgram(folder, name, program, `reaches ${rules.join(', ')}`);
    return { name, rules, expectations: expectationsOf(program) };
  });
  writeFileSync(join(folder, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`);
}
