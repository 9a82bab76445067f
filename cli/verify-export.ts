/** Counterexamples as files: a diagram that a web page draws, and a trace that other model checkers read. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toItf } from '../explore/itf.ts';
import { sequenceDiagram } from '../explore/sequence-diagram.ts';
import type { Verification } from '../proposals/verify.ts';

/** `P24.mmd` and `P24.itf.json` for each violated property, in a folder that is there. */
export function exportTraces(folder: string, { verdicts, searches }: Verification): void {
  for (const { property, setup, trace } of verdicts) {
    const model = searches.find((one) => one.setup === setup)?.model;
    if (trace === undefined || model === undefined) continue;
    const ending = `violates ${property.id}: ${property.says}`;
    writeFileSync(join(folder, `${property.id}.mmd`), sequenceDiagram(trace, ending));
    writeFileSync(
      join(folder, `${property.id}.itf.json`),
      `${JSON.stringify(toItf(model, trace), null, 1)}\n`,
    );
  }
}
