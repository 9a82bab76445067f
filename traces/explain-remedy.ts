/** What would have succeeded: the smallest change of arguments, or the fewest calls before, each tried on the model. */
import type { RuleId } from '../events/rules.ts';
import type { CallLine } from './engine.ts';
import { type Change, changesOf } from './explain-candidates.ts';
import { attempt, type Lab, openLab, succeeds } from './explain-lab.ts';
import { type Prelude, preludesOf, preludeText } from './explain-prelude.ts';
import type { Scene } from './explain-scene.ts';
import { askedOf } from './provenance.ts';
import type { RecordedLine } from './recording.ts';

export type Remedy = Readonly<{
  how: 'arguments' | 'before' | 'instead';
  /** What would have to be different. */
  text: string;
}>;

export type Remedies = Readonly<{ found: readonly Remedy[]; trials: number }>;

const TRIALS_MAX = 1500;
const ARGUMENTS_MAX = 2;
const WIDTH = 12;

/** Tries changes of one field, then of two and three, and calls before it; keeps what succeeds. */
export function remediesOf(scene: Scene, rule: RuleId): Remedies {
  const lab = openLab(scene, scene.history.session.kernel);
  const asked = askedOf(scene.step) as CallLine;
  const before = beforeRemedy(lab, rule, asked);
  const first = rule === 'destroy/users' ? [] : argumentRemedies(lab, rule, asked, before === undefined);
  return { found: [...first, ...(before === undefined ? [] : [before])], trials: lab.trials };
}

function beforeRemedy(lab: Lab, rule: RuleId, asked: CallLine): Remedy | undefined {
  for (const prelude of preludesOf(lab.scene, rule, asked)) {
    if (!succeeds(attempt(lab, prelude.before, prelude.call))) continue;
    const before = fewest(lab, prelude);
    return { how: prelude.instead ? 'instead' : 'before', text: prelude.text ?? preludeText(before) };
  }
  return undefined;
}

/** Leaves out what is not needed, last first. */
function fewest(lab: Lab, { before, call }: Prelude): readonly RecordedLine[] {
  let lines = before;
  for (let index = lines.length - 1; index >= 0 && lines.length > 1; index--) {
    const rest = [...lines.slice(0, index), ...lines.slice(index + 1)];
    if (succeeds(attempt(lab, rest, call))) lines = rest;
  }
  return lines;
}

type Path = Readonly<{ changes: readonly Change[]; call: CallLine; rule: RuleId }>;

/** Breadth first over fields that differ: what gets past a check is carried on. */
function argumentRemedies(lab: Lab, rule: RuleId, asked: CallLine, deep: boolean): Remedy[] {
  let paths: Path[] = [{ changes: [], call: asked, rule }];
  const depths = deep ? 3 : 1;
  for (let depth = 1; depth <= depths; depth++) {
    const next: Path[] = [];
    const found: Remedy[] = [];
    const told = new Set<string>();
    for (const path of paths) {
      for (const change of changesOf(lab.scene, path.rule)) {
        if (lab.trials > TRIALS_MAX || found.length >= ARGUMENTS_MAX) break;
        const fields = change.names.join();
        if (
          told.has(fields) ||
          path.changes.some(({ names }) => names.some((name) => change.names.includes(name)))
        )
          continue;
        const call = change.apply(path.call);
        const result = attempt(lab, [], call);
        const changes = [...path.changes, change];
        if (succeeds(result)) {
          told.add(fields);
          found.push({ how: 'arguments', text: changes.map(({ text }) => text).join(', and ') });
        } else if (result?.outcome.rule !== undefined && result.outcome.rule !== path.rule)
          next.push({ changes, call, rule: result.outcome.rule });
      }
    }
    if (found.length > 0) return found;
    paths = next.slice(0, WIDTH);
  }
  return [];
}
