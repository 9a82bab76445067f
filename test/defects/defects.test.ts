import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { applyDefect, readDefects } from '../../bench/fuzz-defect-patch.ts';
import { commandsOf, findDefect, LENGTH_MAX, RUNS_MAX } from '../../bench/fuzz-defects.ts';
import { INVARIANTS } from '../../reducers/invariants-register.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const defects = readDefects(fileURLToPath(new URL('.', import.meta.url)));

describe('seeded defects', () => {
  it('are many, and their patches still fit the model', () => {
    expect(defects.length).toBeGreaterThanOrEqual(25);
    for (const defect of defects) {
      const source = readFileSync(join(root, defect.file), 'utf8');
      expect([defect.name, applyDefect(source, defect) === source]).toEqual([defect.name, false]);
    }
  });

  it('stand in the table of docs/DEFECTS.md', () => {
    const table = readFileSync(join(root, 'docs', 'DEFECTS.md'), 'utf8');
    for (const { name, what } of defects) expect(table).toContain(`| ${name} | ${what} |`);
  });

  it('show each invariant of the register broken', () => {
    const table = readFileSync(join(root, 'docs', 'DEFECTS.md'), 'utf8');
    const seen = new Set([...table.matchAll(/^\| \d\S* \| [^|]* \| (\S+) \|/gm)].map(([, oracle]) => oracle));
    expect(Object.keys(INVARIANTS).filter((id) => !seen.has(id))).toEqual([]);
  });

  it.each(['unmap-leaves-area', 'nested-parent-not-held', 'iotlb-not-flushed-on-unmap', 'ids-not-reused'])(
    'are found and shrunk: %s',
    async (name) => {
      const defect = defects.find((one) => one.name.endsWith(name));
      if (defect === undefined) throw new Error(`no defect ${name}`);
      const finding = await findDefect(root, defect);
      expect(finding.runs).toBeLessThanOrEqual(RUNS_MAX);
      expect(commandsOf(finding)).toBeGreaterThan(0);
      expect(commandsOf(finding)).toBeLessThanOrEqual(LENGTH_MAX);
    },
    60_000,
  );
});
